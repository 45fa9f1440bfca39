"""Whole frames, as nobody needs them who serves: all fields in one header, arrays by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from app.domain.arrays import Array
from app.rank import call, reply
from app.rank.wire import CALL, Arrays, Described, Kind, described, form_text, frame, opened


def pack(kind: Kind, header: Mapping[str, Any], arrays: Mapping[str, Array]) -> bytes:
    """Lay out a frame of all its fields. Arrays have one dimension or two."""
    names = call.STANDING if kind is CALL else reply.STANDING
    standing = {name: value for name, value in header.items() if name in names}
    passing = {name: value for name, value in header.items() if name not in names}
    listed = [Described(name, a.dtype, a.ndim) for name, a in arrays.items()]
    return frame(kind, form_text(standing, listed), passing, arrays.values())


class Passing(NamedTuple):
    """A header of any fields."""

    said: dict[str, Any]
    shapes: list[int]


def unpack(body: bytes, kind: Kind) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return all fields and the arrays. Raises InvalidQuery naming what is wrong."""
    said, header, arrays = opened(body, kind, _form, _header)
    return {**said, **header.said}, arrays


def _form(text: bytes) -> tuple[dict[str, Any], Arrays]:
    said = orjson.loads(text)
    return said, described(said.pop("arrays"))


def _header(text: bytes) -> Passing:
    said = orjson.loads(text)
    shapes = said.pop("shapes")
    return Passing(said, shapes)
