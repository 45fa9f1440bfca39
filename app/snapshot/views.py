"""One snapshot with one set of tables, as it was at any point of the document log."""

from __future__ import annotations

import threading

from app.snapshot.following import Following
from app.snapshot.following_tables import FollowingTables
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables

KEPT = 32
"""Views that were asked for lately, by seq: a ranker answers gateways that publish at own times."""


class Views:
    """Views that are made when asked for, each once. Any thread may ask."""

    def __init__(self, following: Following, tables: Tables) -> None:
        self.following = following
        self._tables = FollowingTables(tables)
        self.own_tables = self._tables.own
        self._lock = threading.Lock()
        self._made: dict[int, tuple[Snapshot, Tables]] = {}  # the last used comes last

    @property
    def ids(self) -> tuple[str, str | None]:
        return self.following.own.id, self.own_tables.id

    def at(self, seq: int) -> tuple[Snapshot, Tables]:
        """Return the view at a point that was read."""
        with self._lock:
            made = self._made.pop(seq, None)
            if made is None:
                view = self.following.at(seq)
                made = view, self._tables.at(view)
            self._made = dict([*list(self._made.items())[-KEPT + 1 :], (seq, made)])
            return made
