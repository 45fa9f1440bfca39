"""Training rows of logged impressions: what serving logged, and by replay what it did not.

A logged column is taken as it is, so that no skew can be. A feature that the release of that day
did not have is computed as of the impression's own moment: its snapshot, its tables, its person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from app.domain.arrays import F32, I64, Bools
from app.domain.errors import DuoluError
from app.domain.impressions import Impression
from app.features.catalog import CATALOG
from app.features.feature import FeatureSet
from app.features.lookup import PairModel
from app.offline.dataset import UNJUDGED, UNOBSERVED, TrainingSet
from app.offline.judged import Judged
from app.offline.logged import Restored, recalled_lists, restore
from app.offline.past import Past
from app.offline.replay import Replay

PIECE = 50  # query groups joined into one set of rows


@dataclass(slots=True)
class BackfillCounts:
    """Where the rows came from, and which lists gave none."""

    rows: int = 0
    values_logged: int = 0
    values_replayed: int = 0
    lists_recalled: int = 0  # impressions whose list_* was not logged
    documents_gone: int = 0  # rows left out: the snapshot to replay on lacks them
    lists_refused: int = 0  # the snapshot to replay on cannot answer the request
    lists_without_grades: int = 0  # what was clicked is gone

    def to_json(self) -> dict[str, int]:
        return {f.name: getattr(self, f.name) for f in fields(self)}


@dataclass(frozen=True, slots=True)
class _Plan:
    """Which wanted columns were logged, where, and which were not."""

    wanted: I64  # columns of the recipe that were logged
    logged: I64  # where each stands in the log
    missing: I64  # columns of the recipe that were not
    features: FeatureSet  # of the missing


@dataclass(slots=True)
class Backfill:
    """Makes rows of one choice of features."""

    features: FeatureSet
    past: Past
    models: Callable[[int], Mapping[str, PairModel]] = lambda _: {}  # as of an impression's time
    never_logged: frozenset[str] = frozenset()  # features that another release gave in the log
    counts: BackfillCounts = field(default_factory=BackfillCounts)
    _plans: dict[tuple[str, ...], _Plan] = field(default_factory=dict)

    def pieces(self, judged: Iterable[Judged]) -> Iterator[tuple[TrainingSet, int]]:
        """Yield rows and how many lists they are of. The lists hold their whole impressions."""
        groups, seen = [], 0
        for one in judged:
            group, seen = self.group(one), seen + 1
            groups += [group] if group is not None else []
            if seen == PIECE:
                yield self._joined(groups), seen
                groups, seen = [], 0
        yield self._joined(groups), seen

    def group(self, one: Judged) -> TrainingSet | None:
        """Make the rows of one list: all shown that have a grade, and the unshown sample as 0."""
        impression = one.impression
        if impression is None:
            raise ValueError(f"{one.qid} has no impression")
        labels = np.array([_label(one, i) for i in impression.ids], np.int32)
        keep = np.flatnonzero(labels != UNOBSERVED)
        try:
            matrix, keep = self._matrix(impression, keep)
        except DuoluError:
            self.counts.lists_refused += 1
            return None
        if not (labels[keep] > 0).any():
            self.counts.lists_without_grades += 1
            return None
        ids = [impression.ids[i] for i in keep]
        self.counts.rows += keep.size
        return TrainingSet(
            matrix,
            np.maximum(labels[keep], 0),
            np.array([keep.size], np.int64),
            (one.qid,),
            np.array([one.weights.get(i, 1.0) for i in ids], np.float32),
            np.array([one.positions.get(i, 0) for i in ids], np.int32),
        )

    def _joined(self, groups: list[TrainingSet]) -> TrainingSet:
        return TrainingSet.join([TrainingSet.empty(len(self.features.names)), *groups])

    def _matrix(self, impression: Impression, keep: I64) -> tuple[F32, I64]:
        """Return the features of the rows to keep, and which of them could be had."""
        plan = self._plan(impression.feature_names)
        has = _has_features(impression)[keep]
        if has.all() and not plan.missing.size:
            self.counts.values_logged += keep.size * plan.wanted.size
            return np.ascontiguousarray(impression.features[np.ix_(keep, plan.logged)]), keep
        return self._replayed(impression, keep, plan)

    def _replayed(self, impression: Impression, keep: I64, plan: _Plan) -> tuple[F32, I64]:
        """Take what was logged and compute the rest as of the impression's time."""
        replay = self.past.replay_of(impression)
        restored = restore(impression, replay).only(keep)
        self.counts.documents_gone += keep.size - restored.kept.size
        keep, has = restored.kept, _has_features(impression)[restored.kept]
        lists = self._lists(restored, replay, plan.features if has.all() else None)
        models = self.models(impression.now_ms)
        matrix = np.full((keep.size, len(self.features.names)), np.nan, np.float32)
        if has.any():
            matrix[np.ix_(has, plan.wanted)] = impression.features[np.ix_(keep[has], plan.logged)]
            if plan.missing.size:
                some = restored.where(has).matrix(plan.features, lists, models)
                matrix[np.ix_(has, plan.missing)] = some
        if not has.all():
            matrix[~has] = restored.where(~has).matrix(self.features, lists, models)
        logged = int(has.sum()) * plan.wanted.size
        self.counts.values_logged += logged
        self.counts.values_replayed += matrix.size - logged
        return matrix, keep

    def _lists(self, restored: Restored, replay: Replay, some: FeatureSet | None) -> dict[str, Any]:
        """Recall again where a feature to compute reads a list_* that was not logged."""
        unlogged = restored.unlogged(some or self.features)
        if not unlogged:
            return {}
        self.counts.lists_recalled += 1
        return recalled_lists(restored, unlogged, replay)

    def _plan(self, logged: tuple[str, ...]) -> _Plan:
        if logged not in self._plans:
            at = {n: place for place, n in enumerate(logged) if n not in self.never_logged}
            places = np.array([at.get(name, -1) for name in self.features.names], np.int64)
            missing = np.flatnonzero(places < 0)
            names = [self.features.names[j] for j in missing]
            wanted = np.flatnonzero(places >= 0)
            self._plans[logged] = _Plan(wanted, places[wanted], missing, FeatureSet(CATALOG, names))
        return self._plans[logged]


def _label(one: Judged, document_id: str) -> int:
    if document_id in one.unobserved:
        return UNOBSERVED
    return one.grades.get(document_id, UNJUDGED)


def _has_features(impression: Impression) -> Bools:
    """Tell which rows were logged with features: none where fused order was served. (m,)"""
    if not impression.feature_names:
        return np.zeros(len(impression.ids), np.bool_)
    return impression.has_features
