"""What to do about a channel, by what it was found to be worth; each piece of advice says why."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from app.offline.channel_worth import FUSED, NDCG, RECALL, Tally, Worth
from app.settings import ChannelSettings

ENOUGH_QUERIES = 30
ENOUGH_DOCUMENTS = 20
NEGLIGIBLE = 0.002  # of a metric: less is not worth its time
REACHED = 0.99  # of the relevant documents that it brings, within the k that is advised
MAX_K = 1000


class Verdict(StrEnum):
    KEEP = "keep"
    SWITCH_OFF = "switch off"
    HARMS = "harms"
    UNDECIDED = "undecided"
    HARDLY_ASKED = "hardly asked"


@dataclass(frozen=True, slots=True)
class Advice:
    verdict: Verdict
    k: int  # hits to ask for: also its quota where the merge deals places out
    weight: float
    reasons: tuple[str, ...]  # one of the verdict, one of k, one of the weight


def advise(worth: Worth, channel: str, set_: ChannelSettings) -> Advice:
    """Read the figures of one channel; `set_` is how it is configured."""
    tally = worth.tallies[channel]
    verdict, why = _verdict(worth, channel, tally)
    if tally.asked < ENOUGH_QUERIES:
        return Advice(verdict, set_.k, set_.weight, (why,))
    k, why_k = _k(tally, set_.k)
    weight, why_weight = _weight(worth, channel, set_.weight)
    return Advice(verdict, k, weight, (why, why_k, why_weight))


def _verdict(worth: Worth, channel: str, tally: Tally) -> tuple[Verdict, str]:
    if tally.asked < ENOUGH_QUERIES:
        return Verdict.HARDLY_ASKED, f"asked in {tally.asked} queries: too few to say"
    adds = {metric: worth.adds(channel, metric) for metric in (RECALL, NDCG)}
    told = "; ".join(f"{metric} {found}" for metric, found in adds.items())
    if any(found.low > 0 and found.mean > NEGLIGIBLE for found in adds.values()):
        return Verdict.KEEP, f"it adds {told}"
    if any(found.high < 0 and found.mean < -NEGLIGIBLE for found in adds.values()):
        return Verdict.HARMS, f"answers are better without it: {told}"
    alone = len(tally.depths_alone) / max(worth.found, 1)
    if all(found.high < NEGLIGIBLE for found in adds.values()) and alone < NEGLIGIBLE:
        return Verdict.SWITCH_OFF, f"nothing is lost without it: {told}"
    return Verdict.UNDECIDED, f"more queries would tell: {told}"


def _k(tally: Tally, k: int) -> tuple[int, str]:
    """Advise so many hits that hardly any relevant document that it brings lies deeper.

    More are asked for where it alone brings them: what others bring too is there in any case.
    """
    enough = len(tally.depths_alone) >= ENOUGH_DOCUMENTS
    depths: Sequence[int] = tally.depths_alone if enough else tally.depths
    if len(depths) < ENOUGH_DOCUMENTS:
        return k, f"k stays {k}: it returned {len(depths)} relevant documents, too few to say"
    which = "that only it found" if enough else "that it found"
    deep = int(np.quantile(depths, REACHED, method="inverted_cdf"))
    if enough and deep > 0.9 * k and k < MAX_K:
        more = min(2 * k, MAX_K)
        return more, f"k {k} → {more}: relevant documents {which} go on to hit {deep}"
    step = 10 if deep <= 100 else 50
    less = min(math.ceil(deep / step) * step, k)
    told = f"{REACHED:.0%} of the relevant documents {which} are among its first {deep}"
    return less, f"k {k} → {less}: {told}" if less != k else f"k stays {k}: {told}"


def _weight(worth: Worth, channel: str, weight: float) -> tuple[float, str]:
    """Advise another weight only where fused order is better by more than chance."""
    tried = {other: worth.weighed(channel, other) for other in worth.weights[channel]}
    best = max(tried, key=lambda other: tried[other].mean)
    told = f"fused order {NDCG} {tried[best]}"
    if tried[best].low > 0 and tried[best].mean > NEGLIGIBLE:
        return best, f"weight {weight:g} → {best:g}: {told}"
    others = ", ".join(f"{other:g}" for other in tried)
    base = worth.comparison.interval(FUSED, NDCG).mean
    return weight, f"weight stays {weight:g}: none of {others} betters fused order ({base:.4f})"
