"""The durable event log: append-only, numbered, each event once, in SQLite.

`seq` numbers events in the order of arrival and is never used twice (a duplicate leaves a gap), so
that "up to seq" names a prefix for ever. What is appended is on disk before `append` returns (WAL,
synchronous=FULL).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from sqlalchemy import (
    Boolean,
    Column,
    Engine,
    Float,
    Integer,
    MetaData,
    Select,
    String,
    Table,
    create_engine,
    event,
    func,
    select,
)
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.engine import URL, Connection

from app.domain.events import Event

APPEND_BATCH = 20_000
READ_BATCH = 20_000

_metadata = MetaData()
_events = Table(
    "events",
    _metadata,
    Column("seq", Integer, primary_key=True),
    Column("event_id", String, nullable=False, unique=True),
    Column("action_name", String, nullable=False),
    Column("ts_ms", Integer, nullable=False),
    Column("query_id", String),
    Column("client_id", String),
    Column("user_id", String),
    Column("object_id", String),
    Column("position", Integer),
    Column("query", String),
    Column("lat", Float),
    Column("lon", Float),
    Column("shown", String),  # JSON list, NULL where nothing was listed
    Column("positions_known", Boolean, nullable=False),
    Column("attributes", String),  # JSON object, NULL where empty
    sqlite_autoincrement=True,  # a deleted event's number is never given again
)
_from_attributes = {
    name: func.json_extract(_events.c.attributes, f"$.{name}").label(name)
    for name in ("dwell_ms", "is_random")
}
HOT = (
    *(c.name for c in _events.columns if c.name not in ("event_id", "attributes")),
    *_from_attributes,
)
"""What learning reads; the rest stays on disk."""


class Appended(NamedTuple):
    first_seq: int  # of the accepted; the last of the log when none was
    accepted: int
    duplicates: int  # event_id already there, or twice in the call


class EventLog:
    """One log. Safe to share between threads; processes share the file."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, path: Path) -> EventLog:
        """Open or create the log, e.g. DATA/events.db."""
        path.parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(URL.create("sqlite", database=str(path)))
        event.listen(engine, "connect", _configure)
        event.listen(engine, "begin", _begin)
        _metadata.create_all(engine)
        return cls(engine)

    def close(self) -> None:
        self._engine.dispose()

    def append(self, events: Iterable[Event]) -> Appended:
        """Add events in order, skipping known ids. Durable on return, in batches of 20,000.

        A crash in the middle keeps whole batches; sending everything again completes it.
        """
        first, accepted, duplicates = 0, 0, 0
        for batch in _batched(events, APPEND_BATCH):
            added_from, added = self._append_batch([_row(e) for e in batch])
            first = first or added_from
            accepted, duplicates = accepted + added, duplicates + len(batch) - added
        return Appended(first or self.last_seq(), accepted, duplicates)

    def _append_batch(self, rows: list[dict[str, Any]]) -> tuple[int, int]:
        """Return the first seq given (0 if none) and how many were new."""
        add = insert(_events).on_conflict_do_nothing(index_elements=["event_id"])
        with self._engine.connect().execution_options(duolu_write=True) as connection:
            before = _last_seq(connection)
            connection.execute(add, rows)
            new = select(func.min(_events.c.seq), func.count()).where(_events.c.seq > before)
            first, count = connection.execute(new).one()
            connection.commit()
        return int(first or 0), int(count)

    def last_seq(self) -> int:
        """Return the number of the newest event, 0 for an empty log."""
        with self._engine.connect() as connection:
            return _last_seq(connection)

    def read(
        self,
        after_seq: int = 0,
        before_ts: int | None = None,
        actions: Sequence[str] | None = None,
    ) -> Iterator[Event]:
        """Yield whole events with seq > after_seq and ts_ms < before_ts, in order of seq."""
        names = [c.name for c in _events.columns if c.name != "seq"]
        for batch in self._batches(_chosen(names, after_seq, None, before_ts, actions)):
            yield from (_event(dict(zip(names, row, strict=True))) for row in batch)

    def columns(
        self, after_seq: int = 0, up_to_seq: int | None = None, actions: Sequence[str] | None = None
    ) -> Iterator[dict[str, tuple[Any, ...]]]:
        """Yield batches of the HOT columns in order of seq: name → values, one entry an event."""
        for batch in self._batches(_chosen(HOT, after_seq, up_to_seq, None, actions)):
            yield dict(zip(HOT, zip(*batch, strict=True), strict=True))

    def _batches(self, query: Select[Any]) -> Iterator[Sequence[Any]]:
        with self._engine.connect() as connection:
            yield from connection.execute(query).partitions(READ_BATCH)


def _chosen(
    names: Sequence[str],
    after_seq: int,
    up_to_seq: int | None,
    before_ts: int | None,
    actions: Sequence[str] | None,
) -> Select[Any]:
    columns = (_from_attributes[n] if n in _from_attributes else _events.c[n] for n in names)
    query = select(*columns).where(_events.c.seq > after_seq)
    if up_to_seq is not None:
        query = query.where(_events.c.seq <= up_to_seq)
    if before_ts is not None:
        query = query.where(_events.c.ts_ms < before_ts)
    if actions is not None:
        query = query.where(_events.c.action_name.in_(actions))
    return query.order_by(_events.c.seq)


def _batched(events: Iterable[Event], size: int) -> Iterator[list[Event]]:
    stream = iter(events)
    while batch := list(islice(stream, size)):
        yield batch


def _last_seq(connection: Connection) -> int:
    return int(connection.execute(select(func.max(_events.c.seq))).scalar() or 0)


def _row(e: Event) -> dict[str, Any]:
    return {
        "event_id": e.event_id,
        "action_name": e.action_name,
        "ts_ms": e.ts_ms,
        "query_id": e.query_id,
        "client_id": e.client_id,
        "user_id": e.user_id,
        "object_id": e.object_id,
        "position": e.position,
        "query": e.query,
        "lat": e.lat,
        "lon": e.lon,
        "shown": orjson.dumps(e.shown).decode() if e.shown else None,
        "positions_known": e.positions_known,
        "attributes": orjson.dumps(e.attributes).decode() if e.attributes else None,
    }


def _event(row: dict[str, Any]) -> Event:
    row["shown"] = tuple(orjson.loads(row["shown"])) if row["shown"] else ()
    row["attributes"] = orjson.loads(row["attributes"]) if row["attributes"] else {}
    return Event(**row)


def _configure(connection: Any, _: Any) -> None:
    """Let SQLAlchemy's `begin` decide how a transaction starts; make every commit durable."""
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    """A writer locks at once: one that reads first and then writes may fail as stale."""
    writes = connection.get_execution_options().get("duolu_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
