"""Behaviour: what people who acted like this one, or who typed this, went on to choose.

    score(d) = q(d) + term_weight · t(d) + history_weight · h(d)      with a query
    score(d) = h(d)                                                   without

q(d) = the share of d in what was clicked after this very query, Σ + 1 below the line, so that one
click is no certainty; t(d) = the mean of the same shares over the query's terms; h(d) = the mean
similarity of d to the person's history, weighted by

    w(i) = gain · (long_term + (1 − long_term) · 2^(−age / half-life)) / √position

position counts from 1 at the newest: sittings differ in length, and the last few actions say most.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeAlias

import numpy as np

from app.corpus.documents import Documents
from app.domain.arrays import F32, F64, I32, Rows
from app.domain.candidates import ChannelHits
from app.domain.user import UserState
from app.recall.channel import ChannelConfig
from app.recall.options import read_options
from app.recall.topk import top_rows
from app.snapshot.context import SearchContext
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Memory, Neighbours, Tables, memory_key

NAME = "behaviour"
DAY_MS = 86_400_000

Votes: TypeAlias = tuple[I32, F64]
"""Ordinals of the tables, repeated ones among them, and what each adds to its document."""


@dataclass(frozen=True, slots=True)
class BehaviourOptions:
    term_weight: float = 0.3  # of what the single terms remember, beside the whole query's 1
    history_weight: float = 0.1  # of the person's history beside a query
    half_life_days: float = 30.0  # of an action in the history
    long_term: float = 0.3  # what is left of an action's weight after years
    max_history: int = 200  # newest actions that are read
    exclude_seen: bool = False  # leave out what the person acted on already


@dataclass(frozen=True, slots=True)
class BehaviourChannel:
    tables: Tables
    options: BehaviourOptions

    @classmethod
    def build(cls, documents: Documents, part: Path, config: ChannelConfig) -> None:
        read_options(BehaviourOptions, NAME, config)

    @classmethod
    def open(cls, snapshot: Snapshot, tables: Tables, part: Path, config: ChannelConfig) -> Self:
        return cls(tables, read_options(BehaviourOptions, NAME, config))

    def accepts(self, ctx: SearchContext) -> bool:
        remembers = self.tables.queries is not None or self.tables.terms is not None
        is_person = ctx.user.is_known and self.tables.neighbours is not None
        return is_person or (bool(ctx.query.terms) and remembers)

    def recall(self, ctx: SearchContext, k: int) -> ChannelHits:
        rows, scores = self._sum(list(self._votes(ctx)))
        keep = scores > 0
        if ctx.mask is not None:
            keep &= ctx.mask.allowed[rows]
        if self.options.exclude_seen:
            keep &= ~np.isin(rows, ctx.user.rows)
        return ChannelHits(NAME, *top_rows(rows[keep], scores[keep], k))

    def _votes(self, ctx: SearchContext) -> Iterator[Votes]:
        terms, options = ctx.query.terms, self.options
        if terms and self.tables.queries is not None:
            yield _shares(self.tables.queries, memory_key(terms), 1.0)
        if terms and self.tables.terms is not None:
            for term in terms:
                yield _shares(self.tables.terms, term, options.term_weight / len(terms))
        if self.tables.neighbours is not None and ctx.user.is_known:
            weights = action_weights(ctx.user, ctx.query.now_ms, options)
            weights *= options.history_weight if terms else 1.0
            ordinals = self.tables.ordinal_of[ctx.user.rows[: weights.size]]
            known = ordinals >= 0
            yield _similar(self.tables.neighbours, ordinals[known], weights[known])

    def _sum(self, votes: list[Votes]) -> tuple[Rows, F32]:
        """Add up the votes of each document that is still there. Rows ascending."""
        if not votes:
            return np.empty(0, np.int32), np.empty(0, np.float32)
        rows = self.tables.row_of[np.concatenate([ordinals for ordinals, _ in votes])]
        values = np.concatenate([v for _, v in votes])
        here = rows >= 0
        unique, slot = np.unique(rows[here], return_inverse=True)
        return unique, np.bincount(slot, values[here], unique.size).astype(np.float32)


def action_weights(user: UserState, now_ms: int, options: BehaviourOptions) -> F64:
    """Return how much each of the newest actions says, summing to 1. (m,) m ≤ max_history"""
    newest = slice(options.max_history)
    age_days = np.maximum(now_ms - user.times_ms[newest], 0) / DAY_MS
    fresh = np.exp2(-age_days / max(options.half_life_days, 1e-9))
    kept = options.long_term + (1 - options.long_term) * fresh
    weights = user.weights[newest] * kept / np.sqrt(np.arange(1, age_days.size + 1))
    return np.asarray(weights / max(weights.sum(), 1e-300), np.float64)


def _shares(memory: Memory, text: str, weight: float) -> Votes:
    """Return the share that each document has in what was clicked after `text`."""
    ordinals, gains = memory.find(text)
    return ordinals, weight * gains.astype(np.float64) / (gains.sum(dtype=np.float64) + 1.0)


def _similar(neighbours: Neighbours, ordinals: I32, weights: F64) -> Votes:
    """Return the neighbours of each ordinal, by similarity × weight."""
    starts, ends = neighbours.others.offsets[ordinals], neighbours.others.offsets[ordinals + 1]
    lengths = ends - starts
    within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    at = np.repeat(starts, lengths) + within
    return neighbours.others.values[at], neighbours.scores[at] * np.repeat(weights, lengths)
