"""What the person who asks did before: the tables' long memory with the last moments on top.

    state(T, S) = what tables T say  ⊎  the newest interactions with seq ≤ S that are not in T

of every id that is this person. A document's gains add up, its last time counts, and the newest
stands first. Online and offline compute it here, from the same events: S is logged with each
impression.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numba import njit

from app.corpus.documents import Documents
from app.corpus.row_store import FIRST_TOKENS
from app.domain.arrays import F32, F64, I32, I64, Rows
from app.domain.live import Interaction
from app.domain.user import MAX_HISTORY, Preference, UserState
from app.snapshot.asking import Person
from app.snapshot.tables import Tables

NOT_HELD = -1
"""The place of a number that the catalogue does not have."""

Acts = tuple[Rows, I64, F32]
"""Rows, times and gains of what somebody did, newest first. (m,) each"""


def user_state(person: Person, tables: Tables, documents: Documents, now_ms: int) -> UserState:
    """Put together what the person did before `now_ms`, as rows of `documents`.

    What was received counts as done, though a clock ahead of ours may date it later.
    """
    if len(person.known) == 1 and not person.lately:
        return _as_tables_say(person, tables, documents, now_ms)
    past = [_long_ago(tables, known, now_ms) for known in person.known]
    if person.lately:
        past.insert(0, _lately(person.lately, documents, now_ms))
    if not past:
        return UserState.stranger(person.name)
    rows, times, gains = _together(past)
    return UserState(person.name, rows, times, gains, *tastes(documents, rows, gains))


def _as_tables_say(person: Person, tables: Tables, documents: Documents, now_ms: int) -> UserState:
    """Read one history and its documents in one call: most people have one, and no news."""
    assert tables.persons is not None
    h, store = tables.persons.histories, documents.rows
    rows, times, gains, *read = _history(
        tables.row_of, h.documents.offsets, h.documents.values, h.times_ms, h.gains,
        person.known[0], now_ms, store.records.offsets, store.records.values,
        store.number_fields.get("price", NOT_HELD), *store.layout,
    )  # fmt: skip
    return UserState(person.name, rows, times, gains, *_by_field(documents, rows, *read))


def tastes(documents: Documents, rows: Rows, gains: F32) -> tuple[dict[str, Preference], F64]:
    """Return the share of the gains that went to each value of each preference field, and prices.

    The latter: mean and deviation of log(1 + price) over the rows; NaN when unknown. (2,)
    """
    store = documents.rows
    read = _read_past(
        store.records.offsets, store.records.values,
        store.number_fields.get("price", NOT_HELD), rows, gains, *store.layout,
    )  # fmt: skip
    return _by_field(documents, rows, *read)


def _by_field(
    documents: Documents, rows: Rows, codes: I32, weights: F32, ends: I64, log_price: F64
) -> tuple[dict[str, Preference], F64]:
    """Lay out what `_read_past` returned, by prices as they are now."""
    if documents.patches is not None and "price" in documents.numbers:
        log_price = _mean_and_deviation(documents.numbers_of("price", rows))
    preferences, start = {}, 0
    for name, end in zip(documents.rows.code_fields, ends.tolist(), strict=True):
        preferences[name] = Preference(codes[start:end], weights[start:end])
        start = end
    return preferences, log_price


def _long_ago(tables: Tables, person: int, before_ms: int) -> Acts:
    """Read a person's history of documents that are still there."""
    assert tables.persons is not None
    h = tables.persons.histories
    acts: Acts = _past(
        tables.row_of, h.documents.offsets, h.documents.values, h.times_ms, h.gains, person,
        before_ms,
    )  # fmt: skip
    return acts


@njit(cache=True, nogil=True)
def _history(
    row_of: I32, starts: I64, ordinals: I32, times_ms: I64, gains: F32, person: int,
    before_ms: int, offsets: I64, records: I32, price: int,
    numbers: int, fields: int, lengths: int, counts: int, header: int,
) -> tuple[Rows, I64, F32, I32, F32, I64, F64]:  # fmt: skip
    """Return what `_past` does of a person, and what `_read_past` does of those rows."""
    past: Acts = _past(row_of, starts, ordinals, times_ms, gains, person, before_ms)
    read: tuple[I32, F32, I64, F64] = _read_past(
        offsets, records, price, past[0], past[2], numbers, fields, lengths, counts, header
    )
    return past + read


@njit(cache=True, nogil=True)
def _past(
    row_of: I32, starts: I64, ordinals: I32, times_ms: I64, gains: F32, person: int, before_ms: int
) -> Acts:
    """Return a person's history, of rows that are still there and before a time."""
    rows, size = np.empty(starts[person + 1] - starts[person], np.int32), 0
    times, worth = np.empty(rows.size, np.int64), np.empty(rows.size, np.float32)
    for at in range(starts[person], starts[person + 1]):
        row = row_of[ordinals[at]]
        if row >= 0 and times_ms[at] < before_ms:
            rows[size], times[size], worth[size] = row, times_ms[at], gains[at]
            size += 1
    return rows[:size], times[:size], worth[:size]


def _lately(interactions: Sequence[Interaction], documents: Documents, now_ms: int) -> Acts:
    """Look the documents up, the newest first; those that the catalogue lacks are left out."""
    _, times_ms, worth, names = zip(*interactions[::-1], strict=True)
    rows = documents.ids.find_all(names)
    times = np.minimum(np.array(times_ms, np.int64), now_ms)
    gains = np.array(worth, np.float32)
    keep = rows >= 0
    return (rows, times, gains) if keep.all() else (rows[keep], times[keep], gains[keep])


def _together(past: Sequence[Acts]) -> Acts:
    """Merge by time. At the same time what was told last comes first, then as tables have it."""
    rows, times, gains = (np.concatenate(column) for column in zip(*past, strict=True))
    merged: Acts = _unique(rows, times, gains.astype(np.float32), MAX_HISTORY)
    return merged


@njit(cache=True, nogil=True)
def _unique(rows: Rows, times_ms: I64, gains: F32, most: int) -> Acts:
    """Keep each row at its newest time with the sum of its gains, newest first, at most `most`.

    An open hash table (Knuth, TAOCP 3, 6.4, linear probing), at most half full.
    """
    slots = 16
    while slots < 2 * rows.size:
        slots *= 2
    table = np.full(slots, -1, np.int32)  # row → its place among those kept
    order, size = np.argsort(-times_ms, kind="mergesort"), 0
    kept, sums = np.empty(rows.size, np.int64), np.zeros(rows.size, np.float64)
    for i in order:
        slot = (np.int64(rows[i]) * 0x9E3779B1 >> 7) & (slots - 1)
        while table[slot] >= 0 and rows[kept[table[slot]]] != rows[i]:
            slot = (slot + 1) & (slots - 1)
        if table[slot] < 0:
            table[slot], kept[size] = size, i
            size += 1
        sums[table[slot]] += gains[i]
    newest = kept[: min(size, most)]
    return rows[newest], times_ms[newest], sums[: newest.size].astype(np.float32)


@njit(cache=True, nogil=True)
def _read_past(
    offsets: I64, records: I32, price: int, rows: Rows, gains: F32,
    numbers: int, fields: int, lengths: int, counts: int, header: int,
) -> tuple[I32, F32, I64, F64]:  # fmt: skip
    """Read each row's record once. The last five are a Layout, which costs more as a tuple.

    Returns the codes of all preference fields, one field after the other, each code's share, where
    each field ends, and what `_mean_and_deviation` says of the number at the place `price`.
    """
    at, prices = np.empty(rows.size, np.int64), np.full(rows.size, np.nan)
    liked, wide, size = header - counts, records.view(np.float64), 0
    for i in range(rows.size):
        start = offsets[rows[i]]
        if price != NOT_HELD:
            prices[i] = wide[start // 2 + price]
        at[i] = start + header
        for f in range(fields):
            at[i] += min(records[start + lengths + f], FIRST_TOKENS)
        for f in range(liked):
            size += records[start + counts + f]
    codes, weights = np.empty(size, np.int32), np.empty(size, np.float32)
    ends, first = np.empty(liked, np.int64), 0
    for f in range(liked):
        size = 0
        for i in range(rows.size):
            size += records[offsets[rows[i]] + counts + f]
        keys, parts, size = np.empty(size, np.int32), np.empty(size, np.float32), 0
        for i in range(rows.size):
            count = records[offsets[rows[i]] + counts + f]
            for place in range(at[i], at[i] + count):
                keys[size], parts[size] = records[place], gains[i] / np.float32(count)
                size += 1
            at[i] += count
        values, shares = _shares(keys, parts)
        ends[f] = first + values.size
        codes[first : ends[f]], weights[first : ends[f]] = values, shares
        first = ends[f]
    return codes[:first], weights[:first], ends, _mean_and_deviation(prices)


@njit(cache=True, nogil=True)
def _shares(keys: I32, parts: F32) -> tuple[I32, F32]:
    """Return the distinct keys, ascending, and the share of all parts that is each one's."""
    order, count, total = np.argsort(keys, kind="mergesort"), 0, 0.0
    values, weights = np.empty(keys.size, np.int32), np.zeros(keys.size, np.float64)
    for i in order:
        if count == 0 or values[count - 1] != keys[i]:
            values[count] = keys[i]
            count += 1
        weights[count - 1] += parts[i]
        total += parts[i]
    if total > 0.0:
        weights /= total
    return values[:count], weights[:count].astype(np.float32)


@njit(cache=True, nogil=True)
def _mean_and_deviation(prices: F64) -> F64:
    logs, count = np.empty(prices.size, np.float64), 0
    for price in prices:
        if math.isfinite(price) and price >= 0.0:
            logs[count] = math.log1p(price)
            count += 1
    if count == 0:
        return np.full(2, np.nan)
    return np.array([logs[:count].mean(), logs[:count].std()])
