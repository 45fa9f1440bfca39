"""Build the tables from the event log and publish them with one rename."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from app.corpus.analyzer import Analyzer
from app.corpus.event_columns import EventColumns
from app.corpus.event_log import EventLog
from app.offline.behaviour.build import DEFAULT, build_tables
from app.offline.behaviour.config import TableConfig
from app.offline.exclusive import exclusive
from app.snapshot.artifact import seal
from app.snapshot.store import ArtifactStore, new_id

LOCK = ".lock"
"""Under the tables: who builds or replaces any holds it."""


def tables_store(data: Path) -> ArtifactStore:
    """Return where tables live: DATA/tables/ID/."""
    return ArtifactStore(data / "tables", "tables")


def publish_tables(
    log: EventLog,
    data: Path,
    as_of_ms: int,
    now_ms: int,
    analyzer: Analyzer,
    analyzers: Sequence[str] = ("default",),
    config: TableConfig = DEFAULT,
) -> str:
    """Build tables of the events before as_of_ms, publish them, and return their id."""
    store, tables_id = tables_store(data), new_id(now_ms)
    with exclusive(store.root / LOCK, "build of tables", waits=True):
        directory = store.building(tables_id)
        events = EventColumns.load(log)
        facts = build_tables(events, directory, as_of_ms, analyzer, analyzers, config)
        seal(directory, "tables", {"id": tables_id, **facts})
        store.finish(directory, tables_id)
        store.publish(tables_id)
    return tables_id
