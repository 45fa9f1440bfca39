"""One pass over the candidates' records: all that features read of a row, while it is at hand.

Rows lie all over the file. First every row is touched, so that the processor fetches many at once
instead of one after another; then each is read once, from its first word to its last.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numba import njit

from app.corpus.row_store import FIRST_TOKENS, Layout, RowStore
from app.domain.arrays import F32, F64, I32, I64, Rows
from app.domain.user import Preference, UserState
from app.features.affinity import Preferred, affinities, preferred_of, tastes_of
from app.features.mentions import NOTHING_NAMED, Named, mentions_held
from app.features.text_match import asked_of, match

LINE, MOST = 16, 160  # words of a cache line, and of a record that are touched


class RowInputs(NamedTuple):
    """What the records say of n rows, to one query and one person."""

    numbers: F64  # (m, n) numeric columns, NaN where missing
    lengths: F32  # (n, fields) true token counts of the searched fields
    text: F32  # (n, fields, 9) FIELD_MATCHES of each field
    best_bm25: F32  # (fields,) the highest BM25, NaN where no row has the field
    any_coverage: F32  # (n,) the best coverage of any field, NaN where the row has none
    affinities: F32  # (n, preference fields), NaN where the person has none for the field
    held: F32  # (n,) how many of the named values the row has


def read_rows(
    store: RowStore, rows: Rows, ids: I32, n: int, user: UserState, named: Named = NOTHING_NAMED
) -> RowInputs:
    """Read each row's record, computed from that row alone.

    `ids` are the query's distinct terms in order, -1 where unknown; `n` the rows that df counts;
    `named` the values that the query names, see mentions.py.
    """
    return RowInputs(
        *_read(
            store.records.offsets, store.records.values, store.layout, rows,
            store.df, store.average_lengths, ids, n, preferred_of(store, user.preferences), named,
        )
    )  # fmt: skip


def read_affinities(store: RowStore, rows: Rows, preferences: Mapping[str, Preference]) -> F32:
    """Return the summed weight of each row's values in each preference field, NaN where none is.

    (n, preference fields). A second pass, over records that `read_rows` has brought near.
    """
    offsets, values = store.records.offsets, store.records.values
    found: F32 = _affinities(offsets, values, store.layout, rows, preferred_of(store, preferences))
    return found


@njit(cache=True, nogil=True)
def _affinities(offsets: I64, values: I32, layout: Layout, rows: Rows, preferred: Preferred) -> F32:
    starts = _touch(offsets, values, rows)
    codes = starts + layout.header
    for i in range(rows.size):
        for f in range(layout.fields):
            codes[i] += min(values[np.uintp(starts[i] + layout.lengths + f)], FIRST_TOKENS)
    found: F32 = affinities(values, starts, layout.counts, codes, tastes_of(preferred))
    return found


@njit(cache=True, nogil=True)
def _read(
    offsets: I64, values: I32, layout: Layout, rows: Rows, df: I32, averages: F64, ids: I32,
    counted: int, preferred: Preferred, named: Named,
) -> tuple[F64, F32, F32, F32, F32, F32, F32]:  # fmt: skip
    n, wide = rows.size, values.view(np.float64)
    numbers, lengths = np.empty((layout.numbers, n)), np.empty((n, layout.fields), np.int32)
    starts, codes = _touch(offsets, values, rows), np.empty(n, np.int64)
    for i in range(n):
        for j in range(layout.numbers):
            numbers[j, i] = wide[np.uintp(starts[i] // 2 + j)]
        codes[i] = starts[i] + layout.header
        for f in range(layout.fields):
            lengths[i, f] = values[np.uintp(starts[i] + layout.lengths + f)]
            codes[i] += min(lengths[i, f], FIRST_TOKENS)
    text = match(values, starts, layout, lengths, asked_of(df, averages, ids, counted))
    return (
        numbers, lengths.astype(np.float32), text.fields, text.best_bm25,
        text.any_coverage, affinities(values, starts, layout.counts, codes, tastes_of(preferred)),
        mentions_held(values, starts, layout.counts, codes, named),
    )  # fmt: skip


@njit(cache=True, nogil=True)
def _touch(offsets: I64, values: I32, rows: Rows) -> I64:
    """Return where each row's record starts, with all records on their way to the cache.

    Nothing here waits for what another line brings. What lies behind `MOST` words is read later.
    """
    starts, touched = np.empty(rows.size, np.int64), 0
    for i in range(rows.size):
        starts[i] = offsets[rows[i]]
    for i in range(rows.size):
        size = min(offsets[rows[i] + 1] - starts[i], MOST)
        for word in range(0, size, LINE):
            touched ^= values[np.uintp(starts[i] + word)]
    if touched == 1 << 40:  # never, but so the compiler keeps the touching
        starts[0] = -1
    return starts
