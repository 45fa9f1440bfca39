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
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from numba import njit

from app.corpus.documents import Documents
from app.corpus.string_keys import behind_first, find_keys, keys_of
from app.domain.arrays import F32, F64, I32, I64, U8, U64, Bools, Rows
from app.domain.candidates import ChannelHits
from app.recall.best_heap import key_of, read
from app.recall.channel import ChannelConfig
from app.recall.key_order import keep_largest
from app.recall.options import read_options
from app.snapshot.context import SearchContext
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Memory, Neighbours, Tables, memory_key

NAME = "behaviour"
DAY_MS = 86_400_000
EVERYTHING = np.empty(0, np.bool_)


@dataclass(frozen=True, slots=True)
class BehaviourOptions:
    term_weight: float = 0.3  # of what the single terms remember, beside the whole query's 1
    history_weight: float = 0.1  # of the person's history beside a query
    half_life_days: float = 30.0  # of an action in the history
    long_term: float = 0.3  # what is left of an action's weight after years
    max_history: int = 200  # newest actions that are read
    exclude_seen: bool = False  # leave out what the person acted on already


class Lists(NamedTuple):
    """Lists of the tables: which ordinals each holds, and how much each of them counts."""

    offsets: I64  # (n + 1,)
    ordinals: I32
    scores: F32

    @classmethod
    def of(cls, neighbours: Neighbours | None) -> Lists:
        if neighbours is None:
            return NO_LISTS
        return cls(neighbours.others.offsets, neighbours.others.values, neighbours.scores)


NO_LISTS = Lists(  # read-only as those of tables are: kernels compile once a type
    np.frombuffer(bytes(8), np.int64), np.frombuffer(b"", np.int32), np.frombuffer(b"", np.float32)
)


class Remembered(NamedTuple):
    """Texts, as a dictionary holds them (see `find_keys`), and what was clicked after each."""

    hashes: U64
    order: I32
    offsets: I64
    values: U8
    clicked: Lists

    @classmethod
    def of(cls, memory: Memory | None) -> Remembered:
        if memory is None:
            return NO_MEMORY
        texts = memory.texts  # of tables: nothing moves in them
        held = texts.strings.offsets, texts.strings.values
        return cls(texts.hashes, texts.order, *held, Lists.of(memory.clicked))


NO_MEMORY = Remembered(
    np.frombuffer(b"", np.uint64), NO_LISTS.ordinals, NO_LISTS.offsets,
    np.frombuffer(b"", np.uint8), NO_LISTS,
)  # fmt: skip


class Past(NamedTuple):
    """What the person did, newest first, and what it is worth here."""

    rows: Rows  # (m,)
    times_ms: I64
    gains: F32
    newest: int  # how many of them are read
    weight: float
    now_ms: int
    half_life_ms: float
    long_term: float


@dataclass(frozen=True, slots=True)
class BehaviourChannel:
    tables: Tables
    options: BehaviourOptions
    queries: Remembered
    terms: Remembered
    neighbours: Lists

    @classmethod
    def build(cls, documents: Documents, part: Path, config: ChannelConfig) -> None:
        read_options(BehaviourOptions, NAME, config)

    @classmethod
    def open(cls, snapshot: Snapshot, tables: Tables, part: Path, config: ChannelConfig) -> Self:
        return cls.over(tables, read_options(BehaviourOptions, NAME, config))

    @classmethod
    def over(cls, tables: Tables, options: BehaviourOptions) -> Self:
        queries, terms = Remembered.of(tables.queries), Remembered.of(tables.terms)
        return cls(tables, options, queries, terms, Lists.of(tables.neighbours))

    def follow(self, view: Snapshot, tables: Tables) -> Self:
        return self.over(tables, self.options)

    def accepts(self, ctx: SearchContext) -> bool:
        remembers = self.tables.queries is not None or self.tables.terms is not None
        is_person = ctx.user.is_known and self.tables.neighbours is not None
        return is_person or (bool(ctx.query.terms) and remembers)

    def recall(self, ctx: SearchContext, k: int) -> ChannelHits:
        terms, tables = ctx.query.terms, self.tables
        keys = keys_of((memory_key(terms), *terms) if terms else ())
        term_weight = self.options.term_weight / max(len(terms), 1)
        rows, scores = _recalled(
            self.queries, self.terms, keys, len(terms), term_weight, self.neighbours,
            self._past(ctx), tables.ordinal_of, tables.row_of, self._allowed(ctx), k,
        )  # fmt: skip
        return ChannelHits(NAME, rows, scores)

    def _allowed(self, ctx: SearchContext) -> Bools:
        """Tell which rows may be found. (n,), or (0,) where all may"""
        allowed = EVERYTHING if ctx.mask is None else ctx.mask.allowed
        if not self.options.exclude_seen:
            return allowed
        unseen = allowed.copy() if allowed.size else np.ones(self.tables.ordinal_of.size, np.bool_)
        unseen[ctx.user.rows] = False
        return unseen

    def _past(self, ctx: SearchContext) -> Past:
        options, user = self.options, ctx.user
        return Past(
            user.rows, user.times_ms, user.weights,
            options.max_history if self.tables.neighbours is not None else 0,
            options.history_weight if ctx.query.terms else 1.0, ctx.query.now_ms,
            max(options.half_life_days, 1e-9) * DAY_MS, options.long_term,
        )  # fmt: skip


@njit(cache=True, nogil=True)
def _recalled(
    queries: Remembered, terms: Remembered, keys: U8, count: int, term_weight: float,
    neighbours: Lists, past: Past, ordinal_of: I32, row_of: I32, allowed: Bools, k: int,
) -> tuple[Rows, F32]:  # fmt: skip
    """Return the best k documents by the votes of all that is remembered, in one call.

    `keys` are those of the whole query and of its `count` terms; none without a query.
    """
    asked = _find(queries, keys, min(count, 1))
    words = _find(terms, keys[behind_first(keys) :] if count else keys, count)
    acted_on = ordinal_of[past.rows[: past.newest]]  # -1 where the tables do not know the document
    size = _count(queries.clicked, asked) + _count(terms.clicked, words)
    size += _count(neighbours, acted_on)
    found, votes = np.empty(size, np.int32), np.empty(size, np.float64)
    at = _divide(queries.clicked, asked, 1.0, found, votes, 0)
    at = _divide(terms.clicked, words, term_weight, found, votes, at)
    _gather(neighbours, acted_on, _weights(past, acted_on.size), found, votes, at)
    rows, scores = read(_best(row_of, found, votes, allowed, k))
    return rows[:k], scores[:k]


@njit(cache=True, nogil=True)
def _find(memory: Remembered, keys: U8, count: int) -> I32:
    """Return where each text stands in the memory, -1 where it does not. (count,)"""
    found: I32 = find_keys(memory.hashes, memory.order, memory.offsets, memory.values, keys, count)
    return found


@njit(cache=True, nogil=True)
def _weights(past: Past, size: int) -> F64:
    """Return how much each of the newest says, summing to the weight of the past. (size,)"""
    weights, total = np.empty(size, np.float64), 0.0
    for i in range(size):
        fresh = 2.0 ** (-max(past.now_ms - past.times_ms[i], 0) / past.half_life_ms)
        kept = past.long_term + (1 - past.long_term) * fresh
        weights[i] = past.gains[i] * kept / math.sqrt(i + 1)
        total += weights[i]
    for i in range(weights.size):
        weights[i] = weights[i] / max(total, 1e-300) * past.weight
    return weights


@njit(cache=True, nogil=True)
def _count(lists: Lists, which: I32) -> int:
    """Return how much some lists hold; one below 0 is unknown and holds nothing."""
    size = 0
    for i in which:
        size += lists.offsets[i + 1] - lists.offsets[i] if i >= 0 else 0
    return size


@njit(cache=True, nogil=True)
def _divide(lists: Lists, which: I32, weight: float, found: I32, votes: F64, at: int) -> int:
    """Append what some lists hold and its share of their sum + 1; return where the next goes."""
    for i in which:
        if i < 0:
            continue
        whole = 1.0
        for place in range(lists.offsets[i], lists.offsets[i + 1]):
            whole += lists.scores[place]
        for place in range(lists.offsets[i], lists.offsets[i + 1]):
            found[at], votes[at] = lists.ordinals[place], weight * lists.scores[place] / whole
            at += 1
    return at


@njit(cache=True, nogil=True)
def _gather(lists: Lists, which: I32, weights: F64, found: I32, votes: F64, at: int) -> None:
    """Append what some lists hold, by score × the list's weight."""
    for i in range(which.size):
        if which[i] >= 0:
            for place in range(lists.offsets[which[i]], lists.offsets[which[i] + 1]):
                found[at], votes[at] = lists.ordinals[place], lists.scores[place] * weights[i]
                at += 1


@njit(cache=True, nogil=True)
def _best(row_of: I32, ordinals: I32, votes: F64, allowed: Bools, k: int) -> I64:
    """Return keys among which are the best k documents that are still there by their votes."""
    rows, sums = _add_up(row_of, ordinals, votes)
    keys, size = np.empty(rows.size, np.int64), 0
    for i in range(rows.size):
        score = np.float32(sums[i])
        keys[size] = key_of(score, rows[i])
        size += int(score > 0 and (not allowed.size or allowed[rows[i]]))
    return keys[: keep_largest(keys, size, k)]


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
