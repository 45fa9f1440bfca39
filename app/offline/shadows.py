"""What the shadow would have done: its order of logged searches beside the one that was served.

Agreement is of the two first tens among all candidates. nDCG is of the documents that were shown,
in the order served and in the shadow's, by what people then did with them. Clicks fall where
things stand, so this favours what was served: a shadow that is not behind here is not behind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from app.corpus.event_columns import EventColumns
from app.corpus.impression_log import read_impressions
from app.domain.errors import InvalidInput
from app.domain.impressions import Impression
from app.offline.confidence import Interval, difference_interval, mean_interval
from app.offline.judged import from_sessions
from app.offline.metrics import evaluate
from app.offline.recipe import Grades, Log
from app.offline.shown_lists import shown_lists

METRIC, TOP, SEED = "nDCG@10", 10, 7
COLUMNS = (
    "request_id", "now_ms", "release_id", "offset", "ids", "shown", "shadow_release_id",
    "shadow_scores", "shadow_ranks",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ShadowReport:
    """A shadow beside what served, on the same searches."""

    shadow_release_id: str
    served: Mapping[str, int]  # release, or "fused order" → searches
    searches: int  # first pages that the shadow scored and that showed anything
    agreement: Interval  # share of the first ten that both have
    clicked: int  # searches with anything done
    ndcg_served: Interval
    ndcg_shadow: Interval
    difference: Interval  # shadow − served, paired

    def to_json(self) -> dict[str, Any]:
        return {
            "shadow_release_id": self.shadow_release_id,
            "served": dict(self.served),
            "searches": self.searches,
            "agreement@10": _ends(self.agreement),
            "clicked": self.clicked,
            "metrics": {
                METRIC: {
                    "served": _ends(self.ndcg_served),
                    "shadow": _ends(self.ndcg_shadow),
                    "difference": _ends(self.difference),
                }
            },
        }

    def lines(self) -> list[str]:
        served = ", ".join(f"{name} {count:,}" for name, count in self.served.items())
        lines = [
            f"shadow {self.shadow_release_id} beside {served} searches",
            f"agreement@10  {self.agreement} of {self.searches:,} first pages",
        ]
        if not self.clicked:
            return [*lines, f"{METRIC}: none of these searches has a click yet"]
        return [
            *lines,
            f"{METRIC} on the clicks of {self.clicked:,} searches: served {self.ndcg_served}, "
            f"shadow {self.ndcg_shadow}, difference {self.difference}",
            "clicks fell on what was served, in its order: this favours it",
        ]


def compare_shadow(
    log: Path,
    events: EventColumns | None,
    now_ms: int,
    since_ms: int = 0,
    shadow: str | None = None,
) -> ShadowReport:
    """Hold a shadow release against what served; `shadow` is its id, default the newest logged.

    Raises InvalidInput where no search was scored by it.
    """
    scored = [
        i for i in read_impressions(log, since_ms, columns=COLUMNS)
        if i.shadow_release_id is not None and i.shown and not i.offset
    ]  # fmt: skip
    shadow = shadow or next((i.shadow_release_id for i in reversed(scored)), None)
    pages = [i for i in scored if i.shadow_release_id == shadow]
    if shadow is None or not pages:
        known = ", ".join(sorted({str(i.shadow_release_id) for i in scored})) or "none"
        raise InvalidInput(
            f"no search under {log} was scored by {shadow or 'a shadow'}; by: {known}; "
            "set rank.shadow, and serve"
        )
    grades = {} if events is None else _grades(log, events, now_ms)
    return _report(shadow, pages, grades)


def agreement(page: Impression) -> float:
    """Return the share of a first page's first ten that are among the shadow's as well."""
    first = min(page.shown, TOP)
    return float((page.shadow_ranks[:first] <= first).mean())


def shadow_order(page: Impression) -> list[str]:
    """Put what was shown in the order that the shadow would have served it in."""
    order = np.argsort(page.shadow_ranks[: page.shown])
    return [page.ids[i] for i in order]


def _report(
    shadow: str, pages: Sequence[Impression], grades: Mapping[str, Mapping[str, int]]
) -> ShadowReport:
    clicked = {p.request_id: p for p in pages if any(grades.get(p.request_id, {}).values())}
    qrels = {i: grades[i] for i in clicked}
    served, beside = (
        evaluate(run, qrels, (METRIC,)).values[METRIC]
        for run in (
            {i: p.shown_ids for i, p in clicked.items()},
            {i: shadow_order(p) for i, p in clicked.items()},
        )
    )
    return ShadowReport(
        shadow,
        Counter(p.release_id or "fused order" for p in pages),
        len(pages),
        mean_interval(np.array([agreement(p) for p in pages]), SEED),
        len(clicked),
        mean_interval(served, SEED),
        mean_interval(beside, SEED),
        difference_interval(beside, served, SEED),
    )


def _grades(log: Path, events: EventColumns, now_ms: int) -> dict[str, Mapping[str, int]]:
    """What was done with each logged search's documents: request id → document → grade."""
    found = shown_lists(log, events, Log().window_ms, now_ms).sessions
    return {one.qid: one.grades for one in from_sessions(found, Grades())}


def _ends(interval: Interval) -> list[float | None]:
    ends: Iterable[float] = (interval.mean, interval.low, interval.high)
    return [round(x, 6) if np.isfinite(x) else None for x in ends]
