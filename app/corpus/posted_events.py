"""Events as they are posted: a JSON object, an array of them, or one a line. Good ones are read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson

from app.corpus.ubi import event_from_json
from app.domain.errors import ClientError, InvalidField
from app.domain.events import Event

MOST_EVENTS = 10_000
TELL = 100
"""Refused events whose reason is told; the rest are counted."""


@dataclass(frozen=True, slots=True)
class Refused:
    """One event that was left out."""

    index: int  # from 0; of a line among those that are not empty
    field: str  # "" where it is no event at all
    value: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Posted:
    """What one body held."""

    events: tuple[Event, ...]
    refused: int
    reasons: tuple[Refused, ...]  # of the first few


_Record: TypeAlias = Any  # JSON, or the error that a line is


def read_posted(body: bytes, is_lines: bool, now_ms: int) -> Posted:
    """Read every event of a body. Raises InvalidField where the body as a whole is none."""
    events: list[Event] = []
    reasons: list[Refused] = []
    refused = 0
    for index, record in enumerate(_records(body, is_lines)):
        try:
            events.append(_event(record, now_ms))
        except ClientError as error:
            refused += 1
            if len(reasons) < TELL:
                reasons.append(_refused(index, error))
    return Posted(tuple(events), refused, tuple(reasons))


def _records(body: bytes, is_lines: bool) -> list[_Record]:
    if is_lines:
        records = list(_lines(body))
    else:
        found = _json(body)
        if isinstance(found, InvalidField):
            raise found
        records = found if isinstance(found, list) else [found]
    if len(records) > MOST_EVENTS:
        raise InvalidField(
            "body", None, "send several bodies", f"holds {len(records)} events of {MOST_EVENTS}"
        )
    if not records:
        raise InvalidField("body", None, "send at least one event", "is empty")
    return records


def _lines(body: bytes) -> Iterator[_Record]:
    for line in body.split(b"\n"):
        if not line.isspace() and line:
            yield _json(line)


def _json(text: bytes) -> _Record:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return InvalidField(
            "body", None, "check quotes, commas and encoding", f"is no JSON ({error})"
        )


def _event(record: _Record, now_ms: int) -> Event:
    if isinstance(record, InvalidField):
        raise record
    return event_from_json(record, now_ms)


def _refused(index: int, error: ClientError) -> Refused:
    if isinstance(error, InvalidField):
        return Refused(index, error.field, error.value, str(error))
    return Refused(index, "", None, str(error))
