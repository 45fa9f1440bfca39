"""The frame that a rank call and its reply travel in: a JSON header, then raw arrays.

    offset  bytes
    0       4      magic "DLRK"
    4       2      version, 1
    6       2      kind: 1 a call, 2 a reply
    8       4      length h of the header
    12      h      one JSON object; its "arrays" is [[name, dtype, shape], …]
    …              each array in turn at the next multiple of 8, zeros between, nothing after

All numbers are little-endian. JSON of the same content took 7 ms where this takes 0.6: the arrays
are copied, never parsed. Nothing here reads outside the body, whatever the body says.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson

from app.domain.arrays import Array
from app.domain.errors import InvalidQuery

MAGIC = b"DLRK"
VERSION = 1
CALL, REPLY = 1, 2
MAX_HEADER_BYTES = 256 << 10
MAX_ARRAYS = 64
DTYPES = {name: np.dtype(f"<{name}") for name in ("i2", "i4", "i8", "f4", "f8")}
_PREFIX = struct.Struct("<4sHHI")
_ALIGN = 8
_GAPS = [bytes(gap) for gap in range(_ALIGN)]


def pack(kind: int, header: Mapping[str, Any], arrays: Mapping[str, Array]) -> bytes:
    """Lay out a frame. Arrays are of the dtypes above, with at most two dimensions."""
    specs = [[name, a.dtype.str[1:], a.shape] for name, a in arrays.items()]
    text = orjson.dumps({**header, "arrays": specs})
    parts = [_PREFIX.pack(MAGIC, VERSION, kind, len(text)), text]
    at = _PREFIX.size + len(text)
    for array in arrays.values():
        if array.size:
            gap = -at % _ALIGN
            parts += (_GAPS[gap], array.tobytes())  # in C order, whatever it has in memory
            at += gap + array.nbytes
    return b"".join(parts)


def unpack(body: bytes, kind: int) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return header and arrays, in C order over one copy of the body.

    Raises InvalidQuery naming what is wrong.
    """
    header, at = _header(body, kind)
    copy = bytearray(body)
    arrays: dict[str, Array] = {}
    for name, dtype, shape in _specs(header.pop("arrays", None)):
        if name in arrays:
            raise InvalidQuery(f"arrays.{name}", name, "given twice", "give it once")
        count = math.prod(shape)
        start = at + -at % _ALIGN if count else at
        at = start + count * dtype.itemsize
        if at > len(body):
            raise InvalidQuery(
                f"arrays.{name}", shape, f"ends at byte {at} of {len(body)}", "send whole arrays"
            )
        array = np.frombuffer(copy, dtype, count, start if count else 0)
        arrays[name] = array if len(shape) == 1 else array.reshape(shape)
    if at != len(body):
        raise InvalidQuery("body", len(body), f"{at} bytes by its header", "send nothing after it")
    return header, arrays


def _header(body: bytes, kind: int) -> tuple[dict[str, Any], int]:
    """Read the prefix and the JSON object after it; also where the arrays begin."""
    if len(body) < _PREFIX.size:
        raise InvalidQuery("body", len(body), f"at least {_PREFIX.size} bytes", "send a frame")
    magic, version, said, length = _PREFIX.unpack_from(body)
    for field, value, wanted in (
        ("magic", magic, MAGIC), ("version", version, VERSION), ("kind", said, kind)
    ):  # fmt: skip
        if value != wanted:
            raise InvalidQuery(field, value, f"{wanted!r} here", "send a frame of this version")
    end = _PREFIX.size + length
    if length > MAX_HEADER_BYTES or end > len(body):
        raise InvalidQuery(
            "header", length, f"at most {MAX_HEADER_BYTES} bytes and inside the body", "shorten it"
        )
    try:
        header = orjson.loads(body[_PREFIX.size : end])
    except orjson.JSONDecodeError as error:
        raise InvalidQuery("header", None, f"not JSON: {error}", "send one object") from None
    if not isinstance(header, dict):
        raise InvalidQuery("header", header, "not an object", "send one object")
    return header, end


def _specs(listed: Any) -> list[tuple[str, np.dtype[Any], tuple[int, ...]]]:
    if not isinstance(listed, list) or len(listed) > MAX_ARRAYS:
        raise InvalidQuery("arrays", listed, f"a list of at most {MAX_ARRAYS}", "list each array")
    return [_spec(entry) for entry in listed]


def _spec(entry: Any) -> tuple[str, np.dtype[Any], tuple[int, ...]]:
    if isinstance(entry, list) and len(entry) == 3:
        name, dtype, shape = entry
        is_known = isinstance(name, str) and isinstance(dtype, str) and dtype in DTYPES
        if is_known and isinstance(shape, list) and _are_lengths(shape):
            return name, DTYPES[dtype], tuple(shape)
    raise InvalidQuery(
        "arrays", entry, f"[name, one of {' '.join(DTYPES)}, [lengths]]", "describe it so"
    )


def _are_lengths(shape: list[Any]) -> bool:
    return len(shape) in (1, 2) and _is_length(shape[0]) and _is_length(shape[-1])


def _is_length(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**31
