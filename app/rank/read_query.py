"""What a gateway read in a query, on the wire: the ranker need not read the same text again.

Only what ranking looks at travels: the values that are named, the bounds, and nothing of where in
the text they stand. Whoever sends the text alone has it read for them.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from app.corpus.documents import Documents
from app.domain.errors import InvalidQuery
from app.domain.filters import Range
from app.domain.query import MAX_QUERY_CHARACTERS
from app.domain.reading import NOTHING_READ, Mention, Quantity, Reading

AT = "query.reading"
MAX_PARTS = MAX_QUERY_CHARACTERS  # of either kind: each takes a character at least
MAX_OPTIONS = 4 * MAX_PARTS  # in all mentions: each is compared with every candidate
MAX_CODE = 2**31
INFINITY = float("inf")

Option = tuple[str, Annotated[int, Meta(ge=0, lt=MAX_CODE)]]
Options = Annotated[tuple[Option, ...], Meta(min_length=1, max_length=MAX_PARTS)]
Bounds = tuple[str, float | None, float | None]


class ReadingSaid(Struct, frozen=True, forbid_unknown_fields=True):
    """A reading on the wire."""

    mentions: Annotated[tuple[Options, ...], Meta(max_length=MAX_PARTS)] = ()
    quantities: Annotated[tuple[Bounds, ...], Meta(max_length=MAX_PARTS)] = ()


def reading_said(reading: Reading) -> dict[str, Any]:
    """Put a reading as JSON: per mention its [field, code]s, per quantity [field, from, to].

    No bound is None, for JSON knows no infinity.
    """
    if not reading.parts:
        return {}
    return {
        "mentions": [mention.options for mention in reading.mentions],
        "quantities": [
            (q.range.field, _finite(q.range.lower), _finite(q.range.upper))
            for q in reading.quantities
        ],
    }


def reading_of(said: ReadingSaid) -> Reading:
    """Return what was read. Raises InvalidQuery."""
    if not said.mentions and not said.quantities:
        return NOTHING_READ
    if (options := sum(map(len, said.mentions))) > MAX_OPTIONS:
        limit = f"at most {MAX_OPTIONS} [field, code]"
        raise InvalidQuery(f"{AT}.mentions", options, limit, "send fewer")
    return Reading(
        mentions=tuple(Mention("", 0, 0, options) for options in said.mentions),
        quantities=tuple(_quantity(*bounds) for bounds in said.quantities),
    )


def check_reading(reading: Reading, documents: Documents) -> None:
    """Refuse fields that these documents have not: features index columns by them."""
    for mention in reading.mentions:
        for field, _ in mention.options:
            if field not in documents.keywords:
                raise _foreign("mentions", field, "a keyword field of the snapshot")
    for quantity in reading.quantities:
        if quantity.range.field not in documents.rows.number_fields:
            raise _foreign("quantities", quantity.range.field, "a number field of the snapshot")


def _finite(bound: float) -> float | None:
    return bound if -INFINITY < bound < INFINITY else None


def _quantity(field: str, lower: float | None, upper: float | None) -> Quantity:
    lowest = -INFINITY if lower is None else lower
    highest = INFINITY if upper is None else upper
    return Quantity(Range(field, lowest, highest), 0, 0, is_hard=False)


def _foreign(name: str, field: str, what: str) -> InvalidQuery:
    return InvalidQuery(f"{AT}.{name}", field[:80], f"not {what}", "leave it out")
