"""What snapshots and the document log owe each other: where one goes on, what may be forgotten."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.corpus.document_log import FILE, DocumentLog
from app.corpus.impression_log import FOLDER
from app.domain.errors import DuoluError, InvalidInput
from app.offline.retention import remove_old_snapshots
from app.settings import Settings
from app.snapshot.store import ArtifactStore

log = logging.getLogger(__name__)
HOUR_MS = 3_600_000


@contextmanager
def opened_log(settings: Settings, data: Path) -> Iterator[DocumentLog | None]:
    """Yield the log; None where it is embedded and nothing was ever written."""
    if settings.store.url is None and not (data / FILE).exists():
        yield None
        return
    documents = DocumentLog.open(data, settings.store.address)
    try:
        yield documents
    finally:
        documents.close()


def newest_seq(settings: Settings, data: Path, store: ArtifactStore) -> int:
    """Return up to which number a catalogue read from now on replaces what was changed.

    Never below what serves: a log that was lost goes on from there.
    """
    with opened_log(settings, data) as documents:
        last = documents.last_seq() if documents else 0
    current = store.current_id()
    return max(last, _log_seq(store, current) if current else 0)


def keep_house(settings: Settings, data: Path, store: ArtifactStore, now_ms: int) -> None:
    """Delete what nothing needs: old snapshots, changes that all that stay hold, old keys.

    What is new serves already, so whatever is in the way waits for the next time, or `duolu gc`.
    """
    try:
        remove_old_snapshots(store, settings.reindex.keep_snapshots, data / FOLDER)
    except InvalidInput as error:
        log.warning("old snapshots stay: %s", error)
    try:
        with opened_log(settings, data) as documents:
            if documents:
                documents.trim(min((_log_seq(store, i) for i in store.ids()), default=0))
                documents.forget_keys(now_ms - int(settings.documents.key_hours * HOUR_MS))
    except DuoluError as error:
        log.warning("the document log stays as it is: %s", error)


def _log_seq(store: ArtifactStore, snapshot_id: str) -> int:
    """Return up to where a snapshot holds the log; 0 where its manifest cannot be read."""
    try:
        return int(store.manifest(snapshot_id)["log_seq"])
    except DuoluError:
        return 0
