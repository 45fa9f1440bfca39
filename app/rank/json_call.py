"""A rank call as JSON, for people and for trying things out: the same fields, arrays as lists."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson

from app.domain.arrays import Array
from app.domain.errors import InvalidQuery
from app.rank.call import RankCall, call_of
from app.rank.parts import kind_of


def decode_json_call(body: bytes) -> RankCall:
    """Read the header's object with "arrays": {name: numbers}; null is a missing score.

    Raises InvalidQuery naming the field that is wrong.
    """
    try:
        header = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidQuery("body", None, f"not JSON: {error}", "send one object") from None
    if not isinstance(header, dict):
        raise InvalidQuery("body", header, "not an object", "send one object")
    arrays = header.pop("arrays", None)
    if not isinstance(arrays, dict):
        raise InvalidQuery("arrays", arrays, "an object of lists", 'send {"rows": [3, 1]}')
    return call_of(header, {name: _array(name, value) for name, value in arrays.items()})


def _array(name: str, value: Any) -> Array:
    dtype, dimensions = kind_of(name)
    if not isinstance(value, list):
        raise _wrong(name, value, dtype, dimensions)
    if dimensions == 1:
        return _numbers(name, value, dtype)
    lines = [_numbers(name, line, dtype) for line in value]
    if len({line.size for line in lines}) > 1:
        raise _wrong(name, value, dtype, dimensions)
    return np.stack(lines) if lines else np.empty((0, 0), dtype)


def _numbers(name: str, value: Any, dtype: str) -> Array:
    """Convert one list; numpy alone would read "1", true and 3.7 as whole numbers."""
    kinds = (int, float, type(None)) if dtype.startswith("f") else (int,)
    if not isinstance(value, list) or not all(type(v) in kinds for v in value):
        raise _wrong(name, value, dtype, 1)
    try:
        with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused
            return np.array([np.nan if v is None else v for v in value], dtype)
    except OverflowError:
        raise _wrong(name, value, dtype, 1) from None


def _wrong(name: str, value: Any, dtype: str, dimensions: int) -> InvalidQuery:
    kind, bits = ("whole numbers" if dtype[0] == "i" else "numbers"), 8 * int(dtype[1:])
    what = f"a list of {kind}" if dimensions == 1 else f"a list of lists of one length, of {kind}"
    return InvalidQuery(f"arrays.{name}", value, f"{what} of {bits} bits", "see docs/api.md")
