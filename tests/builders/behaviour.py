"""Tables from a few sessions: real ones, through the builder that production uses."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import orjson

from app.corpus.event_columns import EventColumns
from app.corpus.event_log import HOT, EventLog
from app.domain.events import Event, Session
from app.offline.behaviour.build import facts_of, learn
from app.offline.behaviour.config import TableConfig
from app.offline.behaviour.memory import QueryTerms
from app.offline.sessions import events_of
from app.snapshot.asking import long_term
from app.snapshot.people import user_state
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables
from tests.builders.requests import NOW_MS

HOUR_MS = 3_600_000


def make_sessions(snapshot: Snapshot, n: int = 120, seed: int = 5) -> list[Session]:
    """Shown lists of ten with a click or two, one an hour up to NOW_MS, by twelve people."""
    rng = np.random.default_rng(seed)
    ids = list(snapshot.documents.ids.strings)
    words = ("老灶 火锅", "garden", "咖啡", "海景 酒店", "noodle tea")
    sessions = []
    for i in range(n):
        shown = tuple(str(d) for d in rng.choice(ids, 10, replace=False))
        sessions.append(
            Session(
                request_id=f"r{i:04d}",
                ts_ms=NOW_MS - (n - i) * HOUR_MS,
                query=str(rng.choice(words)),
                shown=shown,
                clicked=shown[: int(rng.integers(1, 3))],
                purchased=shown[:1] if rng.random() < 0.2 else (),
                user_id=f"u{rng.integers(12)}",
                lat=31.2,
                lon=121.5,
            )
        )
    return sessions


def make_events(sessions: list[Session], path) -> EventColumns:
    log = EventLog.open(path)
    try:
        log.append([e for s in sessions for e in events_of(s)])
        return EventColumns.load(log)
    finally:
        log.close()


def state_of(tables, user_id, client_id, documents, now_ms):
    """What the tables alone know of a person."""
    return user_state(long_term(tables, user_id, client_id), tables, documents, now_ms)


def make_tables(snapshot: Snapshot, events: EventColumns, as_of_ms: int = NOW_MS) -> Tables:
    """The tables of everything before `as_of_ms`."""
    config = TableConfig()
    terms = QueryTerms.of(events, snapshot.analyzer, snapshot.documents.schema.analyzers)
    facts = {"id": "tables", **facts_of(events, as_of_ms, config)}
    return Tables.of(learn(events, terms, as_of_ms, config), facts, snapshot.documents)


def event_columns(events: Iterable[Event]) -> EventColumns:
    """Some events as arrays, numbered in their order."""
    rows = [row_of(event) for event in events]
    batch = {name: [row[name] for row in rows] for name in rows[0]}
    return EventColumns.of([{"seq": list(range(1, len(rows) + 1)), **batch}])


def row_of(event: Event) -> dict[str, object]:
    """One event in the columns that learning reads."""
    row = {name: getattr(event, name, None) for name in HOT if name != "seq"}
    row["shown"] = orjson.dumps(event.shown).decode() if event.shown else None
    row |= {name: event.attributes.get(name) for name in ("dwell_ms", "is_random")}
    return row
