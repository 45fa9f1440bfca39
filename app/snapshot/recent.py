"""The versions that served lately: while one swaps, others still ask by the versions before."""

from __future__ import annotations

from app.domain.errors import VersionUnknown
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables

KEPT = 3
"""A reindex publishes a snapshot and then its tables: two steps from the versions before."""


class Recent:
    """Pairs of snapshot and tables, oldest first. Mapped files: keeping one costs little memory."""

    def __init__(self) -> None:
        # Replaced whole, so that reading needs no lock.
        self._pairs: tuple[tuple[Snapshot, Tables], ...] = ()

    def add(self, snapshot: Snapshot, tables: Tables) -> None:
        others = [p for p in self._pairs if (p[0].id, p[1].id) != (snapshot.id, tables.id)]
        self._pairs = (*others, (snapshot, tables))[-KEPT:]

    def find(
        self, snapshot_id: str, log_seq: int, tables_id: str | None
    ) -> tuple[Snapshot, Tables]:
        """Return the pair of these versions. Raises VersionUnknown naming what is held instead."""
        for snapshot, tables in reversed(self._pairs):
            held = (snapshot.id, snapshot.log_seq, tables.id)
            if held == (snapshot_id, log_seq, tables_id):
                return snapshot, tables
        field, value = self._wrong(snapshot_id, log_seq, tables_id)
        known = "; ".join(f"{s.id} at {s.log_seq} with tables {t.id}" for s, t in self._pairs)
        raise VersionUnknown(
            f"snapshot {snapshot_id} at {log_seq} with tables {tables_id} is not held here; "
            f"held: {known or 'nothing yet'}; it follows what is published within a second",
            field, value, known,
        )  # fmt: skip

    def _wrong(self, snapshot_id: str, log_seq: int, tables_id: str | None) -> tuple[str, object]:
        """Name the first of the three that no pair has together with those before it."""
        of_id = [s for s, _ in self._pairs if s.id == snapshot_id]
        if not of_id:
            return "snapshot_id", snapshot_id
        if all(s.log_seq != log_seq for s in of_id):
            return "log_seq", log_seq
        return "tables_id", tables_id
