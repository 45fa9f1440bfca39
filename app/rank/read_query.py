"""What a gateway read in a query, on the wire: the ranker need not read the same text again.

Only what ranking looks at travels: the values that are named, the bounds, and nothing of where in
the text they stand. Whoever sends the text alone has it read for them.
"""

from __future__ import annotations

from typing import Any

from app.corpus.documents import Documents
from app.domain.errors import InvalidQuery
from app.domain.filters import Range
from app.domain.query import MAX_QUERY_CHARACTERS
from app.domain.reading import NOTHING_READ, Mention, Quantity, Reading
from app.rank.fields import Fields

AT = "query.reading"
NAMES = ("mentions", "quantities")
MAX_PARTS = MAX_QUERY_CHARACTERS  # of either kind: each takes a character at least
MAX_OPTIONS = 4 * MAX_PARTS  # in all mentions: each is compared with every candidate
MAX_CODE = 2**31
INFINITY = float("inf")


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


def reading_of(query: Fields) -> Reading | None:
    """Return what was read, None where only the text came. Raises InvalidQuery."""
    if query.values.get("reading") is None:
        return None
    fields = query.child("reading").only(NAMES)
    if not fields.values:
        return NOTHING_READ
    mentions = [_mention(options) for options in _listed(fields, "mentions")]
    options = sum(len(mention.options) for mention in mentions)
    if options > MAX_OPTIONS:
        raise InvalidQuery(
            f"{AT}.mentions", options, f"at most {MAX_OPTIONS} [field, code]", "send fewer"
        )
    quantities = [_quantity(bounds) for bounds in _listed(fields, "quantities")]
    return Reading(mentions=tuple(mentions), quantities=tuple(quantities))


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


def _listed(fields: Fields, name: str) -> list[Any]:
    value = fields.values.get(name, [])
    if not isinstance(value, list) or len(value) > MAX_PARTS:
        raise fields.wrong(name, f"a list of at most {MAX_PARTS}")
    return value


def _mention(options: Any) -> Mention:
    if not isinstance(options, list) or not 1 <= len(options) <= MAX_PARTS:
        raise _wrong("mentions", options, "a list of [field, code]")
    return Mention("", 0, 0, tuple(_option(option) for option in options))


def _option(option: Any) -> tuple[str, int]:
    if isinstance(option, list) and len(option) == 2:
        field, code = option
        if isinstance(field, str) and type(code) is int and 0 <= code < MAX_CODE:
            return field, code
    raise _wrong("mentions", option, "[field, code from 0]")


def _quantity(bounds: Any) -> Quantity:
    if isinstance(bounds, list) and len(bounds) == 3:
        field, lower, upper = bounds
        if isinstance(field, str) and _is_bound(lower) and _is_bound(upper):
            lowest = -INFINITY if lower is None else float(lower)
            highest = INFINITY if upper is None else float(upper)
            return Quantity(Range(field, lowest, highest), 0, 0, is_hard=False)
    raise _wrong("quantities", bounds, "[field, a number or null, a number or null]")


def _is_bound(value: Any) -> bool:
    return value is None or type(value) in (int, float)


def _foreign(name: str, field: str, what: str) -> InvalidQuery:
    return InvalidQuery(f"{AT}.{name}", field[:80], f"not {what}", "leave it out")


def _wrong(name: str, value: Any, limit: str) -> InvalidQuery:
    return InvalidQuery(f"{AT}.{name}", value, limit, "see docs/api.md")
