"""One place that makes a database: SQLite in a file, or PostgreSQL by URL, behind SQLAlchemy Core.

Embedded, the processes of one machine share a file: WAL, synchronous=FULL, and writers that lock
at once. PostgreSQL serves several machines. Either way what `write` committed is on disk when it
returns, and whatever keeps it from that is StoreUnavailable or StoreFull.
"""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Engine,
    Integer,
    MetaData,
    Table,
    create_engine,
    event,
    inspect,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.corpus.database_errors import is_damage, is_no_space, is_outage, sqlite_name
from app.domain.errors import InvalidInput, StoreFull, StoreUnavailable

BIG = BigInteger().with_variant(Integer, "sqlite")
"""64 bits everywhere; SQLite numbers rows by INTEGER alone."""

BUSY_MS = 10_000  # a writer of another process is waited for
CONNECT_S = 3
_MAKING = 0x6475_6F6C  # names the advisory lock under which tables are made
_DURABLE = text(
    "SELECT set_config('synchronous_commit', 'on', false) "
    "WHERE current_setting('synchronous_commit') = 'off'"
)


class Database:
    """A pool of connections. Safe to share between threads; nothing connects before it is used."""

    def __init__(self, engine: Engine, tables: MetaData) -> None:
        self._engine = engine
        self._tables = tables
        self._are_made = False
        self._making = threading.Lock()

    @classmethod
    def embedded(cls, file: Path, tables: MetaData) -> Database:
        """A SQLite file, made with its folder at the first use."""
        engine = create_engine(URL.create("sqlite", database=str(file)))
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return cls(engine, tables)

    @classmethod
    def postgres(cls, url: str, tables: MetaData) -> Database:
        """A PostgreSQL server, e.g. postgresql://duolu:secret@db/duolu. Raises InvalidInput."""
        try:
            given = make_url(url)
        except ArgumentError:
            raise InvalidInput("store.url is no URL; write postgresql://USER@HOST/NAME") from None
        if given.drivername not in ("postgresql", "postgres", "postgresql+psycopg"):
            raise InvalidInput(
                f"store.url: {given.drivername} is not known; write postgresql://USER@HOST/NAME, "
                "or leave it out for the embedded store"
            )
        _require_psycopg()
        engine = create_engine(
            given.set(drivername="postgresql+psycopg"),
            pool_pre_ping=True,  # the first call after an outage finds a fresh connection
            pool_timeout=CONNECT_S,
            connect_args={"connect_timeout": CONNECT_S},
        )
        event.listen(engine, "connect", _configure_postgres)
        return cls(engine, tables)

    @classmethod
    def choose(cls, url: str | None, file: Path, tables: MetaData) -> Database:
        """The server where a URL is configured, else the embedded file."""
        return cls.embedded(file, tables) if url is None else cls.postgres(url, tables)

    @property
    def is_embedded(self) -> bool:
        return self._engine.dialect.name == "sqlite"

    @property
    def is_there(self) -> bool:
        """Tell whether there is something to read: the embedded file is made at the first use."""
        return not self.is_embedded or Path(str(self._engine.url.database)).exists()

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads. Raises StoreUnavailable."""
        with self._translated():
            self._make_tables()
            with self._engine.connect() as connection:
                yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that is committed, durably, at the end. Raises StoreUnavailable, StoreFull.

        SQLite has one writer at a time from here on; PostgreSQL has as many as rows let.
        """
        with self._translated():
            self._make_tables()
            connect = self._engine.connect().execution_options(duolu_write=True)
            with connect as connection, connection.begin():
                yield connection

    def insert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        """An insert that knows `on_conflict_do_nothing` and `on_conflict_do_update`."""
        return sqlite.insert(table) if self.is_embedded else postgresql.insert(table)

    def now_ms(self, connection: Connection) -> int:
        """The store's own clock, epoch ms: one for all who share it."""
        clock = (
            "SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
            if self.is_embedded
            else "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"
        )
        return int(connection.execute(text(clock)).scalar_one())

    def scrub(self) -> None:
        """Leave no byte of deleted rows in the files. Raises StoreUnavailable, StoreFull.

        Takes as long as copying the file, and writers wait so long. PostgreSQL frees the rows; what
        its own log and its backups still hold ends with their retention.
        """
        with self._translated():
            self._make_tables()
            if self.is_embedded:
                self._rewrite_file()
                return
            with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as one:
                for table in self._tables.sorted_tables:
                    one.exec_driver_sql(f"VACUUM {table.name}")

    def require_sound(self) -> None:
        """Read an embedded file through, page by page. Raises StoreUnavailable where it is damaged.

        A server looks after its own pages.
        """
        if self.is_embedded:
            with self.read() as connection:
                found = str(connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar())
            if found != "ok":
                raise self.damaged(" ".join(found.split()))

    def damaged(self, why: str) -> StoreUnavailable:
        """Say that something is not as it was written."""
        return StoreUnavailable(
            f"{self._where} is damaged ({why}); put back a backup, see docs/operations.md#back-up"
        )

    def _rewrite_file(self) -> None:
        """Copy what lives into a fresh file, and let nothing of the old pages stay in the log."""
        connection = self._engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute("VACUUM")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            [(is_busy, _, _)] = cursor.fetchall()
        finally:
            connection.close()
        if is_busy:
            raise StoreUnavailable(
                f"{self._engine.url.database} was being read for {BUSY_MS / 1e3:.0f} s, "
                "so that its log cannot be emptied; it is tried again each time"
            )

    def _make_tables(self) -> None:
        if self._are_made:
            return
        with self._making:
            if self.is_embedded:
                Path(str(self._engine.url.database)).parent.mkdir(parents=True, exist_ok=True)
            with self._engine.connect() as connection:
                present = set(inspect(connection).get_table_names())
            if not self._tables.tables.keys() <= present:
                self._create_tables()
            self._are_made = True

    def _create_tables(self) -> None:
        connect = self._engine.connect().execution_options(duolu_write=True)
        with connect as connection, connection.begin():
            if not self.is_embedded:  # two at once would both find no table and collide
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_MAKING})"))
            self._tables.create_all(connection)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, PoolTimeout, OSError) as error:
            ours = self._our_error(error)
            if ours is None:
                raise
            raise ours from error

    def _our_error(self, error: Exception) -> StoreUnavailable | StoreFull | None:
        """Return the outage that this error means; None for a mistake of ours."""
        cause = error.orig if isinstance(error, DBAPIError) else error
        where = self._where
        why = str(cause).strip().partition("\n")[0].partition(" with text ")[0]  # not the text
        if self._is_full(cause):
            return StoreFull(
                f"{where} has no space left ({why}); free some: nothing else is needed"
            )
        if isinstance(cause, sqlite3.Error) and is_damage(cause):
            return self.damaged(why)
        if is_outage(cause) or (isinstance(error, DBAPIError) and error.connection_invalidated):
            return StoreUnavailable(f"{where} does not answer ({why}); it is tried again each time")
        return None

    @property
    def _where(self) -> str:
        """No more of it than a caller of the service may know."""
        url = self._engine.url
        return Path(str(url.database)).name if self.is_embedded else f"PostgreSQL at {url.host}"

    def _is_full(self, cause: object) -> bool:
        if isinstance(cause, sqlite3.Error):
            name = sqlite_name(cause)
            is_io = name.startswith(("SQLITE_IOERR", "SQLITE_CANTOPEN"))
            return name == "SQLITE_FULL" or (is_io and self._has_no_space())
        return is_no_space(cause)

    def _has_no_space(self) -> bool:
        """SQLite calls some writes that found no space an I/O error."""
        try:
            return shutil.disk_usage(Path(str(self._engine.url.database)).parent).free < 1 << 16
        except OSError:
            return False


def _configure_sqlite(connection: Any, _: Any) -> None:
    """Let SQLAlchemy's `begin` decide how a transaction starts; make every commit durable."""
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={BUSY_MS}"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """A writer locks at once: one that reads first and then writes may fail as stale."""
    writes = connection.get_execution_options().get("duolu_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _configure_postgres(connection: Any, _: Any) -> None:
    """A server that commits before it writes would make our word worthless."""
    with connection.cursor() as cursor:
        cursor.execute(str(_DURABLE))
    connection.commit()


def _require_psycopg() -> None:
    """Import it: it may be installed and not find the libpq that it needs."""
    try:
        import_module("psycopg")
    except ImportError as error:
        raise InvalidInput(
            f"store.url needs psycopg ({' '.join(str(error).split())}); run: pip install "
            "'duolu[postgres]', or leave it out for the embedded store"
        ) from None
