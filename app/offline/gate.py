"""The gate: may this model serve? Every reason against it, with the number, limit and remedy.

A model is held against what serves now and against the best of the last weeks, for a rule that
looks one night back lets quality drift down a little every night. It is *not worse* where the lower
end of the paired interval stays above a small negative margin (a non-inferiority test); asking that
it be better would refuse every retraining on fresh data.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.domain.errors import CorruptArtifact, FeatureMismatch, GateRefused
from app.offline.confidence import Interval
from app.offline.recipe import Gate
from app.rank.release import open_release
from app.snapshot.store import ArtifactStore


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the candidate was held against, or why it could not be."""

    role: str  # "fused order", "serving" or "best of 30 days"
    release_id: str | None  # None: no model
    queries: int  # held-out lists that neither of the two was trained on
    difference: Interval | None  # candidate − baseline, paired, in the gate's metric
    left_out: str = ""  # why it was not held against; then there is no difference

    def __str__(self) -> str:
        name = f"{self.role} ({self.release_id})" if self.release_id else self.role
        told = f"{self.difference} on {self.queries} lists"
        return f"{name}: " + (f"left out, {self.left_out}" if self.left_out else told)

    def to_json(self) -> dict[str, Any]:
        d = self.difference
        return {
            "role": self.role,
            "release_id": self.release_id,
            "queries": self.queries,
            "difference": None if d is None else _finite(d.mean, d.low, d.high),
            "left_out": self.left_out or None,
        }


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the gate looks at."""

    metric: str
    is_logged: bool  # shown lists from a log; else queries with judgements
    lists: int  # with a click, or judged; learned from and held out
    rank_p95_ms: float  # of ranking a held-out query's candidates; NaN where none was ranked
    baselines: tuple[Baseline, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Passed exactly where there is no reason against it."""

    passed: bool
    reasons: tuple[str, ...]
    baselines: tuple[Baseline, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "passed": self.passed,
            "reasons": list(self.reasons),
            "baselines": [b.to_json() for b in self.baselines],
        }


def judge(evidence: Evidence, gate: Gate) -> Verdict:
    """Hold the evidence against the recipe's limits."""
    reasons = (*_too_few(evidence, gate), *_worse(evidence, gate), *_too_slow(evidence, gate))
    return Verdict(not reasons, reasons, evidence.baselines)


def publish(release_id: str, verdict: Verdict, releases: ArtifactStore) -> None:
    """Let the release serve, or raise GateRefused with every reason.

    It is opened first as a service opens it: files against their sha256, golden rows replayed.
    """
    reasons = (*verdict.reasons, *unopened(release_id, releases))
    if reasons:
        raise GateRefused(refusal(release_id, reasons))
    releases.publish(release_id)


def unopened(release_id: str, releases: ArtifactStore) -> Iterator[str]:
    """Yield why no service would take this release up, if so."""
    try:
        open_release(releases.path(release_id))
    except (FeatureMismatch, CorruptArtifact) as error:
        yield str(error)


def refusal(release_id: str, reasons: Sequence[str]) -> str:
    """Say every reason, each on a line of its own where there are several."""
    told = reasons[0] if len(reasons) == 1 else "".join(f"\n  - {reason}" for reason in reasons)
    return f"{release_id}: {told}"


def _too_few(evidence: Evidence, gate: Gate) -> Iterator[str]:
    if evidence.is_logged and evidence.lists < gate.min_clicked_lists:
        yield (
            f"{evidence.lists:,} shown lists with a click, gate.min_clicked_lists wants "
            f"{gate.min_clicked_lists:,}; wait for more clicks, raise sampling.max_groups or "
            "--max-groups where that is the bound, or lower the limit"
        )
    if not evidence.is_logged and evidence.lists < gate.min_judged_queries:
        yield (
            f"{evidence.lists:,} judged queries with a relevant document, gate.min_judged_queries "
            f"wants {gate.min_judged_queries:,}; judge more queries, or lower the limit"
        )


def _worse(evidence: Evidence, gate: Gate) -> Iterator[str]:
    held = [b for b in evidence.baselines if b.difference is not None]
    if not held:
        yield "nothing to hold it against: no held-out query has a relevant document; judge more"
    for baseline in held:
        difference = baseline.difference
        if difference is None or difference.low >= gate.min_difference:
            continue
        name = f"{baseline.role} {baseline.release_id or ''}".strip()
        yield (
            f"{evidence.metric} against {name} is {difference} on {baseline.queries} held-out "
            f"lists; gate.min_difference wants the lower end at or above {gate.min_difference}; "
            + _remedy(difference, gate)
        )


def _remedy(difference: Interval, gate: Gate) -> str:
    if difference.mean >= gate.min_difference:
        return "the mean passes and the interval is too wide: hold out more lists"
    return "compare the two reports for the feature or the slice that lost"


def _too_slow(evidence: Evidence, gate: Gate) -> Iterator[str]:
    if evidence.rank_p95_ms > gate.max_rank_ms:
        yield (
            f"ranking a query's candidates takes {evidence.rank_p95_ms:.1f} ms at the 95th "
            f"percentile, gate.max_rank_ms allows {gate.max_rank_ms:g}; use fewer features or "
            "trees, or lower merge.max_candidates"
        )


def _finite(*numbers: float) -> list[float | None]:
    return [round(x, 6) if np.isfinite(x) else None for x in numbers]
