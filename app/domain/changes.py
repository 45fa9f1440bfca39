"""Changes of documents, as they were asked for and as the log numbered them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Op(StrEnum):
    PUT = "put"  # the whole document, new or in place of the one before
    PATCH = "patch"  # some keys; null takes a key away
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Change:
    """One document's change, checked."""

    op: Op
    id: str
    body: bytes  # compact JSON: the clean row, the keys to change, or nothing for a delete


@dataclass(frozen=True, slots=True)
class Entry:
    """A change in the log. It is durable, and its number is never given again."""

    seq: int  # 1, 2, 3, … in the order of commits
    op: Op
    id: str
    body: bytes
    ts_ms: int  # when it was accepted
