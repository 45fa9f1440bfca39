"""Events as JSON: the OpenSearch User Behavior Insights schema 1.3, plus `event_id`.

A whole shown list may be one impression: event_attributes {shown: [ids], positions_known, query,
is_random}; its position.ordinal is that of the first. A dwell says event_attributes.dwell_ms.
`query` (as typed) and `location` {lat, lon} are read from event_attributes of any event.
https://github.com/o19s/ubi/tree/main/schema/1.3.0
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from app.domain.errors import InvalidField
from app.domain.events import ADD_TO_CART, CLICK, DWELL, IMPRESSION, PURCHASE, Event, event_id_of

DAY_MS = 86_400_000
MAX_ID_CHARACTERS = 256
MAX_NAME_CHARACTERS = 100
MAX_QUERY_CHARACTERS = 512
MAX_SHOWN = 1000
NEEDS_OBJECT = (CLICK, ADD_TO_CART, PURCHASE)
_KNOWN_KEYS = {"event_id", "action_name", "timestamp", "query_id", "client_id", "user_id"}
_KNOWN_ATTRIBUTES = {"shown", "positions_known", "query", "location", ""}
_TOP = ""  # where Event.attributes keeps top-level keys that are not ours (application, message…)


def event_from_json(raw: Any, now_ms: int) -> Event:
    """Read one event. Raises InvalidField naming the field, its value and what to write instead.

    An event without event_id gets one from its content, so that importing it twice adds it once.
    """
    if not isinstance(raw, Mapping):
        raise InvalidField("event", raw, "write a JSON object")
    attributes = _mapping(raw, "event_attributes")
    thing = _mapping(attributes, "object")
    lat, lon = place(_mapping(attributes, "location"))
    event = Event(
        event_id=text(raw, "event_id") or event_id_of(dict(raw)),
        action_name=required(raw, "action_name", MAX_NAME_CHARACTERS),
        ts_ms=timestamp_ms(raw.get("timestamp"), "timestamp", now_ms),
        query_id=text(raw, "query_id"),
        client_id=text(raw, "client_id"),
        user_id=text(raw, "user_id"),
        object_id=text(thing, "object_id"),
        position=_ordinal(_mapping(attributes, "position").get("ordinal")),
        query=text(attributes, "query", MAX_QUERY_CHARACTERS),
        lat=lat,
        lon=lon,
        shown=ids(attributes, "shown"),
        positions_known=flag(attributes, "positions_known", default=True),
        attributes=_rest(raw, attributes, thing),
    )
    if event.action_name in NEEDS_OBJECT and event.object_id is None:
        raise InvalidField(
            "event_attributes.object.object_id", None, f"a {event.action_name} names a document",
            "is missing",
        )  # fmt: skip
    if event.action_name == DWELL:
        milliseconds(attributes, "dwell_ms")
    if event.action_name == IMPRESSION:
        flag(attributes, "is_random", default=False)
    return event


def event_to_json(event: Event) -> dict[str, Any]:
    """Write what `event_from_json` reads back as an equal event."""
    attributes = dict(event.attributes)
    top = attributes.pop(_TOP, {})
    if event.object_id is not None:
        attributes["object"] = {"object_id": event.object_id, **attributes.get("object", {})}
    if event.position is not None:
        attributes["position"] = {"ordinal": event.position, **attributes.get("position", {})}
    if event.query is not None:
        attributes["query"] = event.query
    if event.lat is not None:
        attributes["location"] = {"lat": event.lat, "lon": event.lon}
    if event.shown:
        attributes["shown"] = list(event.shown)
    if not event.positions_known:
        attributes["positions_known"] = False
    named = {
        "event_id": event.event_id,
        "action_name": event.action_name,
        "timestamp": event.ts_ms,
        "query_id": event.query_id,
        "client_id": event.client_id,
        "user_id": event.user_id,
    }
    given = {key: value for key, value in named.items() if value is not None}
    return {**given, **top, **({"event_attributes": attributes} if attributes else {})}


def timestamp_ms(value: Any, name: str, now_ms: int) -> int:
    """Read epoch ms or RFC 3339 with its zone. At most a day after now_ms: clocks differ."""
    if isinstance(value, str):
        moment = _rfc3339(value, name)
    elif isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        raise InvalidField(name, value, "write epoch ms, or RFC 3339 with a zone")
    else:
        moment = int(value)
    if not 0 <= moment <= now_ms + DAY_MS:
        wrong = "is before 1970 or more than a day in the future"
        raise InvalidField(name, value, "write epoch milliseconds", wrong)
    return moment


def text(raw: Mapping[str, Any], name: str, limit: int = MAX_ID_CHARACTERS) -> str | None:
    """Read an optional string; a whole number counts as its digits, "" as absent."""
    value = raw.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise InvalidField(name, value, "write a string")
    if len(value) > limit or "\0" in value:
        raise InvalidField(name, value, f"at most {limit} characters, none of them 0")
    return value


def ids(raw: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Read an optional list of document ids, in order, duplicates dropped."""
    value = raw.get(name)
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > MAX_SHOWN:
        raise InvalidField(name, value, f"write a list of at most {MAX_SHOWN} ids")
    return tuple(dict.fromkeys(required({name: one}, name) for one in value))


def flag(raw: Mapping[str, Any], name: str, default: bool) -> bool:
    """Read an optional boolean."""
    value = raw.get(name, default)
    if not isinstance(value, bool):
        raise InvalidField(name, value, "write true or false")
    return value


def milliseconds(raw: Mapping[str, Any], name: str) -> int | None:
    """Read an optional duration; a fraction of a millisecond is dropped."""
    value = raw.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**53:
        raise InvalidField(name, value, "write milliseconds, 0 or more")
    return int(value)


def place(raw: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """Read optional lat and lon in degrees: both or none."""
    lat, lon = _degrees(raw, "lat", 90.0), _degrees(raw, "lon", 180.0)
    if (lat is None) != (lon is None):
        given, missing = ("lon", "lat") if lat is None else ("lat", "lon")
        raise InvalidField(missing, None, f"{given} is there: write both or none", "is missing")
    return lat, lon


def _degrees(raw: Mapping[str, Any], name: str, limit: float) -> float | None:
    value = raw.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= limit:
        raise InvalidField(name, value, f"write degrees in [-{limit:g}, {limit:g}]")
    return float(value)


def required(raw: Mapping[str, Any], name: str, limit: int = MAX_ID_CHARACTERS) -> str:
    value = text(raw, name, limit)
    if value is None:
        raise InvalidField(name, None, "write a string", "is missing")
    return value


def _mapping(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = raw.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidField(name, value, "write a JSON object")
    return value


def whole(raw: Mapping[str, Any], name: str, limit: int) -> int:
    """Read an optional whole number in [0, limit], 0 where absent."""
    value = raw.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= limit:
        raise InvalidField(name, value, f"write a whole number in [0, {limit}]")
    return value


def _ordinal(value: Any) -> int | None:
    """1.3's schema has position.ordinal.index, its own client a bare position.ordinal."""
    if isinstance(value, Mapping):
        value = value.get("index")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**31:
        raise InvalidField("position.ordinal", value, "write a whole number from 1")
    return value


def _rest(
    raw: Mapping[str, Any], attributes: Mapping[str, Any], thing: Mapping[str, Any]
) -> dict[str, Any]:
    """Keep what has no column of its own; top-level keys under _TOP."""
    rest = {k: v for k, v in attributes.items() if k not in _KNOWN_ATTRIBUTES}
    for name, column in (("object", "object_id"), ("position", "ordinal")):
        inner = {k: v for k, v in (rest.pop(name, None) or {}).items() if k != column}
        if inner:
            rest[name] = inner
    top = {k: v for k, v in raw.items() if k not in _KNOWN_KEYS and k != "event_attributes"}
    return {**rest, _TOP: top} if top else rest


def _rfc3339(value: str, name: str) -> int:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise InvalidField(name, value, "write epoch ms", "is not RFC 3339") from None
    if moment.tzinfo is None:
        raise InvalidField(name, value, "add Z or an offset", "has no time zone")
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return since.days * DAY_MS + since.seconds * 1000 + since.microseconds // 1000
