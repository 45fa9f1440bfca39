"""Turns the forward index (row → terms) into postings (term → rows), in one pass over the rows.

A chunk of rows goes through `weigh_field` once a searched field, then through `merge_rows`, which
writes straight to the postings' places; `close_gaps` ends the build. Memory: 8 bytes a
distinct (field, row, term), and the chunk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from app.corpus.bm25 import idf, length_norm, saturate
from app.corpus.documents import TokenColumn
from app.domain.arrays import F32, I32, I64, U16, U64, Rows
from app.recall.postings import BLOCK, COMMON_EVERY, GRAIN, WORDS, Postings

CHUNK_ROWS = 65_536


@dataclass(frozen=True, slots=True)
class WeightedField:
    """A searched field, and how BM25F reads it."""

    column: TokenColumn
    weight: float
    b: float  # length normalisation: 0 none, 1 full


def invert(n: int, terms: int, fields: Sequence[WeightedField], k1: float) -> Postings:
    """Build the postings of all `fields` together, over `n` rows and a vocabulary of `terms`."""
    room = np.zeros(terms + 1, np.int64)
    for field in fields:
        room[1:] += field.column.df
    starts = np.cumsum(room)
    rows, sums = np.empty(starts[-1], np.int32), np.empty(starts[-1], np.float32)
    ends = starts[:-1].copy()
    scratch = np.zeros(terms, np.int32), np.zeros(terms, np.float32)
    for first in range(0, n, CHUNK_ROWS):
        _invert_chunk(first, min(first + CHUNK_ROWS, n), fields, scratch, (ends, rows, sums))
    offsets = np.zeros(terms + 1, np.int64)
    np.cumsum(ends - starts[:-1], out=offsets[1:])
    impacts = np.empty(offsets[-1], np.uint16)
    close_gaps(n, starts, offsets, rows, sums, k1, impacts)
    rows = rows[: offsets[-1]]
    return Postings(n, offsets, rows, impacts, *_map_common(n, offsets, rows, impacts))


def _invert_chunk(
    first: int,
    last: int,
    fields: Sequence[WeightedField],
    scratch: tuple[I32, F32],
    out: tuple[I64, Rows, F32],
) -> None:
    tf, total = scratch
    lengths = np.zeros(last - first, np.int64)
    for field in fields:
        lengths += np.diff(field.column.tokens.offsets[first : last + 1])
    starts = np.concatenate([[0], np.cumsum(lengths)])
    ends = starts[:-1].copy()
    terms, gains = np.empty(starts[-1], np.int32), np.empty(starts[-1], np.float32)
    for field in fields:
        tokens, average = field.column.tokens, field.column.average_length
        weigh_field(
            first, tokens.offsets, tokens.values, field.weight, average, field.b,
            tf, ends, terms, gains,
        )  # fmt: skip
    merge_rows(first, starts, ends, terms, gains, total, *out)


def _map_common(n: int, offsets: I64, rows: Rows, impacts: U16) -> tuple[I32, U64, I32, U16]:
    """Return the terms that many rows hold, and their bits, ranks and peaks."""
    common = np.flatnonzero(np.diff(offsets) * COMMON_EVERY >= max(n, 1)).astype(np.int32)
    blocks = -(-n // BLOCK)
    bits = np.zeros((common.size, blocks * WORDS), np.uint64)
    ranks = np.zeros((common.size, blocks * WORDS), np.int32)
    peaks = np.zeros((common.size, blocks), np.uint16)
    for slot, term in enumerate(common):
        own = slice(offsets[term], offsets[term + 1])
        map_rows(rows[own], impacts[own], BLOCK, bits[slot], ranks[slot], peaks[slot])
    return common, bits, ranks, peaks


@njit(cache=True, nogil=True)
def weigh_field(
    first: int,
    offsets: I64,  # (n + 1,) of the field's tokens
    values: I32,  # term ids
    weight: float,
    average: float,
    b: float,
    tf: I32,  # (terms,) scratch, all 0 before and after
    ends: I64,  # (rows of the chunk,) in and out: where each row writes next
    terms: I32,  # out
    gains: F32,  # out: weight · normalised tf of terms[i] in this field
) -> None:
    """Append each row's distinct terms of one field, with what each earns there."""
    for local in range(ends.size):
        start, end = offsets[first + local], offsets[first + local + 1]
        begin = slot = ends[local]
        for at in range(start, end):
            term = values[at]
            if tf[term] == 0:
                terms[slot] = term
                slot += 1
            tf[term] += 1
        for at in range(begin, slot):
            gains[at] = weight * tf[terms[at]] / length_norm(end - start, average, b)
            tf[terms[at]] = 0
        ends[local] = slot


@njit(cache=True, nogil=True)
def merge_rows(
    first: int,
    starts: I64,  # (rows of the chunk + 1,) where each row's terms begin
    ends: I64,  # (rows of the chunk,)
    terms: I32,
    gains: F32,
    total: F32,  # (terms,) scratch, all 0 before and after
    cursors: I64,  # (terms,) in and out: where each term writes next
    rows: Rows,  # out
    sums: F32,  # out: Σ weight · normalised tf
) -> None:
    """Add up each term over the fields of its row and write one posting."""
    for local in range(ends.size):
        for at in range(starts[local], ends[local]):
            total[terms[at]] += gains[at]
        for at in range(starts[local], ends[local]):
            term = terms[at]
            if total[term] > 0:
                rows[cursors[term]] = first + local
                sums[cursors[term]] = total[term]
                cursors[term] += 1
                total[term] = 0


@njit(cache=True, nogil=True)
def close_gaps(
    n: int,
    starts: I64,  # (terms + 1,) where each term's postings begin
    offsets: I64,  # (terms + 1,) where they shall begin: never further up
    rows: Rows,  # in and out
    sums: F32,  # Σ weight · normalised tf
    k1: float,
    impacts: U16,  # out
) -> None:
    """Move the postings together and turn their sums into BM25F; df counts rows of any field."""
    for term in range(offsets.size - 1):
        shift = starts[term] - offsets[term]
        worth = idf(offsets[term + 1] - offsets[term], n) / GRAIN
        for at in range(offsets[term], offsets[term + 1]):
            rows[at] = rows[at + shift]
            impacts[at] = max(1, round(worth * saturate(sums[at + shift], k1)))


@njit(cache=True, nogil=True)
def map_rows(rows: Rows, impacts: U16, block: int, bits: U64, ranks: I32, peaks: U16) -> None:
    """Mark one term's rows in a bitmap, count before each word, find each block's best impact."""
    for at in range(rows.size):
        row = rows[at]
        bits[row >> 6] |= np.uint64(1) << np.uint64(row & 63)
        ranks[row >> 6] += 1
        peaks[row // block] = max(peaks[row // block], impacts[at])
    before = 0
    for word in range(ranks.size):
        count = ranks[word]
        ranks[word] = before
        before += count
