"""Every store commits to the disk, on each of its connections, whatever the server was told."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.corpus import event_log
from app.corpus.database import Database
from app.corpus.document_log import DocumentLog
from app.corpus.event_log import EventLog
from app.corpus.identity import Identities
from tests.builders.databases import PostgreSQL

Store = EventLog | DocumentLog | Identities
Open = Callable[[Path, str | None], Store]
FULL = 2
STORES: dict[str, Open] = {
    "events": lambda data, url: EventLog.open(data / event_log.FILE, url),
    "documents": DocumentLog.open,
    "identities": Identities.open,
}


@pytest.fixture(params=STORES)
def open_(request: pytest.FixtureRequest) -> Open:
    return STORES[request.param]


def settings_of(store: Store, *statements: str) -> list[object]:
    """What two connections that write at once answer to each statement."""
    database: Database = store._database
    with ExitStack() as stack:
        stack.callback(store.close)
        reading = stack.enter_context(database.read())
        writing = stack.enter_context(database.write())
        return [
            connection.exec_driver_sql(statement).scalar_one()
            for statement in statements
            for connection in (writing, reading)
        ]


def test_a_file_is_synced_at_each_commit_and_readers_do_not_wait(
    open_: Open, tmp_path: Path
) -> None:
    found = settings_of(open_(tmp_path, None), "PRAGMA synchronous", "PRAGMA journal_mode")
    assert found == [FULL, FULL, "wal", "wal"]


def test_a_server_that_commits_before_it_writes_is_told_not_to(
    open_: Open, postgresql: PostgreSQL, tmp_path: Path
) -> None:
    url = postgresql.new_database()
    name = url.rpartition("/")[2]
    postgresql.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    assert postgresql.execute("SHOW synchronous_commit", name) == "off"
    assert settings_of(open_(tmp_path, url), "SHOW synchronous_commit") == ["on", "on"]
    assert postgresql.execute("SHOW fsync", name) == "on"


WITHOUT_LIBPQ = """
from pathlib import Path
from app.corpus.document_log import DocumentLog
from app.domain.errors import InvalidInput
try:
    DocumentLog.open(Path("nowhere"), "postgresql://duolu@nowhere/duolu")
except InvalidInput as error:
    print(error)
"""


def test_a_driver_that_cannot_be_imported_is_refused_in_one_line_with_its_reason() -> None:
    """Psycopg is there, and the way to libpq that is asked for is not."""
    tried = subprocess.run(
        [sys.executable, "-c", WITHOUT_LIBPQ], env={**os.environ, "PSYCOPG_IMPL": "no such"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    (said,) = tried.stdout.splitlines()
    assert said.startswith("store.url needs psycopg (")
    assert "no such" in said
    assert "run: pip install" in said
