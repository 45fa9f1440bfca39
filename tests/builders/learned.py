"""Tables that are published, from a few sessions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from app.corpus.event_log import EventLog
from app.domain.events import Session
from app.offline.behaviour.publish import publish_tables
from app.offline.sessions import events_of
from app.snapshot.snapshot import Snapshot
from tests.builders.requests import NOW_MS


def publish_learned(data: Path, snapshot: Snapshot, sessions: Sequence[Session]) -> None:
    """Log what was done in the sessions, and publish tables of it under `data`."""
    log = EventLog.open(data / "learned.db")
    try:
        log.append([e for s in sessions for e in events_of(s)])
        publish_tables(
            log, data, NOW_MS, NOW_MS, snapshot.analyzer, snapshot.documents.schema.analyzers
        )
    finally:
        log.close()
