"""Who is who: the only file that leads from a person's id to the pseudonym that all logs know.

A pseudonym is drawn at random, so without its row here nobody can say whose it was. Forgetting
somebody deletes the row and keeps the SHA-256 of the pseudonym for ever: by it, whatever still
holds the pseudonym, be it a log, old tables or a backup put back, is found and swept.

Names are aliases: domain.user.user_alias and client_alias of the id that the caller sends.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from sqlalchemy import (
    Column,
    Index,
    MetaData,
    String,
    Table,
    delete,
    func,
    select,
    text,
    update,
)
from sqlalchemy.engine import Connection

from app.corpus.database import BIG, Database

FILE = "identity.db"
"""Of the data folder, where no server is configured."""

READ_BATCH = 20_000

AT_ONCE = 500
"""Names of one statement; SQLite takes some thousand variables, PostgreSQL 32,767."""

TABLES = MetaData()
_identities = Table(
    "identities",
    TABLES,
    Column("seq", BIG, primary_key=True, autoincrement=True),
    Column("name", String, nullable=False),
    Column("pseudonym", String, nullable=False, unique=True),
    Index("identities_by_name", "name", "seq"),
    sqlite_autoincrement=True,
)
"""The first row of a name counts. Later ones were drawn at the same time by another process; they
stay so that they are forgotten with the first."""

_forgotten = Table(
    "forgotten",
    TABLES,
    Column("seq", BIG, primary_key=True, autoincrement=True),
    Column("digest", String, nullable=False, unique=True),
    Column("asked_ms", BIG, nullable=False),
    Column("first_event_seq", BIG),
    sqlite_autoincrement=True,
)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """One pseudonym that nothing may hold any more."""

    seq: int
    digest: str  # SHA-256 of the pseudonym, hex
    asked_ms: int
    first_event_seq: int | None  # its oldest event; None: not looked for yet, or it had none


def draw() -> str:
    """Return a new pseudonym: 128 random bits."""
    return secrets.token_hex(16)


def digest_of(pseudonym: str) -> str:
    """Return what stays of a forgotten pseudonym: too many bits to guess it back."""
    return hashlib.sha256(pseudonym.encode()).hexdigest()


class Identities:
    """The mapping, durable. Every method may raise StoreUnavailable, writing ones StoreFull."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, data: Path, url: str | None = None) -> Identities:
        """The server's where one is configured, else DATA/identity.db."""
        return cls(Database.choose(url, data / FILE, TABLES))

    def close(self) -> None:
        self._database.close()

    def find(self, names: Iterable[str]) -> dict[str, str]:
        """Return the pseudonyms of those names that have one."""
        with self._database.read() as connection:
            return _find(connection, names)

    def ensure(self, names: Iterable[str]) -> dict[str, str]:
        """Return every name's pseudonym; those without one are given one, durably."""
        names = list(dict.fromkeys(names))
        found = self.find(names)
        if len(found) == len(names):
            return found
        self.add({name: draw() for name in names if name not in found})
        return self.find(names)

    def add(self, drawn: Mapping[str, str]) -> None:
        """Give names the pseudonyms that were drawn for them; the first of a name stays its own."""
        rows = [{"name": name, "pseudonym": pseudonym} for name, pseudonym in drawn.items()]
        if not rows:
            return
        with self._alone(_identities) as connection:
            connection.execute(self._database.insert(_identities).on_conflict_do_nothing(), rows)

    def names_of(self, pseudonyms: Iterable[str]) -> list[str]:
        """Return the names behind pseudonyms, for forgetting them."""
        found: list[str] = []
        with self._database.read() as connection:
            for some in _batched(pseudonyms):
                asked = select(_identities.c.name).where(_identities.c.pseudonym.in_(some))
                found += connection.execute(asked).scalars()
        return sorted(set(found))

    def forget(
        self, names: Iterable[str], asked_ms: int, also: Iterable[str] = ()
    ) -> tuple[str, ...]:
        """Destroy the mapping of names, leave the digests; all or nothing, durable on return.

        Returns the pseudonyms, with those of `also`, which no row leads to. Known ones are no
        error: forgetting twice is forgetting once.
        """
        gone = set(also)
        with self._alone(_forgotten) as connection:
            for some in _batched(names):
                theirs = _identities.c.name.in_(some)
                gone.update(
                    connection.execute(select(_identities.c.pseudonym).where(theirs)).scalars()
                )
                connection.execute(delete(_identities).where(theirs))
            self._remember(connection, sorted(gone), asked_ms)
        return tuple(sorted(gone))

    def forgotten(self, after_seq: int = 0) -> list[Forgotten]:
        """Return what was forgotten after number `after_seq`, in order."""
        with self._database.read() as connection:
            asked = select(_forgotten).where(_forgotten.c.seq > after_seq)
            rows = connection.execute(asked.order_by(_forgotten.c.seq)).all()
        return [Forgotten(*row) for row in rows]

    def note_first_event(self, first_seqs: Mapping[str, int]) -> None:
        """Keep, by digest, the number of the oldest event, before the events are deleted."""
        with self._database.write() as connection:
            for digest, seq in first_seqs.items():
                unknown = (_forgotten.c.digest == digest) & _forgotten.c.first_event_seq.is_(None)
                connection.execute(update(_forgotten).where(unknown).values(first_event_seq=seq))

    def count(self) -> int:
        """Return how many pseudonyms lead to a name."""
        with self._database.read() as connection:
            return int(
                connection.execute(select(func.count()).select_from(_identities)).scalar_one()
            )

    def examine(self, advance: Callable[[int], None]) -> int:
        """Read the whole mapping, and return how many rows it has. Raises StoreUnavailable."""
        self._database.require_sound()
        count = 0
        with self._database.read() as connection:
            streamed = connection.execution_options(yield_per=READ_BATCH)
            for table in (_identities, _forgotten):
                for batch in streamed.execute(select(table)).partitions():
                    count += len(batch)
                    advance(len(batch))
        return count

    def scrub(self) -> None:
        """Leave no byte of what was deleted in the file or its log."""
        self._database.scrub()

    @contextmanager
    def _alone(self, table: Table) -> Iterator[Connection]:
        """Write as the only one: numbers then become visible in their order, and none later."""
        with self._database.write() as connection:
            if not self._database.is_embedded:
                connection.execute(text(f"LOCK TABLE {table.name} IN SHARE ROW EXCLUSIVE MODE"))
            yield connection

    def _remember(self, connection: Connection, pseudonyms: Sequence[str], asked_ms: int) -> None:
        rows = [{"digest": digest_of(p), "asked_ms": asked_ms} for p in pseudonyms]
        if rows:
            add = self._database.insert(_forgotten).on_conflict_do_nothing(
                index_elements=["digest"]
            )
            connection.execute(add, rows)


def _find(connection: Connection, names: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for some in _batched(names):
        asked = select(_identities.c.name, _identities.c.pseudonym)
        asked = asked.where(_identities.c.name.in_(some)).order_by(_identities.c.seq.desc())
        found.update((name, pseudonym) for name, pseudonym in connection.execute(asked))
    return found  # the lowest seq was written last


def _batched(values: Iterable[str]) -> Iterator[list[str]]:
    stream = iter(values)
    while some := list(islice(stream, AT_ONCE)):
        yield some
