"""What a driver's error means: an outage that passes, damage that does not, a full disk, a bug."""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import TimeoutError as PoolTimeout

_OUTAGES = ("08", "25006", "40", "53", "55P03", "57", "58")
"""SQLSTATEs that pass: connection, read-only standby, deadlock, resources, operator, system."""
_DISK_FULL = "53100"
_DAMAGED = ("SQLITE_NOTADB", "SQLITE_CORRUPT")
_NO_TEXT = "Could not decode to UTF-8"  # Python's own words: SQLite has no name for it
_BUGS = ("SQLITE_ERROR", "SQLITE_MISUSE", "SQLITE_CONSTRAINT", "SQLITE_MISMATCH")


def is_outage(cause: object) -> bool:
    if isinstance(cause, sqlite3.DatabaseError):
        return not sqlite_name(cause).startswith(_BUGS)
    if isinstance(cause, PoolTimeout | OSError):
        return True
    state = getattr(cause, "sqlstate", None)
    if state is None:  # never reached a server, or lost it
        return type(cause).__name__ in ("OperationalError", "ConnectionTimeout", "InterfaceError")
    return str(state).startswith(_OUTAGES)


def is_damage(error: sqlite3.Error) -> bool:
    return sqlite_name(error).startswith(_DAMAGED) or str(error).startswith(_NO_TEXT)


def sqlite_name(error: sqlite3.Error) -> str:
    return str(getattr(error, "sqlite_errorname", "SQLITE_ERROR"))


def is_no_space(cause: object) -> bool:
    """PostgreSQL's word for it."""
    return getattr(cause, "sqlstate", None) == _DISK_FULL
