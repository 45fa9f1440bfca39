"""The frame that a rank call and its reply travel in: two JSON texts, then raw arrays.

    offset  bytes
    0       4      magic "DLRK"
    4       2      version, 2
    6       2      kind: 1 a call, 2 a reply
    8       4      length f of the form
    12      4      length h of the header
    16      f      one JSON object, the same from frame to frame: versions, names, and
                   "arrays", [[name, dtype, dimensions], …]
    …       h      one JSON object, what this frame says; its "shapes" is [length, …], those of
                   all arrays one after another
    …              each array in turn at the next multiple of 8, zeros between, nothing after

All numbers are little-endian. JSON of the same content took 7 ms where this takes 0.6: the arrays
are copied, never parsed. A form that was read once is known by its bytes and not read again: a
service meets its caches cold, and what it need not do costs eight times what it does in a loop.
Nothing here reads outside the body, whatever the body says.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Iterable, Mapping
from enum import IntEnum
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np
import orjson

from app.domain.arrays import Array
from app.domain.errors import InvalidQuery

T = TypeVar("T")

MAGIC = b"DLRK"
VERSION = 2
MAX_FORM_BYTES = 128 << 10
MAX_HEADER_BYTES = 256 << 10
MAX_ARRAYS = 64
MAX_LENGTH = 2**31
DTYPES = {name: np.dtype(f"<{name}") for name in ("i2", "i4", "i8", "f4", "f8")}
_PREFIX = struct.Struct("<4sHHII")
_ALIGN = 8
_GAPS = [bytes(gap) for gap in range(_ALIGN)]


class Kind(IntEnum):
    """What a frame is."""

    CALL = 1
    REPLY = 2


CALL, REPLY = Kind


class Described(NamedTuple):
    """An array of a form."""

    name: str
    dtype: np.dtype[Any]
    dimensions: int  # 1 or 2


Arrays: TypeAlias = tuple[Described, ...]


def form_text(said: Mapping[str, Any], arrays: Iterable[Described]) -> bytes:
    """Write out a form."""
    listed = [(name, dtype.str[1:], dimensions) for name, dtype, dimensions in arrays]
    return orjson.dumps({**said, "arrays": listed})


def frame(kind: Kind, form: bytes, header: Mapping[str, Any], arrays: Collection[Array]) -> bytes:
    """Lay out a frame whose form is written: the arrays are those of the form, in its order."""
    shapes = [length for array in arrays for length in array.shape]
    text = orjson.dumps({**header, "shapes": shapes})
    parts = [_PREFIX.pack(MAGIC, VERSION, kind, len(form), len(text)), form, text]
    at = _PREFIX.size + len(form) + len(text)
    for array in arrays:
        if array.size:
            gap = -at % _ALIGN
            parts += (_GAPS[gap], array.tobytes())  # in C order, whatever it has in memory
            at += gap + array.nbytes
    return b"".join(parts)


def opened(
    body: bytes, kind: Kind, read_form: Callable[[bytes], tuple[T, Arrays]]
) -> tuple[T, dict[str, Any], dict[str, Array]]:
    """Return what `read_form` makes of the form, the header, and the arrays over one copy.

    `read_form` says which arrays there are, too, and may remember. Raises InvalidQuery.
    """
    begins, ends = _texts(body, kind)
    known, described = read_form(body[_PREFIX.size : begins])
    header = _object(body[begins:ends], "header")
    return known, header, _arrays(body, ends, described, header.pop("shapes", None))


def form_of(text: bytes) -> tuple[dict[str, Any], Arrays]:
    """Read a form: its fields and its arrays. Raises InvalidQuery."""
    said = _object(text, "form")
    listed = said.pop("arrays", None)
    if not isinstance(listed, list) or len(listed) > MAX_ARRAYS:
        raise InvalidQuery("arrays", listed, f"a list of at most {MAX_ARRAYS}", "list each array")
    arrays = tuple(_described(entry) for entry in listed)
    if len({a.name for a in arrays}) < len(arrays):
        raise InvalidQuery("arrays", listed, "one name given twice", "give each array once")
    return said, arrays


def _texts(body: bytes, kind: Kind) -> tuple[int, int]:
    """Read the prefix; return where the header begins and ends."""
    if len(body) < _PREFIX.size:
        raise InvalidQuery("body", len(body), f"at least {_PREFIX.size} bytes", "send a frame")
    magic, version, said, of_form, of_header = _PREFIX.unpack_from(body)
    if (magic, version, said) != (MAGIC, VERSION, kind):
        for field, value, wanted in (
            ("magic", magic, MAGIC), ("version", version, VERSION), ("kind", said, int(kind))
        ):  # fmt: skip
            if value != wanted:
                limit = f"{wanted!r} here"
                raise InvalidQuery(field, value, limit, "send a frame of this version")
    begins = _PREFIX.size + of_form
    for field, length, most, end in (
        ("form", of_form, MAX_FORM_BYTES, begins),
        ("header", of_header, MAX_HEADER_BYTES, begins + of_header),
    ):
        if length > most or end > len(body):
            limit = f"at most {most} bytes and inside the body"
            raise InvalidQuery(field, length, limit, "shorten it")
    return begins, begins + of_header


def _object(text: bytes, field: str) -> dict[str, Any]:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidQuery(field, None, f"not JSON: {error}", "send one object") from None
    if not isinstance(value, dict):
        raise InvalidQuery(field, value, "not an object", "send one object")
    return value


def _described(entry: Any) -> Described:
    if isinstance(entry, list) and len(entry) == 3:
        name, dtype, dimensions = entry
        is_known = isinstance(name, str) and isinstance(dtype, str) and dtype in DTYPES
        if is_known and type(dimensions) is int and dimensions in (1, 2):
            return Described(name, DTYPES[dtype], dimensions)
    raise InvalidQuery("arrays", entry, f"[name, one of {' '.join(DTYPES)}, 1 or 2]", "say so")


def _arrays(body: bytes, at: int, described: Arrays, shapes: Any) -> dict[str, Array]:
    """Return each array, in C order over one copy of the body."""
    copy, lengths = bytearray(body), _lengths(shapes, described)
    arrays: dict[str, Array] = {}
    of = 0
    for name, dtype, dimensions in described:
        count = lengths[of] if dimensions == 1 else lengths[of] * lengths[of + 1]
        start = at + -at % _ALIGN if count else at
        at = start + count * dtype.itemsize
        if at > len(body):
            limit = f"ends at byte {at} of {len(body)}"
            raise InvalidQuery(f"arrays.{name}", count, limit, "send whole arrays")
        array = np.frombuffer(copy, dtype, count, start if count else 0)
        arrays[name] = array if dimensions == 1 else array.reshape(lengths[of : of + 2])
        of += dimensions
    if at != len(body):
        raise InvalidQuery("body", len(body), f"{at} bytes by its header", "send nothing after it")
    return arrays


def _lengths(shapes: Any, described: Arrays) -> list[int]:
    wanted = sum([array.dimensions for array in described])
    fits = isinstance(shapes, list) and len(shapes) == wanted
    if not fits or not {int}.issuperset(map(type, shapes)):
        raise InvalidQuery("shapes", shapes, f"a list of {wanted} whole numbers", "say each length")
    if not 0 <= min(shapes, default=0) <= max(shapes, default=0) < MAX_LENGTH:
        raise InvalidQuery("shapes", shapes, f"lengths of 0 to {MAX_LENGTH - 1}", "send fewer")
    lengths: list[int] = shapes
    return lengths
