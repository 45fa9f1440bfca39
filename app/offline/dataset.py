"""Training rows: the features that serving would compute, as of the moment of the query."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from app.corpus.ragged import hash64
from app.domain.arrays import F32, I32, I64
from app.domain.candidates import CandidateSet
from app.features.feature import FeatureSet
from app.features.inputs import gather
from app.offline.judged import Judged
from app.offline.recipe import Negatives
from app.offline.replay import Replay, Replayed


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Rows of many query groups, one group after another."""

    features: F32  # (rows, d)
    labels: I32  # (rows,) grade
    sizes: I64  # (groups,) rows of each, sums to rows
    qids: tuple[str, ...]  # (groups,)

    def __len__(self) -> int:
        return len(self.qids)

    def take(self, groups: Sequence[int]) -> TrainingSet:
        """Keep some groups, whole, in the order given."""
        ends = np.cumsum(self.sizes)
        rows = [np.arange(ends[g] - self.sizes[g], ends[g]) for g in groups]
        keep = np.concatenate(rows) if rows else np.empty(0, np.int64)
        return TrainingSet(
            self.features[keep],
            self.labels[keep],
            self.sizes[list(groups)],
            tuple(self.qids[g] for g in groups),
        )

    def columns(self, keep: I64) -> TrainingSet:
        """Keep some features, in the order given."""
        return TrainingSet(self.features[:, keep], self.labels, self.sizes, self.qids)

    def varying(self) -> int:
        """How many features are not the same in every row."""
        first = self.features[:1]
        same = (self.features == first) | (np.isnan(self.features) & np.isnan(first))
        return int(np.count_nonzero(~same.all(axis=0)))

    @classmethod
    def empty(cls, d: int) -> TrainingSet:
        nothing = np.empty(0, np.int32)
        return cls(np.empty((0, d), np.float32), nothing, nothing.astype(np.int64), ())

    @classmethod
    def join(cls, parts: Sequence[TrainingSet]) -> TrainingSet:
        return cls(
            np.concatenate([p.features for p in parts]),
            np.concatenate([p.labels for p in parts]),
            np.concatenate([p.sizes for p in parts]),
            tuple(q for p in parts for q in p.qids),
        )


def assemble(
    judged: Iterable[Judged], replay: Replay, features: FeatureSet, negatives: Negatives, seed: int
) -> TrainingSet:
    """Replay each query and keep its judged rows and a sample of the unjudged as grade 0.

    Features are computed for the whole list first, so that list_* are what serving would see.
    """
    matrices, labels, qids = [np.empty((0, len(features.names)), np.float32)], [], []
    for one in judged:
        rng = np.random.default_rng([seed, hash64(one.qid)])
        replayed = replay.candidates(one.request, one.now_ms, one.grades)
        everything = with_extra(replayed)
        grades = grade_rows(one, replayed, everything)
        keep = sample(grades, len(replayed.candidates), negatives, rng)
        if not grades[keep].any():
            continue
        inputs = gather(features.inputs, replayed.ctx, everything, _list_values(replayed, features))
        matrices.append(features.matrix(inputs, len(everything))[keep])
        labels.append(np.maximum(grades[keep], 0))
        qids.append(one.qid)
    sizes = np.array([x.size for x in labels], np.int64)
    flat = np.concatenate(labels) if labels else np.empty(0, np.int32)
    return TrainingSet(np.concatenate(matrices), flat, sizes, tuple(qids))


def with_extra(replayed: Replayed) -> CandidateSet:
    """Append the judged rows that no channel returned: NaN scores, rank 0, below all others."""
    candidates, extra = replayed.candidates, replayed.extra
    channels = len(candidates.channels)
    return CandidateSet(
        np.concatenate([candidates.rows, extra]),
        np.concatenate([candidates.fused, np.zeros(extra.size, np.float32)]),
        candidates.channels,
        np.concatenate([candidates.scores, np.full((extra.size, channels), np.nan, np.float32)]),
        np.concatenate([candidates.ranks, np.zeros((extra.size, channels), np.int16)]),
    )


def grade_rows(one: Judged, replayed: Replayed, everything: CandidateSet) -> I32:
    """Return each candidate's grade, −1 where nobody judged it. (n,)"""
    rows = replayed.ctx.snapshot.documents.ids.find_all(list(one.grades))
    by_row = dict(zip(rows.tolist(), one.grades.values(), strict=True))
    return np.array([by_row.get(row, -1) for row in everything.rows.tolist()], np.int32)


def sample(grades: I32, recalled: int, negatives: Negatives, rng: np.random.Generator) -> I64:
    """Indices to train on: all judged, the first unjudged, and some of the rest, ascending."""
    unjudged = np.flatnonzero(grades[:recalled] < 0)
    top, rest = unjudged[: negatives.top], unjudged[negatives.top :]
    drawn = rng.choice(rest, min(negatives.random, rest.size), replace=False)
    return np.sort(np.concatenate([np.flatnonzero(grades >= 0), top, drawn])).astype(np.int64)


def _list_values(replayed: Replayed, features: FeatureSet) -> dict[str, object]:
    """list_* of the recalled list alone: serving knows nothing of the extra rows."""
    names = [name for name in features.inputs if name.startswith("list_")]
    return gather(names, replayed.ctx, replayed.candidates)
