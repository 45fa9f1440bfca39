"""Filters as JSON to a filter tree. Whatever JSON comes, the answer is a tree or an InvalidQuery.

    {"price": {"gte": 50, "lt": 100}, "category": ["hotpot", "bbq"], "in_stock": true,
     "location": {"within_km": 2, "lat": 31.2, "lon": 121.5},
     "or": [{"rating": {"gte": 4.5}}, {"tags": "new"}], "not": {"brand": "Acme"}}

Keys beside each other mean and; a list means any of. A missing value matches nothing but `not`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.corpus.rows import BadRow, as_time
from app.corpus.schema import NUMERIC, FieldSpec, FieldType, Schema
from app.domain.errors import InvalidQuery
from app.domain.filters import MAX_CLAUSES, AllOf, AnyOf, Filter, Not, OneOf, Range
from app.query.places import parse_place

MAX_DEPTH = 8  # objects inside objects
MAX_VALUES = 1_024  # keywords or ids in one list
ROOT = "filters"
_FILTERED = (FieldType.KEYWORD, FieldType.GEO, *NUMERIC)
_BOUNDS = ("gte", "gt", "lte", "lt", "eq")
_WANTED = {
    FieldType.NUMBER: "a number, a list of numbers, or {gte, gt, lte, lt, eq}",
    FieldType.TIME: "RFC 3339 or epoch ms, a list of them, or {gte, gt, lte, lt, eq}",
    FieldType.BOOL: "true or false",
    FieldType.KEYWORD: "a string or a list of strings",
}


def parse_filters(body: Mapping[str, Any], schema: Schema) -> Filter | None:
    """Return the tree, None for an empty object. Raises InvalidQuery naming the path of the key."""
    if isinstance(body, Mapping) and not body:
        return None
    tree = _object(body, ROOT, schema, 1)
    clauses = sum(1 for _ in _leaves(tree))
    if clauses > MAX_CLAUSES:
        raise InvalidQuery(
            ROOT,
            f"{clauses} clauses",
            f"at most {MAX_CLAUSES}",
            "put keywords of one field in one list",
        )
    return tree


def _leaves(tree: Filter) -> Iterator[Filter]:
    match tree:
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from _leaves(part)
        case Not(part):
            yield from _leaves(part)
        case _:
            yield tree


def _object(body: Any, path: str, schema: Schema, depth: int) -> Filter:
    if depth > MAX_DEPTH:
        raise InvalidQuery(path, "a deeper object", f"at most {MAX_DEPTH} levels", "flatten it")
    if not isinstance(body, Mapping):
        raise InvalidQuery(path, body, "not an object", 'write {"field": value}')
    if not body:
        raise InvalidQuery(
            path, body, "an empty object allows nothing in particular", "leave it out"
        )
    parts = tuple(_entry(str(k), v, path, schema, depth) for k, v in body.items())
    return parts[0] if len(parts) == 1 else AllOf(parts)


def _entry(key: str, value: Any, path: str, schema: Schema, depth: int) -> Filter:
    here = f"{path}.{_printable(key)}"
    match key:
        case "or":
            return AnyOf(
                tuple(
                    _object(part, f"{here}.{i}", schema, depth + 1)
                    for i, part in enumerate(_list(value, here, MAX_CLAUSES))
                )
            )
        case "not":
            return Not(_object(value, here, schema, depth + 1))
        case "id":
            return OneOf("id", _words(value, here, "a string or a list of strings"))
    return _field(_spec(key, here, value, schema), value, here)


def _spec(key: str, here: str, value: Any, schema: Schema) -> FieldSpec:
    spec = schema.fields.get(key)
    if spec is None:
        known = ", ".join(f.name for f in schema.of_type(*_FILTERED))
        raise InvalidQuery(here, value, "no such field", f"fields to filter by: id, {known}")
    if spec.type is FieldType.TEXT:
        raise InvalidQuery(here, value, "text is not filtered", "search for it in the query")
    return spec


def _field(spec: FieldSpec, value: Any, here: str) -> Filter:
    if spec.type is FieldType.GEO:
        return parse_place(value, here)
    if spec.type is FieldType.KEYWORD:
        return OneOf(spec.name, _words(value, here, _WANTED[spec.type]))
    if isinstance(value, Mapping) and spec.type is not FieldType.BOOL:
        return _range(spec, value, here)
    if isinstance(value, list):
        values = [_number(spec, v, f"{here}.{i}") for i, v in _counted(value, here)]
        points = tuple(Range(spec.name, v, v) for v in dict.fromkeys(values))
        return points[0] if len(points) == 1 else AnyOf(points)
    point = _number(spec, value, here)
    return Range(spec.name, point, point)


def _range(spec: FieldSpec, body: Mapping[Any, Any], here: str) -> Filter:
    unknown = [str(k) for k in body if k not in _BOUNDS]
    if unknown or not body:
        raise InvalidQuery(
            here, dict(body), f"wants {', '.join(_BOUNDS)}", "name at least one bound"
        )
    bounds = {k: _number(spec, v, f"{here}.{k}") for k, v in body.items()}
    for one, other in (("gte", "gt"), ("lte", "lt")):
        if one in bounds and other in bounds:
            raise InvalidQuery(
                here, dict(body), f"{one} and {other} together", "give one of the two"
            )
    if "eq" in bounds and len(bounds) > 1:
        raise InvalidQuery(here, dict(body), "eq beside other bounds", "give eq alone")
    lower = bounds.get("eq", bounds.get("gte", bounds.get("gt", -math.inf)))
    upper = bounds.get("eq", bounds.get("lte", bounds.get("lt", math.inf)))
    if lower > upper:
        raise InvalidQuery(here, dict(body), "the lower bound is above the upper", "swap the two")
    return Range(spec.name, lower, upper, lower_open="gt" in bounds, upper_open="lt" in bounds)


def _number(spec: FieldSpec, value: Any, here: str) -> float:
    """Read one value of a number, time or bool field in the column's own unit."""
    if spec.type is FieldType.TIME:
        return _time(spec, value, here)
    is_bool = isinstance(value, bool)
    if is_bool is not (spec.type is FieldType.BOOL) or not isinstance(value, int | float):
        raise InvalidQuery(
            here, value, f"{spec.name} is a {spec.type}", f"write {_WANTED[spec.type]}"
        )
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise InvalidQuery(here, value, "not a finite number", "leave the bound out for no limit")
    return number


def _time(spec: FieldSpec, value: Any, here: str) -> float:
    reason = "is not a time"
    if isinstance(value, str | int | float):
        try:
            return float(as_time(spec.name, value))
        except BadRow as error:
            reason = error.reason
    raise InvalidQuery(here, value, reason, f"write {_WANTED[FieldType.TIME]}")


def _words(value: Any, here: str, wanted: str) -> tuple[str, ...]:
    words = _list(value, here, MAX_VALUES) if isinstance(value, list) else [value]
    for i, word in enumerate(words):
        at = f"{here}.{i}" if isinstance(value, list) else here
        if not isinstance(word, str):
            raise InvalidQuery(at, word, "not a string", f"write {wanted}")
        if _printable(word, len(word)) != word:
            raise InvalidQuery(at, word, "not Unicode text", "send UTF-8")
    return tuple(dict.fromkeys(words))


def _counted(values: Sequence[Any], here: str) -> Iterator[tuple[int, Any]]:
    return enumerate(_list(values, here, MAX_CLAUSES))


def _list(value: Any, here: str, most: int) -> list[Any]:
    if not isinstance(value, list):
        raise InvalidQuery(here, value, "not a list", "write [..]")
    if not 0 < len(value) <= most:
        raise InvalidQuery(
            here, f"{len(value)} values", f"1 to {most}", "leave it out for no limit"
        )
    return value


def _printable(text: str, most: int = 80) -> str:
    """Return a caller's key as it can stand in an answer: short, and without lone surrogates."""
    return text[:most].encode(errors="backslashreplace").decode()
