"""Sessions: files of them, the events that they are, and the events read back as sessions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from app.corpus.event_columns import Coded, EventColumns
from app.corpus.rows import BadRow
from app.corpus.ubi import (
    MAX_QUERY_CHARACTERS,
    flag,
    ids,
    milliseconds,
    place,
    required,
    text,
    timestamp_ms,
    whole,
)
from app.domain.errors import ClientError, InvalidInput
from app.domain.events import (
    ADD_TO_CART,
    CLICK,
    DWELL,
    IMPRESSION,
    PURCHASE,
    Event,
    Session,
    event_id_of,
)
from app.offline.json_lines import read_lines

MAX_OFFSET = 10_000


def read_sessions(files: Sequence[str], now_ms: int) -> Iterator[Session]:
    """Yield the sessions of JSONL files. Raises InvalidInput with file and line at a bad one."""
    for line in read_lines(files):
        try:
            if isinstance(line.record, BadRow):
                raise line.record
            yield session_from_json(line.record, now_ms)
        except ClientError as error:
            raise InvalidInput(f"{line.place}: {error}") from None


def session_from_json(raw: Any, now_ms: int) -> Session:
    """Read one session. Raises InvalidInput naming the field, its value and what to write."""
    if not isinstance(raw, Mapping):
        raise InvalidInput(f"{str(raw)[:80]!r} is not a JSON object")
    shown = ids(raw, "shown")
    if not shown:
        raise InvalidInput("shown is missing or empty; write the ids in display order")
    lat, lon = place(raw)
    return Session(
        request_id=required(raw, "request_id"),
        ts_ms=timestamp_ms(raw.get("ts"), "ts", now_ms),
        query=text(raw, "query", MAX_QUERY_CHARACTERS) or "",
        shown=shown,
        clicked=ids(raw, "clicked"),
        purchased=ids(raw, "purchased"),
        user_id=text(raw, "user_id"),
        client_id=text(raw, "client_id"),
        lat=lat,
        lon=lon,
        positions_known=flag(raw, "positions_known", default=True),
        carted=ids(raw, "carted"),
        dwell_ms=_dwell(raw.get("dwell_ms")),
        offset=whole(raw, "offset", MAX_OFFSET),
        is_random=flag(raw, "is_random", default=False),
    )


def _dwell(raw: Any) -> dict[str, int]:
    if raw is None:
        return {}
    if not isinstance(raw, Mapping):
        raise InvalidInput(f"dwell_ms = {str(raw)[:80]!r}: write an object of id: milliseconds")
    stays = ((required({"id": one}, "id"), milliseconds(raw, one)) for one in raw)
    return {one: stay for one, stay in stays if stay is not None}


def events_of(session: Session) -> Iterator[Event]:
    """Yield the impression, then what was done, with ids made from the request id."""
    impression = Event(
        event_id=event_id_of(session.request_id, IMPRESSION),
        action_name=IMPRESSION,
        ts_ms=session.ts_ms,
        query_id=session.request_id,
        client_id=session.client_id,
        user_id=session.user_id,
        query=session.query or None,
        lat=session.lat,
        lon=session.lon,
        position=session.offset + 1 if session.offset else None,
        shown=session.shown,
        positions_known=session.positions_known,
        attributes={"is_random": True} if session.is_random else {},
    )
    yield impression
    actions = (
        (CLICK, session.clicked),
        (DWELL, tuple(session.dwell_ms)),
        (ADD_TO_CART, session.carted),
        (PURCHASE, session.purchased),
    )
    for action, documents in actions:
        for document in documents:
            yield replace(
                impression,
                event_id=event_id_of(session.request_id, action, document),
                action_name=action,
                object_id=document,
                position=_position(session, document),
                shown=(),
                positions_known=True,
                attributes=({"dwell_ms": session.dwell_ms[document]} if action == DWELL else {}),
            )


def _position(session: Session, document: str) -> int | None:
    if not session.positions_known or document not in session.shown:
        return None
    return session.offset + session.shown.index(document) + 1


def sessions_of(events: EventColumns) -> Iterator[Session]:
    """Yield every search that showed something, in order of its first impression.

    Impressions and actions are joined by request. What one event leaves unsaid (query, user,
    place) another of the same request says, the earliest first; of several stays the longest.
    """
    shown = events.impressions()
    request = events.request.codes[shown.event]
    order = np.lexsort((shown.event, shown.position, request))
    order = order[request[order] >= 0]
    if not order.size:
        return
    starts = np.flatnonzero(np.diff(request[order], prepend=-1))
    ends = np.append(starts[1:], order.size)
    first = np.minimum.reduceat(shown.event[order], starts)
    is_known = events.positions_known[shown.event] & (shown.position > 0)
    are_known = np.logical_and.reduceat(is_known[order], starts)
    are_random = np.logical_and.reduceat(events.is_random[shown.event[order]], starts)
    from_position = shown.position[order[starts]]
    facts = _Facts(events)
    for i in np.argsort(first, kind="stable"):
        documents = shown.document[order[starts[i] : ends[i]]]
        yield replace(
            facts.session(int(first[i]), documents.tolist()),
            positions_known=bool(are_known[i]),
            offset=max(0, int(from_position[i]) - 1) if are_known[i] else 0,
            is_random=bool(are_random[i]),
        )


def _acted(events: EventColumns, action: str) -> dict[int, tuple[str, ...]]:
    """Return the distinct documents of each request, in order of time."""
    chosen = np.flatnonzero(
        (events.action.codes == events.code_of(action))
        & (events.document.codes >= 0)
        & (events.request.codes >= 0)
    )
    acted: dict[int, dict[str, None]] = {}
    for request, document in zip(
        events.request.codes[chosen].tolist(), events.document.codes[chosen].tolist(), strict=True
    ):
        acted.setdefault(request, {})[events.document.names[document]] = None
    return {request: tuple(documents) for request, documents in acted.items()}


def _stays(events: EventColumns) -> dict[int, dict[str, int]]:
    """Return the longest stay at each document of each request, in ms."""
    chosen = np.flatnonzero(
        (events.dwell_ms >= 0)
        & (events.action.codes == events.code_of(DWELL))
        & (events.document.codes >= 0)
        & (events.request.codes >= 0)
    )
    stays: dict[int, dict[str, int]] = {}
    for i in chosen.tolist():
        of = stays.setdefault(int(events.request.codes[i]), {})
        document = events.document.names[events.document.codes[i]]
        of[document] = max(of.get(document, 0), int(events.dwell_ms[i]))
    return stays


class _Facts:
    """What the events of each request say, put together."""

    def __init__(self, events: EventColumns) -> None:
        self._events = events
        self._query = events.first_in_request(events.query.codes >= 0)
        self._user = events.first_in_request(events.user.codes >= 0)
        self._client = events.first_in_request(events.client.codes >= 0)
        self._place = events.first_in_request(np.isfinite(events.lat))
        self._clicked = _acted(events, CLICK)
        self._carted = _acted(events, ADD_TO_CART)
        self._purchased = _acted(events, PURCHASE)
        self._stays = _stays(events)

    def session(self, impression: int, shown: list[int]) -> Session:
        """Join the impression, whose whole list is `shown`, with the rest of its request."""
        events = self._events
        request = int(events.request.codes[impression])
        place = int(self._place[request])
        names = events.document.names
        return Session(
            request_id=events.request.names[request],
            ts_ms=int(events.ts_ms[impression]),
            query=_name(events.query, self._query[request]) or "",
            shown=tuple(dict.fromkeys(names[code] for code in shown)),
            clicked=self._clicked.get(request, ()),
            purchased=self._purchased.get(request, ()),
            user_id=_name(events.user, self._user[request]),
            client_id=_name(events.client, self._client[request]),
            lat=float(events.lat[place]) if place >= 0 else None,
            lon=float(events.lon[place]) if place >= 0 else None,
            carted=self._carted.get(request, ()),
            dwell_ms=self._stays.get(request, {}),
        )


def _name(column: Coded, event: np.int64) -> str | None:
    return column.names[column.codes[event]] if event >= 0 else None
