"""The versions that impressions were answered from, opened again, one pair at a time."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from app.offline.behaviour.rebuild import Rebuilder
from app.offline.replay import Replay
from app.settings import Settings
from app.snapshot.opening import open_snapshot
from app.snapshot.snapshot import Snapshot
from app.snapshot.store import ArtifactStore

KEPT = 2
"""Pairs held open: where one followed another, the impressions of both are mixed for a while."""


class Past:
    """Snapshots and rebuilt tables by id. A context manager: replays hold threads."""

    def __init__(
        self,
        settings: Settings,
        snapshots: ArtifactStore,
        rebuilder: Rebuilder,
        current: Snapshot | None = None,
    ) -> None:
        self._settings = settings
        self._snapshots = snapshots
        self._rebuilder = rebuilder
        self._opened = {current.id: current} if current else {}
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

    def snapshot(self, snapshot_id: str) -> Snapshot:
        """Open a snapshot once. Raises UnknownName where it is gone, CorruptArtifact."""
        if snapshot_id not in self._opened:
            opened = open_snapshot(self._snapshots.path(snapshot_id))
            self._opened = dict([*list(self._opened.items())[-KEPT + 1 :], (snapshot_id, opened)])
        return self._opened[snapshot_id]

    def replay(self, snapshot_id: str, tables_id: str | None) -> Replay:
        """Return the pair ready to replay. Raises what opening or rebuilding raises."""
        key = (snapshot_id, tables_id)
        if key not in self._replays:
            snapshot = self.snapshot(snapshot_id)
            tables = self._rebuilder.tables(tables_id, snapshot)
            if len(self._replays) >= KEPT:
                oldest = next(iter(self._replays))
                self._replays.pop(oldest).__exit__(None, None, None)
            self._replays[key] = Replay(self._settings, snapshot, tables)
        self._replays[key] = self._replays.pop(key)
        return self._replays[key]
