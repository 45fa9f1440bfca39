"""A logged impression as ranking saw it: the request's frame and the candidates, made once more.

What was recalled (`hit_*`) and what the whole list said (`list_*`) are logged facts: they are read,
never computed again. All else follows from the versions that the impression names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from app.corpus.impression_log import read_impressions
from app.domain.arrays import F32, I64, Bools
from app.domain.candidates import CandidateSet
from app.domain.impressions import Impression
from app.features.feature import FeatureSet
from app.features.inputs import gather
from app.features.lookup import PairModel
from app.offline.judged import Judged
from app.offline.replay import Replay
from app.query.understand import SearchRequest
from app.snapshot.context import SearchContext

LIGHT = (
    "text", "user_id", "client_id", "origin", "radius_km", "filters", "offset",
    "snapshot_id", "tables_id", "release_id", "event_seq", "ids", "shown",
    "moved_by", "drawn",
)  # fmt: skip
"""What joining reads. The tables are ten times as much; they are read when rows are made."""


@dataclass(frozen=True, slots=True)
class Restored:
    """An impression on a snapshot that has n of its m documents."""

    ctx: SearchContext
    candidates: CandidateSet  # (n,) in the order of the impression, not of fused
    kept: I64  # (n,) place of each in the impression, ascending
    lists: Mapping[str, float]  # list_* as logged

    def matrix(
        self,
        features: FeatureSet,
        lists: Mapping[str, Any] | None = None,
        models: Mapping[str, PairModel] | None = None,
    ) -> F32:
        """Compute features of the candidates. (n, d) `lists`: values that were not logged."""
        told = {**(lists or {}), **self.lists}
        inputs = gather(features.inputs, self.ctx, self.candidates, told, models)
        return features.matrix(inputs, len(self.candidates))

    def unlogged(self, features: FeatureSet) -> list[str]:
        """Return the list_* inputs that the features read and the impression does not tell."""
        return [
            name for name in features.inputs
            if name.startswith("list_") and name not in self.lists
        ]  # fmt: skip

    def only(self, places: I64) -> Restored:
        """Keep those of some places in the impression."""
        wanted = np.zeros(int(max(self.kept.max(initial=-1), places.max(initial=-1))) + 1, np.bool_)
        wanted[places] = True
        return self.where(wanted[self.kept])

    def where(self, chosen: Bools) -> Restored:
        """Keep some of the candidates. (n,)"""
        if chosen.all():
            return self
        return replace(self, candidates=self.candidates.take(chosen), kept=self.kept[chosen])


def request_of(impression: Impression) -> SearchRequest:
    """Return the search that was asked, without its page: features know nothing of pages."""
    return SearchRequest(
        text=impression.text,
        user_id=impression.user_id,
        client_id=impression.client_id,
        origin=impression.origin,
        radius_km=impression.radius_km,
        filters=impression.filters,
        correct=False,  # the text is what was searched for, put right and relaxed already
    )


def restore(impression: Impression, replay: Replay) -> Restored:
    """Make frame and candidates from the text up, on the replay's snapshot and tables.

    Raises InvalidQuery where that snapshot cannot answer the request, as when a filter names a
    field that it lacks.
    """
    ctx = replay.context(request_of(impression), impression.now_ms, impression.event_seq)
    rows = ctx.snapshot.documents.ids.find_all(impression.ids)
    kept = np.flatnonzero(rows >= 0)
    candidates = CandidateSet(
        rows[kept],
        impression.fused[kept],
        impression.channels,
        impression.hit_scores[kept],
        impression.hit_ranks[kept],
    )
    return Restored(ctx, candidates, kept, impression.lists)


def recalled_lists(restored: Restored, names: list[str], replay: Replay) -> dict[str, Any]:
    """Recall once more for list_* that nobody logged, as of the impression's time."""
    return dict(gather(names, restored.ctx, replay.recall(restored.ctx)))


def with_tables(root: Path, judged: Iterable[Judged]) -> Iterator[Judged]:
    """Yield judged lists with their whole impressions, in order of the log: one file in memory.

    Of an impression that was logged twice the first counts.
    """
    wanted = {j.qid: j for j in judged if j.impression is not None}
    if not wanted:
        return
    times = [j.now_ms for j in wanted.values()]
    for impression in read_impressions(root, min(times), max(times) + 1):
        one = wanted.pop(impression.request_id, None)
        if one is not None:
            yield replace(one, impression=impression)
