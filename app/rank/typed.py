"""JSON that a stranger sent, read into types in one compiled pass; what does not fit is named.

Why by msgspec: docs/adr/0053-frames-say-once-what-they-repeat.md.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from app.domain.errors import InvalidQuery

T = TypeVar("T")

MAX_SAFE = 2**53  # whole numbers up to here are exact in JSON
Whole = Annotated[int, Meta(ge=0, le=MAX_SAFE)]

NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError)
_PLACE = re.compile(r" - at `(?:key` in `)?\$\.?([^`]*)`$", re.DOTALL)
_MEMBER = re.compile(r"^Object (?:contains unknown|missing required) field `(.*)`$", re.DOTALL)
_INSIDE = re.compile(r"\[[^]]*\]")


def read(decoder: msgspec.json.Decoder[T], text: bytes, whole: str) -> T:
    """Return what a JSON text says, of the decoder's type. Raises InvalidQuery.

    `whole` names the text where no field of it is to blame.
    """
    try:
        return decoder.decode(text)
    except msgspec.ValidationError as error:
        raise _refused(error, _any(text), whole) from None
    except (*NOT_JSON, RecursionError) as error:
        raise InvalidQuery(whole, None, f"not JSON: {error}", "send one object") from None


def typed(values: dict[str, Any], type_: type[T], whole: str) -> T:
    """Do the same with an object that was read already."""
    try:
        return msgspec.convert(values, type_)
    except msgspec.ValidationError as error:
        raise _refused(error, values, whole) from None


def _refused(error: msgspec.ValidationError, given: Any, whole: str) -> InvalidQuery:
    """Name the field, as query.origin.lat, and say as msgspec does what it must be."""
    said, *inside = _PLACE.split(str(error))
    names = [name for name in _INSIDE.sub("", "".join(inside)).split(".") if name]
    if member := _MEMBER.match(said):
        names.append(member[1])
    for name in names:
        given = given.get(name) if isinstance(given, dict) else given
    limit = said[:1].lower() + said[1:200]
    return InvalidQuery(".".join(names)[:80] or whole, given, limit, "see docs/api.md")


def _any(text: bytes) -> Any:
    """Return whatever a text says, for the one that is refused there is time."""
    with suppress(*NOT_JSON, RecursionError):
        return msgspec.json.decode(text)
    return None
