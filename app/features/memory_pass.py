"""One pass over what behaviour remembers of the candidates, in one call.

Counters, after this query, after each of its words, near what the person did, and what they did
themselves: each was a call or two, most of which looked up the same few candidates. Sums are added
in the order of the lists, so that the bits do not depend on who stands beside whom.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numba import njit

from app.corpus.ragged import Dictionary
from app.corpus.string_keys import behind_first, find_key, find_keys, keys_of
from app.domain.arrays import F32, F64, I32, I64, U8, U64, Rows
from app.features.row_slots import (
    index_rows,
    last_times,
    spread,
    spread_counts,
    spread_lists,
    spread_shares,
)
from app.snapshot.context import SearchContext
from app.snapshot.counters import FAMILIES, WINDOWS, Counters
from app.snapshot.tables import COUNTERS, Memory, Neighbours, memory_key, translated

RECENT = 50
"""Item-to-item looks at so many of the person's latest documents."""
HALF_LIFE_MS = 30 * 86_400_000.0
_PAIRS = FAMILIES.index("pairs")

REMEMBERED = ("query_memory", "term_memory", "neighbour", "user_gain")
"""The columns of `MemoryInputs.sums`."""

_Texts: TypeAlias = tuple[U64, I32, I64, U8]
"""Of a dictionary: hashes, their order, offsets and bytes of the strings."""

_Lists: TypeAlias = tuple[I64, I32, F32]
"""Offsets, ordinals and scores."""

_Shown: TypeAlias = tuple[I64, I32, F32, F64]
"""Offsets, ordinals and counts of what each query showed, and the priors of all families."""

_Counters: TypeAlias = tuple[F32, F32, F32, F32]
"""COUNTERS, each by row."""

_Past: TypeAlias = tuple[Rows, I64, F32, I32]
"""Rows that a person acted on, newest first; when, and with what gain; ordinal of each row."""

# read-only as those of tables are: kernels compile once a type
_NO_LISTS: _Lists = (
    np.frombuffer(bytes(8), np.int64), np.frombuffer(b"", np.int32), np.frombuffer(b"", np.float32)
)  # fmt: skip
_NO_TEXTS: _Texts = (
    np.frombuffer(b"", np.uint64), _NO_LISTS[1], _NO_LISTS[0], np.frombuffer(b"", np.uint8)
)  # fmt: skip
_NOTHING_SHOWN: _Shown = (
    *_NO_LISTS[:2], np.frombuffer(b"", np.float32).reshape(0, 2 * len(WINDOWS)),
    np.frombuffer(b"", np.float64).reshape(0, 2),
)  # fmt: skip


class MemoryInputs(NamedTuple):
    """What behaviour remembers of n candidates."""

    counters: F32  # (n, 4) COUNTERS of each row
    sums: F32  # (4, n) REMEMBERED, 0 where it knows nothing
    times_ms: F64  # (n,) when the person last acted on the row, NaN where never
    pairs: F32  # (n, 12) impressions and rates after this very query; NaN if it showed nothing
    gains: F32  # (m,) what this very query brought to the documents that are still there
    query: int  # which of the queries that showed something this is, -1 for none


def read_memory(ctx: SearchContext, rows: Rows) -> MemoryInputs:
    """Look the candidates up in all that is remembered of the query, its words and the person."""
    tables, terms, user = ctx.tables, ctx.query.terms, ctx.user
    return MemoryInputs(
        *_remembered(
            rows, tuple([tables.counters[name] for name in COUNTERS]), tables.row_of,
            ctx.remembered.chosen, keys_of((memory_key(terms), *terms)),
            len(terms), *_memory(tables.terms), *_counted(tables.windows),
            _lists(tables.neighbours), (user.rows, user.times_ms, user.weights, tables.ordinal_of),
            ctx.query.now_ms,
        )
    )  # fmt: skip


def _memory(held: Memory | None) -> tuple[_Texts, _Lists]:
    if held is None:
        return _NO_TEXTS, _NO_LISTS
    return _texts(held.texts), _lists(held.clicked)


def _counted(windows: Counters | None) -> tuple[_Texts, _Shown]:
    if windows is None:
        return _NO_TEXTS, _NOTHING_SHOWN
    held = windows.counted
    return _texts(held.texts), (held.shown.offsets, held.shown.values, held.pairs, held.priors)


def _texts(held: Dictionary) -> _Texts:
    """Return what a kernel looks strings up in: tables' dictionaries never move."""
    return held.hashes, held.order, held.strings.offsets, held.strings.values


def _lists(near: Neighbours | None) -> _Lists:
    return _NO_LISTS if near is None else (near.others.offsets, near.others.values, near.scores)


@njit(cache=True, nogil=True)
def _remembered(
    rows: Rows, counters: _Counters, row_of: I32, chosen: tuple[I32, F32], keys: U8, terms: int,
    words: _Texts, after_words: _Lists, asked: _Texts, shown: _Shown, near: _Lists, past: _Past,
    now_ms: int,
) -> tuple[F32, F32, F64, F32, F32, int]:  # fmt: skip
    """`keys` are the whole query's and those of its words; `chosen` what people chose after it."""
    counted = _taken(rows, counters)
    table, single = index_rows(rows), behind_first(keys)
    sums = np.empty((4, rows.size), np.float32)
    found, gains = translated(row_of, chosen[0], chosen[1])
    sums[0] = spread(table, rows, found, gains)
    which = find_keys(words[0], words[1], words[2], words[3], keys[single:], terms)
    offsets, ordinals, scores = after_words
    sums[1] = spread_shares(table, rows, which, offsets, ordinals, scores, row_of)
    sums[2] = _near(table, rows, near, past, row_of, now_ms)
    sums[3] = spread(table, rows, past[0], past[2])
    query = find_key(asked[0], asked[1], asked[2], asked[3], keys) if terms else -1
    pairs = _pairs(table, rows, query, shown, row_of)
    return counted, sums, last_times(table, rows, past[0], past[1]), pairs, gains, query


@njit(cache=True, nogil=True)
def _taken(rows: Rows, counters: _Counters) -> F32:
    a, b, c, d = counters
    out = np.empty((rows.size, 4), np.float32)
    for i in range(rows.size):
        row = rows[i]
        out[i, 0], out[i, 1], out[i, 2], out[i, 3] = a[row], b[row], c[row], d[row]
    return out


@njit(cache=True, nogil=True)
def _near(table: I32, rows: Rows, near: _Lists, past: _Past, row_of: I32, now_ms: int) -> F32:
    """Sum what is near the RECENT newest rows that were acted on, by what their gains are now."""
    acted_on, times_ms, gains, ordinal_of = past
    offsets, ordinals, scores = near
    lists = np.full(min(acted_on.size, RECENT), -1, np.int32)
    for i in range(lists.size if offsets.size > 1 else 0):
        lists[i] = ordinal_of[acted_on[i]]
    weights = fading(times_ms[: lists.size], gains[: lists.size], now_ms)
    found: F32 = spread_lists(table, rows, lists, weights, offsets, ordinals, scores, row_of)
    return found


@njit(cache=True, nogil=True)
def fading(times_ms: I64, gains: F32, now_ms: int) -> F64:
    """Return each action's gain, halved every HALF_LIFE_MS. (m,)"""
    out = np.empty(gains.size, np.float64)
    for i in range(gains.size):
        out[i] = gains[i] * 2.0 ** (-max(now_ms - times_ms[i], 0) / HALF_LIFE_MS)
    return out


@njit(cache=True, nogil=True)
def _pairs(table: I32, rows: Rows, query: int, shown: _Shown, row_of: I32) -> F32:
    """Return impressions and rates of each row after the query, NaN where it showed nothing."""
    offsets, ordinals, counts, priors = shown
    if query < 0:
        return np.full((rows.size, counts.shape[1]), np.nan, np.float32)
    start, end = offsets[query], offsets[query + 1]
    block: F32 = spread_counts(
        table, rows, row_of, ordinals[start:end], counts[start:end],
        priors[_PAIRS, 0], priors[_PAIRS, 1],
    )  # fmt: skip
    return block
