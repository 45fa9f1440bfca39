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

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self, TypeAlias

import numpy as np
from numba import njit

from app.corpus.documents import Documents
from app.domain.arrays import F32, F64, I32, I64, Bools, Rows
from app.domain.candidates import ChannelHits
from app.domain.user import UserState
from app.recall.best_heap import keep, key_of, rows_of
from app.recall.channel import ChannelConfig
from app.recall.options import read_options
from app.snapshot.context import SearchContext
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Memory, Neighbours, Tables, memory_key

NAME = "behaviour"
DAY_MS = 86_400_000
EVERYTHING = np.empty(0, np.bool_)

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

    def follow(self, view: Snapshot, tables: Tables) -> Self:
        return replace(self, tables=tables)

    def accepts(self, ctx: SearchContext) -> bool:
        remembers = self.tables.queries is not None or self.tables.terms is not None
        is_person = ctx.user.is_known and self.tables.neighbours is not None
        return is_person or (bool(ctx.query.terms) and remembers)

    def recall(self, ctx: SearchContext, k: int) -> ChannelHits:
        votes = list(self._votes(ctx))
        if not votes:
            return ChannelHits.nothing(NAME)
        ordinals = np.concatenate([ordinals for ordinals, _ in votes])
        values = np.concatenate([values for _, values in votes])
        allowed = self._allowed(ctx)
        return ChannelHits(NAME, *rows_of(_best(self.tables.row_of, ordinals, values, allowed, k)))

    def _allowed(self, ctx: SearchContext) -> Bools:
        """Tell which rows may be found. (n,), or (0,) where all may"""
        allowed = EVERYTHING if ctx.mask is None else ctx.mask.allowed
        if not self.options.exclude_seen:
            return allowed
        unseen = allowed.copy() if allowed.size else np.ones(self.tables.ordinal_of.size, np.bool_)
        unseen[ctx.user.rows] = False
        return unseen

    def _votes(self, ctx: SearchContext) -> Iterator[Votes]:
        terms, options = ctx.query.terms, self.options
        if terms and self.tables.queries is not None:
            yield _shares(self.tables.queries, (memory_key(terms),), 1.0)
        if terms and self.tables.terms is not None:
            yield _shares(self.tables.terms, terms, options.term_weight / len(terms))
        if self.tables.neighbours is not None and ctx.user.is_known:
            weights = action_weights(ctx.user, ctx.query.now_ms, options)
            weights *= options.history_weight if terms else 1.0
            ordinals = self.tables.ordinal_of[ctx.user.rows[: weights.size]]
            yield _similar(self.tables.neighbours, ordinals, weights)


def action_weights(user: UserState, now_ms: int, options: BehaviourOptions) -> F64:
    """Return how much each of the newest actions says, summing to 1. (m,) m ≤ max_history"""
    newest = slice(options.max_history)
    half_life_ms = max(options.half_life_days, 1e-9) * DAY_MS
    weights: F64 = _weights(
        user.times_ms[newest], user.weights[newest], now_ms, half_life_ms, options.long_term
    )
    return weights


@njit(cache=True, nogil=True)
def _weights(times_ms: I64, gains: F32, now_ms: int, half_life_ms: float, long_term: float) -> F64:
    weights, total = np.empty(gains.size, np.float64), 0.0
    for i in range(gains.size):
        fresh = 2.0 ** (-max(now_ms - times_ms[i], 0) / half_life_ms)
        weights[i] = gains[i] * (long_term + (1 - long_term) * fresh) / math.sqrt(i + 1)
        total += weights[i]
    return weights / max(total, 1e-300)


def _shares(memory: Memory, texts: Sequence[str], weight: float) -> Votes:
    """Return the share that each document has in what was clicked after each text."""
    clicked, found = memory.clicked, memory.texts.find_all(texts)
    votes: Votes = _divide(
        clicked.others.offsets, clicked.others.values, clicked.scores, found, weight
    )
    return votes


@njit(cache=True, nogil=True)
def _divide(offsets: I64, others: I32, gains: F32, lists: I32, weight: float) -> Votes:
    """Divide the gains of each list, skipping those below 0, by their sum + 1."""
    size = 0
    for which in lists:
        size += offsets[which + 1] - offsets[which] if which >= 0 else 0
    found, votes, at = np.empty(size, np.int32), np.empty(size, np.float64), 0
    for which in lists:
        if which < 0:
            continue
        whole = 1.0
        for place in range(offsets[which], offsets[which + 1]):
            whole += gains[place]
        for place in range(offsets[which], offsets[which + 1]):
            found[at], votes[at] = others[place], weight * gains[place] / whole
            at += 1
    return found, votes


def _similar(neighbours: Neighbours, ordinals: I32, weights: F64) -> Votes:
    """Return the neighbours of each ordinal, by similarity × weight."""
    others = neighbours.others
    votes: Votes = _gather(others.offsets, others.values, neighbours.scores, ordinals, weights)
    return votes


@njit(cache=True, nogil=True)
def _gather(offsets: I64, others: I32, scores: F32, ordinals: I32, weights: F64) -> Votes:
    """Skips what the tables do not know: an ordinal below 0."""
    size = 0
    for ordinal in ordinals:
        size += offsets[ordinal + 1] - offsets[ordinal] if ordinal >= 0 else 0
    found, votes, at = np.empty(size, np.int32), np.empty(size, np.float64), 0
    for i in range(ordinals.size):
        if ordinals[i] >= 0:
            for place in range(offsets[ordinals[i]], offsets[ordinals[i] + 1]):
                found[at], votes[at] = others[place], scores[place] * weights[i]
                at += 1
    return found, votes


@njit(cache=True, nogil=True)
def _best(row_of: I32, ordinals: I32, votes: F64, allowed: Bools, k: int) -> I64:
    """Return keys of the best k documents that are still there by their votes, as a heap."""
    rows, sums = _add_up(row_of, ordinals, votes)
    best = np.zeros(k, np.int64)
    for i in range(rows.size):
        score = np.float32(sums[i])
        if score > 0 and (not allowed.size or allowed[rows[i]]):
            keep(best, key_of(score, rows[i]))
    return best


@njit(cache=True, nogil=True)
def _add_up(row_of: I32, ordinals: I32, votes: F64) -> tuple[Rows, F64]:
    """Return each row once with the sum of its votes; -1 is a row that is gone.

    An open hash table (Knuth, TAOCP 3, 6.4, linear probing), at most half full.
    """
    slots = 16
    while slots < 2 * ordinals.size:
        slots *= 2
    table = np.full(slots, -1, np.int32)  # row → its place in `rows`
    rows, sums, size = np.empty(ordinals.size, np.int32), np.empty(ordinals.size, np.float64), 0
    for i in range(ordinals.size):
        row = row_of[ordinals[i]]
        if row < 0:
            continue
        slot = (row * 0x9E3779B1 >> 7) & (slots - 1)
        while table[slot] >= 0 and rows[table[slot]] != row:
            slot = (slot + 1) & (slots - 1)
        if table[slot] < 0:
            table[slot], rows[size], sums[size] = size, row, 0.0
            size += 1
        sums[table[slot]] += votes[i]
    return rows[:size], sums[:size]
