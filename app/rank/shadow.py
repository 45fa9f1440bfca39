"""Scores what was served by another release, which nobody sees: for the log, before it may serve.

Where a service ranks, the gateway sends it a second call: it alone knows what was served and keeps
the log, and the ranker stays without a state. With connections and a breaker of its own, so that a
shadow which fails costs the searches nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.domain.arrays import F32
from app.domain.candidates import CandidateSet
from app.domain.query import Deadline
from app.rank.remote import RemoteRanker
from app.rank.standby import Standby
from app.snapshot.context import SearchContext

PATIENCE_MS = 2_000.0  # for one list; nobody waits for it


@dataclass(frozen=True, slots=True)
class ShadowScores:
    """What the shadow says of n candidates."""

    release_id: str
    scores: F32  # (n,)


class ShadowRanker:
    """One name and what it means now."""

    def __init__(self, name: str, standby: Standby, remote: RemoteRanker | None) -> None:
        self._name = name
        self._standby = standby
        self._remote = remote

    def score(self, ctx: SearchContext, candidates: CandidateSet) -> ShadowScores | None:
        """Score candidates of a served search; None where the shadow is not open yet, or served.

        Raises what a ranker raises.
        """
        held = self._standby.find(self._name, ctx.snapshot)
        if held is None or held.release.id == ctx.release_id or not len(candidates):
            return None
        release_id = held.release.id
        ctx = replace(ctx, release_id=release_id, deadline=Deadline.after_ms(PATIENCE_MS))
        if self._remote is None:
            return ShadowScores(release_id, held.ranker.score(ctx, candidates))
        return ShadowScores(release_id, self._remote.ranking(ctx, candidates).scores)

    def close(self) -> None:
        if self._remote is not None:
            self._remote.close()
