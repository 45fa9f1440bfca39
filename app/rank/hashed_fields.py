"""Hashed categorical fields of a request and of a document: what a click model knows them by.

A value becomes one of 2^bits hashes (Weinberger et al., "Feature hashing for large scale multitask
learning", ICML 2009), so that no vocabulary has to be kept and a value never seen needs no special
case. The same value of two fields has two hashes, the same in every process.

| request | values |
|---|---|
| `query` | all terms together |
| `term` | each term, weighted 1/√terms |
| `term_count` | how many terms, 5 standing for more |
| `user` | the person, or else the device |
| `hour`, `weekday` | of the request, UTC |
| `origin` | the cell of 0.05 degrees (about 5 km) that the request comes from |

Of a document: `id`, `place` (its cell), a keyword field (its first value), a number or bool field
(a quarter of an octave of 1 + |x|). A missing value has no hash.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from app.corpus.documents import Documents
from app.corpus.schema import FieldType, Schema
from app.corpus.string_keys import hash64
from app.domain.arrays import F32, F64, I32, I64, U64, Rows
from app.domain.errors import InvalidInput
from app.domain.query import GeoPoint, Query
from app.domain.user import client_alias, user_alias
from app.snapshot.tables import memory_key

CELL_DEG = 0.05
BUCKETS_PER_OCTAVE = 4
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
_MASK = 2**64 - 1


class Hashed(NamedTuple):
    """The values of one request, r in all."""

    hashes: I32  # (r,) below 2^bits
    fields: I32  # (r,) place of each one's field among the request fields
    values: F32  # (r,) 1, or 1/√count where a field has many


def hash_request(query: Query, fields: Sequence[str], bits: int) -> Hashed:
    """Hash what the request says in each field, in the order of `fields`."""
    hashes: list[int] = []
    places: list[int] = []
    weights: list[float] = []
    for place, field in enumerate(fields):
        values = REQUEST_FIELDS[field](query)
        hashes += [hash_value(field, value, bits) for value in values]
        places += [place] * len(values)
        weights += [1 / math.sqrt(max(1, len(values)))] * len(values)
    return Hashed(
        np.array(hashes, np.int32), np.array(places, np.int32), np.array(weights, np.float32)
    )


def hash_value(field: str, value: str, bits: int) -> int:
    """Hash one value of one field to [0, 2^bits)."""
    return _mix(hash64(value) ^ _salt(field)) >> (64 - bits)


def hash_documents(documents: Documents, field: str, bits: int) -> I32:
    """Hash every document's value of one field; −1 where it has none, or there is no such field.

    (n,)
    """
    if field == "id":
        return _fold(documents.ids.all_hashes(), field, bits)
    if field in documents.keywords:
        return _keyword(documents, field, bits)
    rows = np.arange(len(documents), dtype=np.int32)
    return _hash_numbers(documents, field, bits, rows)


def hash_rows(documents: Documents, field: str, bits: int, rows: Rows) -> I32:
    """Do the same for a few rows, in time for as many. (rows,)"""
    if field == "id":
        ids = (documents.ids.strings[row] for row in rows.tolist())
        return np.array([hash_value(field, id_, bits) for id_ in ids], np.int32)
    if field in documents.keywords:
        column = documents.keywords[field]
        names, codes = column.names.strings, column.single(rows).tolist()
        hashes = (-1 if c < 0 else hash_value(field, names[c], bits) for c in codes)
        return np.fromiter(hashes, np.int32, rows.size)
    return _hash_numbers(documents, field, bits, rows)


def check_fields(request: Sequence[str], document: Sequence[str], schema: Schema) -> None:
    """Raise InvalidInput naming a field that nobody knows, and those that there are."""
    known = document_fields(schema)
    for kind, asked, there in (
        ("request", request, tuple(REQUEST_FIELDS)), ("document", document, known)
    ):  # fmt: skip
        for name in asked:
            if name not in there:
                raise InvalidInput(
                    f"fields.{kind} names {name!r}, which is no {kind} field of this catalogue; "
                    f"known: {', '.join(there)}"
                )


def document_fields(schema: Schema) -> tuple[str, ...]:
    """Name the document fields that this catalogue offers."""
    single = schema.of_type(FieldType.KEYWORD, FieldType.NUMBER, FieldType.BOOL)
    place = ("place",) if schema.of_type(FieldType.GEO) else ()
    return ("id", *place, *(f.name for f in single))


def _user(query: Query) -> Sequence[str]:
    if query.user_id:
        return (user_alias(query.user_id),)
    return (client_alias(query.client_id),) if query.client_id else ()


def _origin(query: Query) -> Sequence[str]:
    return () if query.origin is None else (_cell(query.origin),)


def _cell(place: GeoPoint) -> str:
    return f"{math.floor(place.lat / CELL_DEG)},{math.floor(place.lon / CELL_DEG)}"


REQUEST_FIELDS: Mapping[str, Callable[[Query], Sequence[str]]] = {
    "query": lambda q: (memory_key(q.terms),) if q.terms else (),
    "term": lambda q: q.terms,
    "term_count": lambda q: (str(min(len(q.terms), 5)),),
    "user": _user,
    "hour": lambda q: (str(q.now_ms // HOUR_MS % 24),),
    "weekday": lambda q: (str((q.now_ms // DAY_MS + 3) % 7),),  # 0 Monday: day 0 was a Thursday
    "origin": _origin,
}


def _keyword(documents: Documents, field: str, bits: int) -> I32:
    column = documents.keywords[field]
    by_code = np.empty(len(column.names) + 1, np.int32)
    by_code[-1] = -1  # what code −1 finds
    by_code[:-1] = _fold(column.names.all_hashes(), field, bits)
    return by_code[column.single(np.arange(len(documents), dtype=np.int32))]


def _hash_numbers(documents: Documents, field: str, bits: int, rows: Rows) -> I32:
    if field == "place" and documents.has_places:
        lats, lons = (documents.numbers_of(name, rows) for name in ("lat", "lon"))
        return _distinct(_cells(lats, lons), field, bits)
    if field in documents.numbers:
        return _distinct(_buckets(documents.numbers_of(field, rows)), field, bits)
    return np.full(rows.size, -1, np.int32)


def _buckets(numbers: F64) -> I64:
    """Round to quarters of an octave; the lowest integer where the number is missing. (n,)"""
    finite = np.where(np.isfinite(numbers), numbers, 0.0)
    steps = np.floor(BUCKETS_PER_OCTAVE * np.log2(1 + np.abs(finite))).astype(np.int64)
    return np.where(np.isfinite(numbers), np.sign(finite).astype(np.int64) * (steps + 1), _NONE)


def _cells(lat: F64, lon: F64) -> I64:
    """Pack both indices of a document's cell into one number. (n,)"""
    here = np.isfinite(lat) & np.isfinite(lon)
    i, j = (np.floor(np.where(here, x, 0.0) / CELL_DEG).astype(np.int64) for x in (lat, lon))
    return np.where(here, (i << 32) + j, _NONE)


_NONE = np.iinfo(np.int64).min


def _distinct(keys: I64, field: str, bits: int) -> I32:
    """Hash each distinct number once. (n,)"""
    distinct, place = np.unique(keys, return_inverse=True)
    hashes = [-1 if k == _NONE else hash_value(field, str(k), bits) for k in distinct.tolist()]
    return np.array(hashes, np.int32)[place]


def _fold(hashes: U64, field: str, bits: int) -> I32:
    """Do what hash_value does, to many 64-bit hashes of values."""
    x = hashes ^ np.uint64(_salt(field))
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x = (x ^ (x >> np.uint64(shift))) * np.uint64(factor)
    return ((x ^ (x >> np.uint64(31))) >> np.uint64(64 - bits)).astype(np.int32)


def _mix(x: int) -> int:
    """Spread the bits: the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & _MASK
    return x ^ (x >> 31)


def _salt(field: str) -> int:
    return hash64(f"field {field}")
