"""Filters evaluated on a few rows, as masks evaluate them on all: the same answer row for row."""

from __future__ import annotations

import numpy as np
from numba import njit

from app.corpus.documents import Documents
from app.corpus.geometry import within_box, within_km
from app.corpus.masks import ID
from app.domain.arrays import I32, I64, Bools, Rows
from app.domain.errors import UnknownName
from app.domain.filters import AllOf, AnyOf, Box, Filter, Not, OneOf, Range, Within


def allows(node: Filter, documents: Documents, rows: Rows) -> Bools:
    """Tell which of the rows the tree allows. (m,) Raises UnknownName as `row_mask` does."""
    match node:
        case AllOf(parts):
            return _joined(np.logical_and, True, parts, documents, rows)
        case AnyOf(parts):
            return _joined(np.logical_or, False, parts, documents, rows)
        case Not(part):
            return ~allows(part, documents, rows)
        case Range():
            return _in_range(node, documents, rows)
        case OneOf(field, values) if field == ID:
            return np.isin(rows, documents.ids.find_all(values))
        case OneOf():
            return _one_of(node, documents, rows)
        case Within() | Box():
            return _placed(node, documents, rows)


def _joined(
    operation: np.ufunc, of_none: bool, parts: tuple[Filter, ...], documents: Documents, rows: Rows
) -> Bools:
    out = np.full(rows.size, of_none)
    for part in parts:
        operation(out, allows(part, documents, rows), out=out)
    return out


def _in_range(node: Range, documents: Documents, rows: Rows) -> Bools:
    if node.field not in documents.numbers:
        raise UnknownName("number field", node.field, f"known: {', '.join(documents.numbers)}")
    values = documents.numbers_of(node.field, rows)
    above = values > node.lower if node.lower_open else values >= node.lower
    below = values < node.upper if node.upper_open else values <= node.upper
    inside: Bools = above & below
    return inside


def _one_of(node: OneOf, documents: Documents, rows: Rows) -> Bools:
    column = documents.keywords.get(node.field)
    if column is None:
        raise UnknownName("keyword field", node.field, f"known: {', '.join(documents.keywords)}")
    wanted: Bools = _hold_any(
        column.codes.offsets, column.codes.values, rows, column.names.find_all(node.values)
    )
    return wanted


def _placed(node: Within | Box, documents: Documents, rows: Rows) -> Bools:
    if not documents.has_places:
        return np.zeros(rows.size, np.bool_)
    lats, lons = documents.numbers["lat"][rows], documents.numbers["lon"][rows]
    if isinstance(node, Within):
        return within_km(node.lat, node.lon, node.radius_km, lats, lons)
    return within_box(node.south, node.west, node.north, node.east, lats, lons)


@njit(cache=True, nogil=True)
def _hold_any(offsets: I64, codes: I32, rows: Rows, wanted: I32) -> Bools:
    out = np.zeros(rows.size, np.bool_)
    for i in range(rows.size):
        for at in range(offsets[rows[i]], offsets[rows[i] + 1]):
            for code in wanted:
                if codes[at] == code:
                    out[i] = True
    return out
