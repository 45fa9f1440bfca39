"""One catalogue row, checked: it becomes a clean row, or an error that names field and remedy.

A clean row has the catalogue's own keys with missing values left out: times are epoch ms, places
are lat and lon in degrees. What its keys are checked for is said by the fields of the schema; any
other key is an attribute and kept as it stands.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import orjson

from app.corpus.schema import FieldType
from app.domain.errors import ClientError

Row: TypeAlias = dict[str, Any]

MAX_ID_BYTES = 512
MAX_NAME_BYTES = 256  # of a key
MAX_SHOWN = 512  # characters of one that is refused
PLACE = {"lat": 90.0, "lon": 180.0}  # the largest absolute value, degrees
FIRST_MS, LAST_MS = -62_135_596_800_000, 253_402_300_799_999  # the years 1 to 9999
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)?)?", re.ASCII
)


class BadRow(ClientError):
    """A catalogue row that cannot be indexed. `str(error)` says field, value, reason, remedy."""

    def __init__(self, field: str, value: object, reason: str, remedy: str) -> None:
        self.field = field if len(field) <= MAX_SHOWN else f"{field[:MAX_SHOWN]}…"
        self.value = shortened(value)
        self.reason = reason
        self.remedy = remedy
        what = " = ".join(part for part in (self.field, self.value) if part)
        super().__init__(f"{what} {reason}; {remedy}".strip())


@dataclass(frozen=True, slots=True)
class RowRules:
    """What rows are checked against."""

    types: Mapping[str, FieldType]  # of the fields that configuration names
    max_field_bytes: int = 1_000_000  # of one value as JSON


def clean(record: object, rules: RowRules) -> Row:
    """Return the clean row, or raise BadRow at the first thing wrong with it."""
    if not isinstance(record, dict):
        raise BadRow("", record, "is not an object", 'write {"id": …, "title": …}')
    row: Row = {"id": check_id(record.get("id"))}
    for name, value in record.items():
        if value is None or name == "id":
            continue
        kept = _check_of(name, rules)(name, value)
        if kept is not None:
            row[name] = kept
    _require_title(row)
    _require_whole_place(row)
    return row


def clean_patch(record: object, rules: RowRules) -> Row:
    """Return the keys to change, checked as a row's are; None takes a key away. Raises BadRow."""
    if not isinstance(record, dict):
        raise BadRow("", record, "is not an object", 'write {"price": …}')
    if "id" in record:
        raise BadRow("id", record["id"], "cannot be changed", "PUT a document of another id")
    keys = {
        name: None if value is None else _check_of(name, rules)(name, value)
        for name, value in record.items()
    }
    if "title" in keys:
        _require_title(keys)
    _require_whole_place(keys)
    if (keys.get("lat") is None) != (keys.get("lon") is None):
        raise BadRow("lat", keys.get("lat"), "has no lon beside it", "give both or take both away")
    return keys


def encode(row: Row, rules: RowRules) -> bytes:
    """Return the row as JSON. Raises BadRow for a value too large or not UTF-8."""
    try:
        line = orjson.dumps(row)
    except TypeError:
        line = b""  # some value is not JSON: find which
    if not line or len(line) > rules.max_field_bytes:
        for name, value in row.items():
            _require_small_utf8(name, value, rules.max_field_bytes)
    return line or orjson.dumps(row)


def as_keyword(value: Any) -> str:
    """Return one value as a word to filter by: numbers and bools as JSON writes them."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def shortened(value: object) -> str:
    """Return a value as it fits in one line of a report; nothing for None."""
    if value is None:
        return ""
    text = repr(value[:80] if isinstance(value, str | bytes) else value)
    return text if len(text) <= 80 else text[:77] + "..."


def _check_of(name: str, rules: RowRules) -> Callable[[str, Any], Any]:
    if name in PLACE:
        return _coordinate
    declared = rules.types.get(name)
    return _attribute if declared is None else _CHECKS[declared]


def check_id(value: object) -> str:
    """Return a document's id as a string. Raises BadRow."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if value is None:
        raise BadRow("id", None, "is missing", "give every row a unique id")
    if not isinstance(value, str):
        raise BadRow("id", value, "is not a string", "quote it")
    if not value.strip():
        raise BadRow("id", value, "is empty", "give every row a unique id")
    if "\0" in value:
        raise BadRow("id", value, "holds a NUL character", "leave it out")
    if len(value.encode(errors="surrogatepass")) > MAX_ID_BYTES:
        raise BadRow("id", value, f"is longer than {MAX_ID_BYTES} bytes", "shorten it")
    return value


def _require_title(row: Row) -> None:
    title = row.get("title")
    if title is None:
        raise BadRow("title", None, "is missing or empty", "give every row a title")
    if not isinstance(title, str):
        raise BadRow("title", title, "is not a string", "quote it")


def _require_whole_place(row: Row) -> None:
    if ("lat" in row) != ("lon" in row):
        name, other = ("lat", "lon") if "lat" in row else ("lon", "lat")
        raise BadRow(name, row[name], f"has no {other} beside it", "give both or none")


def _text(name: str, value: Any) -> str | None:
    if isinstance(value, list) and all(isinstance(v, str) for v in value):
        value = "\n".join(value)
    if not isinstance(value, str):
        raise BadRow(name, value, "is not a string", "quote it")
    return value if value.strip() else None


def _keywords(name: str, value: Any) -> str | list[str] | None:
    """One string, or a list without blanks. A single number is an exact value like any other."""
    if isinstance(value, list):
        for v in value:
            if v is not None and not _is_scalar(v):
                raise BadRow(name, v, "is not a string", "write a list of strings")
        kept = [as_keyword(v) for v in value if v is not None]
        return [v for v in kept if v.strip()] or None
    if not _is_scalar(value):
        raise BadRow(name, value, "is not a string or a list of strings", 'write ["a", "b"]')
    word = as_keyword(value)
    return word if word.strip() else None


def _is_scalar(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, str | int)


def _number(name: str, value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRow(name, value, "is not a number", "write it as a number, without quotes")
    if not math.isfinite(value):
        raise BadRow(name, value, "is not finite", "leave the key out where it is unknown")
    return value


def _coordinate(name: str, value: Any) -> int | float:
    number, largest = _number(name, value), PLACE[name]
    if abs(number) > largest:
        raise BadRow(name, value, f"is outside [-{largest:g}, {largest:g}]", "write degrees, WGS84")
    return number


def _bool(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise BadRow(name, value, "is not a bool", "write true or false")
    return value


def as_time(name: str, value: Any) -> int:
    """Epoch ms. A date or time without an offset is taken as UTC."""
    if isinstance(value, str) and _RFC3339.fullmatch(value):
        value = _epoch_ms(name, value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRow(
            name, value, "is not a time", 'write "2026-01-31T04:00:00Z", or epoch ms as a number'
        )
    if not FIRST_MS <= value <= LAST_MS:  # also refuses NaN and infinities
        raise BadRow(name, value, "is outside the years 1 to 9999", "write epoch milliseconds")
    return int(value)


def _epoch_ms(name: str, text: str) -> int:
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError as error:
        raise BadRow(name, text, f"is no date ({error})", "write RFC 3339") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _attribute(name: str, value: Any) -> Any:
    if not 0 < len(name.encode(errors="surrogatepass")) <= MAX_NAME_BYTES:
        raise BadRow(name, value, "has an empty or endless name", f"{MAX_NAME_BYTES} bytes at most")
    if isinstance(value, float) and not math.isfinite(value):
        raise BadRow(name, value, "is not finite", "leave the key out where it is unknown")
    if isinstance(value, list) and "" in value:
        value = [v for v in value if v != ""]
    return None if isinstance(value, str) and not value.strip() else value


def _require_small_utf8(name: str, value: object, max_bytes: int) -> None:
    try:
        size = len(orjson.dumps({name: value})) - len(orjson.dumps(name)) - 3
    except TypeError as error:
        # a report is UTF-8 too, so what is not is shown escaped
        raise BadRow(
            ascii(name)[1:-1], ascii(value), f"cannot be written as JSON ({error})", "write UTF-8"
        ) from None
    if size > max_bytes:
        raise BadRow(
            name, value, f"has {size:,} bytes, at most {max_bytes:,} are taken",
            "shorten it, or raise reindex.max_field_bytes",
        )  # fmt: skip


_CHECKS: Mapping[FieldType, Callable[[str, Any], Any]] = {
    FieldType.TEXT: _text,
    FieldType.KEYWORD: _keywords,
    FieldType.NUMBER: _number,
    FieldType.BOOL: _bool,
    FieldType.TIME: as_time,
    FieldType.GEO: _attribute,  # its columns are lat and lon; a key of its name is only shown
}
