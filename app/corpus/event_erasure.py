"""Takes events out of the log for good, by their numbers; no number is ever given again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import delete

from app.corpus.database import Database
from app.corpus.event_log import EVENTS, METADATA

AT_ONCE = 500
A_TRANSACTION = 50_000
"""Events deleted together: whoever appends waits so long."""


class EventErasure:
    """Deletes from one log. Every method may raise StoreUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, file: Path, url: str | None = None) -> EventErasure:
        """The same log that EventLog.open opens."""
        return cls(Database.choose(url, file, METADATA))

    def close(self) -> None:
        self._database.close()

    def erase(self, seqs: Sequence[int]) -> None:
        """Delete the events of these numbers; those that are gone are no error."""
        for start in range(0, len(seqs), A_TRANSACTION):
            some = seqs[start : start + A_TRANSACTION]
            with self._database.write() as connection:
                for at in range(0, len(some), AT_ONCE):
                    theirs = EVENTS.c.seq.in_([int(seq) for seq in some[at : at + AT_ONCE]])
                    connection.execute(delete(EVENTS).where(theirs))

    def scrub(self) -> None:
        """Leave no byte of what was deleted in the files. Writers wait so long."""
        self._database.scrub()
