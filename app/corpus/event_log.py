"""The durable event log: append-only, numbered, each event once, in SQLite or PostgreSQL.

`seq` numbers events in the order of commits and is never used twice (a duplicate leaves a gap): who
has read up to a number never sees a smaller one appear later, so that "up to seq" names a prefix
for ever. What is appended is on disk before `append` returns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from sqlalchemy import (
    Boolean,
    Column,
    Double,
    MetaData,
    Select,
    String,
    Table,
    case,
    func,
    or_,
    select,
    text,
)
from sqlalchemy.engine import Connection

from app.corpus.database import BIG, Database
from app.domain.events import GAINS, LINK_IDENTITY, UNLINK_IDENTITY, Event
from app.domain.live import Action

APPEND_BATCH = 20_000
READ_BATCH = 20_000
FILE = "events.db"  # of the embedded store, under DATA
TELLING = (*GAINS, LINK_IDENTITY, UNLINK_IDENTITY)
"""Actions that say something of a person at once; tables learn from the others too, later."""

_APPENDING = 0x6475_6F65  # names the advisory lock that gives out numbers in order of commits
METADATA = MetaData()
EVENTS = Table(
    "events",
    METADATA,
    Column("seq", BIG, primary_key=True),
    Column("event_id", String, nullable=False, unique=True),
    Column("action_name", String, nullable=False),
    Column("ts_ms", BIG, nullable=False),
    Column("query_id", String),
    Column("client_id", String),
    Column("user_id", String),
    Column("object_id", String),
    Column("position", BIG),
    Column("query", String),
    Column("lat", Double),
    Column("lon", Double),
    Column("shown", String),  # JSON list, NULL where nothing was listed
    Column("positions_known", Boolean, nullable=False),
    Column("attributes", String),  # JSON object, NULL where empty
    sqlite_autoincrement=True,  # a deleted event's number is never given again
)
_WHOLE = tuple(c.name for c in EVENTS.columns if c.name != "seq")
_FROM_ATTRIBUTES = ("dwell_ms", "is_random")
_PLAIN = tuple(c.name for c in EVENTS.columns if c.name not in ("event_id", "attributes"))
HOT = (*_PLAIN, *_FROM_ATTRIBUTES)
"""What learning reads; the rest stays on disk."""

_some_attributes = case(
    (or_(*(EVENTS.c.attributes.contains(f'"{n}"') for n in _FROM_ATTRIBUTES)),
     EVENTS.c.attributes)
)  # fmt: skip


class Appended(NamedTuple):
    first_seq: int  # of the accepted; the last of the log when none was
    accepted: int
    duplicates: int  # event_id already there, or twice in the call
    last_seq: int  # as first_seq


class EventLog:
    """One log. Safe to share between threads; processes share the store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, file: Path, url: str | None = None) -> EventLog:
        """The log of PostgreSQL `url`, or the one in a file, e.g. DATA/events.db. Made when used.

        Every method raises StoreUnavailable, `append` also StoreFull.
        """
        return cls(Database.choose(url, file, METADATA))

    def close(self) -> None:
        self._database.close()

    def append(self, events: Iterable[Event]) -> Appended:
        """Add events in order, skipping known ids. Durable on return, in batches of 20,000.

        A crash in the middle keeps whole batches; sending everything again completes it.
        """
        parts = [self.append_all([batch])[0] for batch in _batched(events, APPEND_BATCH)]
        new = [part for part in parts if part.accepted] or [_taken((), {}, self.last_seq())]
        accepted, duplicates = sum(p.accepted for p in parts), sum(p.duplicates for p in parts)
        return Appended(new[0].first_seq, accepted, duplicates, new[-1].last_seq)

    def append_all(self, posts: Sequence[Sequence[Event]]) -> list[Appended]:
        """Add what several callers sent, in one transaction. Returns what came of each."""
        rows = [_row(event) for post in posts for event in post]
        with self._database.write() as connection:
            if not self._database.is_embedded:  # SQLite has one writer at a time anyway
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_APPENDING})"))
            before = _last_seq(connection)
            if rows:
                add = self._database.insert(EVENTS)
                connection.execute(add.on_conflict_do_nothing(index_elements=["event_id"]), rows)
            added = select(EVENTS.c.event_id, EVENTS.c.seq).where(EVENTS.c.seq > before)
            new: dict[str, int] = dict(connection.execute(added).all())
        return [_taken(post, new, before) for post in posts]

    def last_seq(self) -> int:
        """Return the number of the newest event, 0 for an empty log."""
        with self._database.read() as connection:
            return _last_seq(connection)

    def actions(self, after_seq: int, most: int) -> tuple[list[Action], int]:
        """Return the next TELLING events, at most so many, and the seq up to which they speak.

        That is below `after_seq` where the log is not the one that was followed before.
        """
        with self._database.read() as connection:
            newest = _last_seq(connection)
            query = _chosen(Action._fields, after_seq, newest, None, TELLING).limit(most)
            found = [Action(*row) for row in connection.execute(query)]
        return found, found[-1].seq if len(found) == most else newest

    def read(
        self,
        after_seq: int = 0,
        before_ts: int | None = None,
        actions: Sequence[str] | None = None,
    ) -> Iterator[Event]:
        """Yield whole events with seq > after_seq and ts_ms < before_ts, in order of seq."""
        for batch in self._batches(_chosen(_WHOLE, after_seq, None, before_ts, actions)):
            yield from (_event(dict(zip(_WHOLE, row, strict=True))) for row in batch)

    def columns(
        self, after_seq: int = 0, up_to_seq: int | None = None, actions: Sequence[str] | None = None
    ) -> Iterator[dict[str, tuple[Any, ...]]]:
        """Yield batches of the HOT columns in order of seq: name → values, one entry an event."""
        query = _chosen(_PLAIN, after_seq, up_to_seq, None, actions)
        for batch in self._batches(query.add_columns(_some_attributes)):
            *plain, attributes = zip(*batch, strict=True)
            said = [orjson.loads(one) if one else {} for one in attributes]
            told = {name: tuple(one.get(name) for one in said) for name in _FROM_ATTRIBUTES}
            yield {**dict(zip(_PLAIN, plain, strict=True)), **told}

    def examine(self, advance: Callable[[int], None]) -> int:
        """Read the whole log, and return how many events it has.

        Raises StoreUnavailable at the first that is not as it was written.
        """
        self._database.require_sound()
        count = 0
        for batch in self._batches(_chosen(("seq", *_WHOLE), 0, None, None, None)):
            for seq, *row in batch:
                try:
                    _require_read_back(dict(zip(_WHOLE, row, strict=True)))
                except (ValueError, TypeError) as error:
                    raise self._database.damaged(f"event {seq}: {error}") from None
            count += len(batch)
            advance(len(batch))
        return count

    def _batches(self, query: Select[Any]) -> Iterator[Sequence[Any]]:
        with self._database.read() as connection:
            streamed = connection.execution_options(yield_per=READ_BATCH)
            yield from streamed.execute(query).partitions()


def _chosen(
    names: Sequence[str],
    after_seq: int,
    up_to_seq: int | None,
    before_ts: int | None,
    actions: Sequence[str] | None,
) -> Select[Any]:
    query = select(*(EVENTS.c[n] for n in names)).where(EVENTS.c.seq > after_seq)
    if up_to_seq is not None:
        query = query.where(EVENTS.c.seq <= up_to_seq)
    if before_ts is not None:
        query = query.where(EVENTS.c.ts_ms < before_ts)
    if actions is not None:
        query = query.where(EVENTS.c.action_name.in_(actions))
    return query.order_by(EVENTS.c.seq)


def _batched(events: Iterable[Event], size: int) -> Iterator[list[Event]]:
    stream = iter(events)
    while batch := list(islice(stream, size)):
        yield batch


def _taken(post: Sequence[Event], new: dict[str, int], before: int) -> Appended:
    """Say what came of one post, and take its ids from the new: a second post doubles them."""
    seqs = [seq for seq in (new.pop(event.event_id, None) for event in post) if seq is not None]
    first, last = min(seqs, default=before), max(seqs, default=before)
    return Appended(first, len(seqs), len(post) - len(seqs), last)


def _last_seq(connection: Connection) -> int:
    return int(connection.execute(select(func.max(EVENTS.c.seq))).scalar() or 0)


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


def _require_read_back(row: dict[str, Any]) -> None:
    """Raise ValueError or TypeError for a row that learning cannot read as it was written."""
    shown, said = orjson.loads(row["shown"] or "[]"), orjson.loads(row["attributes"] or "{}")
    if not isinstance(shown, list) or not all(isinstance(one, str) for one in shown):
        raise ValueError("shown is no list of ids")
    if not isinstance(said, dict):
        raise ValueError("attributes is no object")
    _event(row)


def _event(row: dict[str, Any]) -> Event:
    row["shown"] = tuple(orjson.loads(row["shown"])) if row["shown"] else ()
    row["attributes"] = orjson.loads(row["attributes"]) if row["attributes"] else {}
    return Event(**row)
