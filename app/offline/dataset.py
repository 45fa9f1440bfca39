"""Training rows: the features that serving would compute, as of the moment of the query."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from app.corpus.ragged import Dictionary
from app.corpus.string_keys import hash64
from app.domain.arrays import F32, F64, I32, I64, Rows
from app.domain.candidates import CandidateSet
from app.features.feature import FeatureSet
from app.features.inputs import gather
from app.offline.judged import Judged
from app.offline.recipe import Negatives
from app.offline.replay import Replay, Replayed

PIECE_ROWS = 8192
UNJUDGED = -1
UNOBSERVED = -2  # shown and perhaps never seen: neither a label nor a negative


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Rows of many query groups, one group after another."""

    features: F32  # (rows, d), perhaps mapped from disk: read it in pieces
    labels: I32  # (rows,) grade
    sizes: I64  # (groups,) rows of each, sums to rows
    qids: tuple[str, ...]  # (groups,)
    weights: F32  # (rows,) what the row's grade counts for, finite and >= 0
    positions: I32  # (rows,) displayed at, from 1; 0 where unknown or not shown

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
            self.weights[keep],
            self.positions[keep],
        )

    def columns(self, keep: I64) -> TrainingSet:
        """Keep some features, in the order given."""
        return replace(self, features=self.features[:, keep])

    def varying(self) -> int:
        """How many features are not the same in every row. Read in pieces: rows may be on disk."""
        first, varies = self.features[:1], np.zeros(self.features.shape[1], bool)
        for start in range(0, len(self.features), PIECE_ROWS):
            some = self.features[start : start + PIECE_ROWS]
            varies |= ~((some == first) | (np.isnan(some) & np.isnan(first))).all(axis=0)
        return int(np.count_nonzero(varies))

    @classmethod
    def plain(cls, features: F32, labels: I32, sizes: I64, qids: tuple[str, ...]) -> TrainingSet:
        """Rows that all count the same, at unknown positions."""
        n = len(labels)
        return cls(features, labels, sizes, qids, np.ones(n, np.float32), np.zeros(n, np.int32))

    @classmethod
    def empty(cls, d: int) -> TrainingSet:
        nothing = np.empty(0, np.int32)
        return cls.plain(np.empty((0, d), np.float32), nothing, nothing.astype(np.int64), ())

    @classmethod
    def join(cls, parts: Sequence[TrainingSet]) -> TrainingSet:
        return cls(
            np.concatenate([p.features for p in parts]),
            np.concatenate([p.labels for p in parts]),
            np.concatenate([p.sizes for p in parts]),
            tuple(q for p in parts for q in p.qids),
            np.concatenate([p.weights for p in parts]),
            np.concatenate([p.positions for p in parts]),
        )


def assemble(
    judged: Iterable[Judged], replay: Replay, features: FeatureSet, negatives: Negatives, seed: int
) -> TrainingSet:
    """Replay each query and keep its judged rows and a sample of the unjudged as grade 0.

    Features are computed for the whole list first, so that list_* are what serving would see.
    """
    groups = [TrainingSet.empty(len(features.names))]
    for one in judged:
        rng = np.random.default_rng([seed, hash64(one.qid)])
        replayed = replay.candidates(one.request, one.now_ms, one.grades)
        everything = with_extra(replayed)
        rows = everything.rows
        ids = replayed.ctx.snapshot.documents.ids
        grades = grade_rows(one, ids, rows)
        keep = sample(grades, len(replayed.candidates), negatives, rng)
        if not grades[keep].any():
            continue
        inputs = gather(
            features.inputs, replayed.ctx, everything, _list_values(replayed, features),
            replay.models,
        )  # fmt: skip
        groups.append(
            TrainingSet(
                features.matrix(inputs, len(everything))[keep],
                np.maximum(grades[keep], 0),
                np.array([keep.size]),
                (one.qid,),
                by_row(ids, one.weights, rows, 1.0).astype(np.float32)[keep],
                by_row(ids, one.positions, rows, 0).astype(np.int32)[keep],
            )
        )
    return TrainingSet.join(groups)


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


def grade_rows(one: Judged, ids: Dictionary, rows: Rows) -> I32:
    """Return each row's grade, UNJUDGED or UNOBSERVED where it has none. (n,)"""
    unobserved = dict.fromkeys(one.unobserved, UNOBSERVED)
    return by_row(ids, {**unobserved, **one.grades}, rows, UNJUDGED).astype(np.int32)


def by_row(ids: Dictionary, said: Mapping[str, float], rows: Rows, otherwise: float) -> F64:
    """Return what is said of each row by its document's id. (n,)"""
    known = dict(zip(ids.find_all(list(said)).tolist(), said.values(), strict=True))
    return np.array([known.get(row, otherwise) for row in rows.tolist()], np.float64)


def sample(grades: I32, recalled: int, negatives: Negatives, rng: np.random.Generator) -> I64:
    """Indices to train on: all judged, the first unjudged, and some of the rest, ascending."""
    unjudged = np.flatnonzero(grades[:recalled] == UNJUDGED)
    top, rest = unjudged[: negatives.top], unjudged[negatives.top :]
    drawn = rng.choice(rest, min(negatives.random, rest.size), replace=False)
    return np.sort(np.concatenate([np.flatnonzero(grades >= 0), top, drawn])).astype(np.int64)


def _list_values(replayed: Replayed, features: FeatureSet) -> dict[str, object]:
    """list_* of the recalled list alone: serving knows nothing of the extra rows."""
    names = [name for name in features.inputs if name.startswith("list_")]
    return dict(gather(names, replayed.ctx, replayed.candidates))
