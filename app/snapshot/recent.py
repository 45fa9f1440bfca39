"""The versions that served lately: while one swaps, others still ask by the versions before."""

from __future__ import annotations

from collections.abc import Callable

from app.domain.errors import VersionUnknown
from app.snapshot.following import Following
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables
from app.snapshot.views import Views

KEPT = 3
"""A reindex publishes a snapshot and then its tables: two steps from the versions before."""

FOLLOWED_S = 30.0
"""A snapshot that was replaced is followed on for so long: every gateway has swapped by then."""

Waiting = Callable[[Following, int], bool]
"""Waits a little for a snapshot to reach a point of the log; tells whether it did."""


class Recent:
    """Snapshots with tables, oldest first. Mapped files: keeping one costs little memory."""

    def __init__(self) -> None:
        # Replaced whole, so that reading needs no lock.
        self._kept: tuple[Views, ...] = ()
        self._replaced_s: dict[str, float] = {}  # snapshot → when it was, on the monotonic clock

    def add(self, views: Views, now_s: float) -> None:
        others = [v for v in self._kept if v.ids != views.ids]
        self._kept = (*others, views)[-KEPT:]
        before = {v.following.own.id for v in others} - {views.following.own.id}
        self._replaced_s = {id_: self._replaced_s.get(id_, now_s) for id_ in before}

    def followed(self, now_s: float) -> list[Following]:
        """Return the snapshots that somebody may still ask for at new points of the log."""
        known = {v.following.own.id: v.following for v in self._kept}
        return [
            following
            for id_, following in known.items()
            if now_s - self._replaced_s.get(id_, now_s) < FOLLOWED_S
        ]

    @property
    def whole_seq(self) -> int:
        """The event up to which all tables held here know every one, 0 without any."""
        return min((views.own_tables.whole_seq for views in self._kept), default=0)

    def find(
        self, snapshot_id: str, log_seq: int, tables_id: str | None, wait: Waiting
    ) -> tuple[Snapshot, Tables]:
        """Return the view of these versions. Raises VersionUnknown naming what is held instead."""
        for views in reversed(self._kept):
            if views.ids == (snapshot_id, tables_id) and _reaches(views.following, log_seq, wait):
                return views.at(log_seq)
        raise self._unknown(snapshot_id, log_seq, tables_id)

    def _unknown(self, snapshot_id: str, log_seq: int, tables_id: str | None) -> VersionUnknown:
        field, value = self._wrong(snapshot_id, log_seq, tables_id)
        known = "; ".join(
            f"{v.ids[0]} at {v.following.own.log_seq} to {v.following.seq} with tables {v.ids[1]}"
            for v in self._kept
        )
        return VersionUnknown(
            f"snapshot {snapshot_id} at {log_seq} with tables {tables_id} is not held here; "
            f"held: {known or 'nothing yet'}; it follows what is published within a second",
            field, value, known,
        )  # fmt: skip

    def _wrong(self, snapshot_id: str, log_seq: int, tables_id: str | None) -> tuple[str, object]:
        """Name the first of the three that nothing has together with those before it."""
        of_id = [v.following for v in self._kept if v.ids[0] == snapshot_id]
        if not of_id:
            return "snapshot_id", snapshot_id
        if not any(f.own.log_seq <= log_seq <= f.seq for f in of_id):
            return "log_seq", log_seq
        return "tables_id", tables_id


def _reaches(following: Following, seq: int, wait: Waiting) -> bool:
    return following.own.log_seq <= seq and (seq <= following.seq or wait(following, seq))
