"""The versions that impressions were answered from, opened again, one pair at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from app.corpus.document_log import DocumentLog
from app.domain.changes import Entry
from app.domain.errors import (
    CorruptArtifact,
    DuoluError,
    LogTrimmed,
    StoreUnavailable,
    UnknownName,
)
from app.domain.impressions import Impression
from app.offline.behaviour.config import DAY_MS
from app.offline.behaviour.rebuild import Rebuilder
from app.offline.past_people import PastPeople
from app.offline.replay import Replay
from app.settings import Settings
from app.snapshot.opening import open_snapshot, open_tables
from app.snapshot.snapshot import Snapshot
from app.snapshot.store import ArtifactStore
from app.snapshot.tables import Tables

KEPT = 2
"""Pairs held open: where one followed another, the impressions of both are mixed for a while."""


class Past:
    """Snapshots and tables by id. A context manager: replays hold threads.

    With a `current` snapshot nothing is missing: it stands in for one that is gone, tables as of
    that day for tables that are gone, the snapshot alone for what the document log told since and
    no longer holds; `stand_ins` counts the impressions of each. Without one, what is gone is an
    error, and tables are rebuilt from the event log though they may be there.
    """

    def __init__(
        self,
        settings: Settings,
        snapshots: ArtifactStore,
        tables: ArtifactStore,
        rebuilder: Rebuilder,
        current: Snapshot | None = None,
        people: PastPeople | None = None,
        documents: DocumentLog | None = None,
    ) -> None:
        self.stand_ins = {"snapshot": 0, "tables": 0, "view": 0}
        self._settings = settings
        self._snapshots = snapshots
        self._tables = tables
        self._rebuilder = rebuilder
        self._current = current
        self._people = people
        self._documents = documents
        self._opened: dict[str, Snapshot] = {}
        self._lost: dict[str, DuoluError] = {}
        self._replays: dict[tuple[str, str | None], Replay] = {}  # the last used comes last

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for replay in self._replays.values():
            replay.__exit__(kind, error, trace)
        self._replays.clear()
        if self._documents is not None:
            self._documents.close()

    def replay_of(self, impression: Impression) -> Replay:
        """Return the versions of an impression, ready to replay, with what was newer than they.

        Raises UnknownName, CorruptArtifact, InvalidInput or LogTrimmed where there is no `current`
        snapshot; with one, what the document log no longer holds is left out.
        """
        replay = self._versions(impression)
        seq = impression.log_seq if replay.snapshot_id == impression.snapshot_id else 0
        try:
            replay.show(seq, self._entries)
        except (LogTrimmed, StoreUnavailable):
            if self._current is None:
                raise
            self.stand_ins["view"] += 1
        return replay

    def _entries(self, after_seq: int, up_to_seq: int) -> Iterable[Entry]:
        if self._documents is None or not self._documents.has_begun():
            raise LogTrimmed(f"there is no document log, which went up to {up_to_seq}")
        return self._documents.entries(after_seq, up_to_seq)

    def _versions(self, impression: Impression) -> Replay:
        snapshot = self._snapshot(impression.snapshot_id)
        key = (snapshot.id, impression.tables_id)
        if self._current is not None and not self._is_there(impression.tables_id):
            self.stand_ins["tables"] += 1
            day = impression.now_ms - impression.now_ms % DAY_MS
            key = (snapshot.id, f"before-{day}")
            return self._replay(key, snapshot, lambda: self._rebuilder.before(day, snapshot))
        return self._replay(key, snapshot, lambda: self._tables_of(impression.tables_id, snapshot))

    def _replay(
        self, key: tuple[str, str | None], snapshot: Snapshot, tables: Callable[[], Tables]
    ) -> Replay:
        if key not in self._replays:
            made = Replay(self._settings, snapshot, tables(), people=self._people)
            if len(self._replays) >= KEPT:
                oldest = next(iter(self._replays))
                self._replays.pop(oldest).__exit__(None, None, None)
            self._replays[key] = made
        self._replays[key] = self._replays.pop(key)
        return self._replays[key]

    def _snapshot(self, snapshot_id: str) -> Snapshot:
        """Open a snapshot once; the current one where it is gone and may be stood in for."""
        current = self._current
        if current is not None and current.id == snapshot_id:
            return current
        if snapshot_id not in self._opened and snapshot_id not in self._lost:
            self._open(snapshot_id)
        if snapshot_id not in self._lost:
            return self._opened[snapshot_id]
        if current is None:
            raise self._lost[snapshot_id]
        self.stand_ins["snapshot"] += 1
        return current

    def _open(self, snapshot_id: str) -> None:
        """Open a snapshot, or note why not: reading all its files again would say the same."""
        try:
            opened = open_snapshot(self._snapshots.path(snapshot_id))
        except (UnknownName, CorruptArtifact) as error:
            self._lost[snapshot_id] = error
        else:
            self._opened = dict([*list(self._opened.items())[-KEPT + 1 :], (snapshot_id, opened)])

    def _is_there(self, tables_id: str | None) -> bool:
        return tables_id is None or (self._tables.root / tables_id / "manifest.json").is_file()

    def _tables_of(self, tables_id: str | None, snapshot: Snapshot) -> Tables:
        """Open tables as they served; rebuild them where only that proves anything, or helps."""
        if self._current is not None and tables_id is not None:
            try:
                return open_tables(self._tables.path(tables_id), snapshot.documents)
            except (DuoluError, OSError):  # of an older version, or damaged
                pass
        return self._rebuilder.tables(tables_id, snapshot)
