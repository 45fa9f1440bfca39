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
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from enum import IntEnum
from math import prod
from typing import Annotated, Any, Literal, NamedTuple, Protocol, TypeAlias, TypeVar

import numpy as np
import orjson
from msgspec import Meta

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

Listed = Annotated[
    list[tuple[str, Literal["i2", "i4", "i8", "f4", "f8"], Literal[1, 2]]],
    Meta(max_length=MAX_ARRAYS),
]
"""The arrays of a form, as it names them."""

Lengths = Annotated[
    list[Annotated[int, Meta(ge=0, lt=MAX_LENGTH)]], Meta(max_length=2 * MAX_ARRAYS)
]
"""The shapes of a header."""


class Shaped(Protocol):
    """A header that was read."""

    @property
    def shapes(self) -> Sequence[int]:
        """Lengths of all arrays one after another, each checked to be one."""
        ...


H = TypeVar("H", bound=Shaped)


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
    body: bytes,
    kind: Kind,
    read_form: Callable[[bytes], tuple[T, Arrays]],
    read_header: Callable[[bytes], H],
) -> tuple[T, H, dict[str, Array]]:
    """Return what is read of the form and of the header, and the arrays over one copy.

    `read_form` says which arrays there are, too, and may remember. Raises InvalidQuery.
    """
    begins, ends = _texts(body, kind)
    known, described = read_form(body[_PREFIX.size : begins])
    header = read_header(body[begins:ends])
    return known, header, _arrays(body, ends, described, header.shapes)


def described(listed: Listed) -> Arrays:
    """Describe the arrays that a form lists. Raises InvalidQuery."""
    if len({name for name, *_ in listed}) < len(listed):
        raise InvalidQuery("arrays", listed, "one name given twice", "give each array once")
    return tuple(Described(name, DTYPES[dtype], dimensions) for name, dtype, dimensions in listed)


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


def _arrays(body: bytes, at: int, described: Arrays, lengths: Sequence[int]) -> dict[str, Array]:
    """Return each array, in C order over one copy of the body."""
    if len(lengths) != (wanted := sum([array.dimensions for array in described])):
        limit = f"a list of {wanted} whole numbers"
        raise InvalidQuery("shapes", lengths, limit, "say each length")
    copy, whole, of = bytearray(body), len(body), iter(lengths)
    arrays: dict[str, Array] = {}
    for name, dtype, dimensions in described:
        shape = (next(of),) if dimensions == 1 else (next(of), next(of))
        size = prod(shape) * dtype.itemsize
        start = at + -at % _ALIGN if size else at
        at = start + size
        if at > whole:
            limit = f"ends at byte {at} of {whole}"
            raise InvalidQuery(f"arrays.{name}", shape, limit, "send whole arrays")
        arrays[name] = np.ndarray(shape, dtype, copy, start if size else 0)
    if at != whole:
        raise InvalidQuery("body", whole, f"{at} bytes by its header", "send nothing after it")
    return arrays
