"""How one document stands now: what the log says of it, upon the snapshot that serves."""

from __future__ import annotations

import re
from dataclasses import dataclass

from app.corpus.changes import Resolver
from app.corpus.document_log import DocumentLog
from app.corpus.document_writes import Condition, StaleWrite
from app.corpus.rows import Row
from app.snapshot.snapshot import Snapshot

A_SEQ = re.compile("[0-9]{1,18}")  # what 64 bits hold
SHOWN = 80  # characters of what somebody sent


@dataclass(frozen=True, slots=True)
class Current:
    """A document as it is, whether searches see it yet or not."""

    document: Row
    tag: str  # its version: the seq of its last change, or the catalogue that brought it


def read_current(log: DocumentLog, snapshot: Snapshot, id_: str) -> Current | None:
    """Read the newest state, None where there is no such document. Raises StoreUnavailable."""
    entries = log.of_document(id_, snapshot.log_seq)
    resolver = Resolver(snapshot.documents)
    for entry in entries:
        resolver.apply(entry)
    row = resolver.row_of(id_)
    if row < 0:
        return None
    tag = str(entries[-1].seq) if entries else snapshot_tag(snapshot, row)
    return Current(resolver.document(row), tag)


def snapshot_tag(snapshot: Snapshot, row: int) -> str:
    """Return the version of a document that did not change since the snapshot."""
    catalogue: str = snapshot.manifest.get("catalogue_id", snapshot.id)
    return str(snapshot.documents.version(row) or catalogue)


def condition(
    snapshot: Snapshot, id_: str, if_match: str | None, *, must_exist: bool, must_be_new: bool
) -> Condition:
    """Say what must hold when it is written. Raises StaleWrite for a version that cannot hold."""
    row = snapshot.documents.row_of(id_)
    checked = Condition(snapshot.log_seq, row >= 0, must_exist, must_be_new)
    if if_match is None:
        return checked
    if row >= 0 and if_match == snapshot_tag(snapshot, row):
        return Condition(snapshot.log_seq, True, must_exist, must_be_new, True, None)
    seq = int(if_match) if A_SEQ.fullmatch(if_match) else 0
    if seq > snapshot.log_seq:
        return Condition(snapshot.log_seq, row >= 0, must_exist, must_be_new, True, seq)
    tag = if_match if len(if_match) <= SHOWN else f"{if_match[:SHOWN]}…"
    raise StaleWrite(f"document {id_!r} has another version than {tag!r}; GET it, try again")
