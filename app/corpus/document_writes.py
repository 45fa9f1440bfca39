"""What is written into the document log, on which conditions, and what one transaction makes of it.

Conditions are judged while the transaction holds the log's head: nobody else writes in between.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.engine import Connection

from app.corpus.document_tables import CHANGES, HEAD, KEYS
from app.domain.changes import Change, Op
from app.domain.errors import ClientError


class StaleWrite(ClientError):
    """Somebody changed the document since the caller read it; the HTTP 412."""


class NoSuchDocument(ClientError):
    """A document that is not there; the HTTP 404."""

    def __init__(self, id_: str) -> None:
        self.id = id_
        super().__init__(
            f"no document {id_!r}, in the snapshot or written since; PUT it to make it"
        )


class KeyReused(ClientError):
    """An idempotency key that came with another body before; the HTTP 409."""


Refusal = StaleWrite | NoSuchDocument | KeyReused


@dataclass(frozen=True, slots=True)
class Key:
    """An idempotency key. A long write has parts, numbered from 0, each written once."""

    name: str
    part: int = 0
    is_last: bool = True


@dataclass(frozen=True, slots=True)
class Condition:
    """What must hold of one document at the moment of writing, as judged from a snapshot."""

    since: int  # log_seq of the snapshot
    is_in_snapshot: bool
    must_exist: bool = False
    must_be_new: bool = False
    checks_version: bool = False
    version: int | None = None  # seq of its newest change after `since`; None: there is none


@dataclass(frozen=True, slots=True)
class Write:
    """Changes that become durable together, in order, with consecutive numbers."""

    changes: Sequence[Change]
    ts_ms: int
    key: Key | None = None
    condition: Condition | None = None  # of the document that the first change names


@dataclass(frozen=True, slots=True)
class Written:
    """Change i of the write has the number first_seq + i."""

    first_seq: int
    is_repeated: bool = False  # the key was known: nothing was written now


@dataclass(frozen=True, slots=True)
class Standing:
    """What the log says of one document, after some number."""

    newest: int | None  # seq of its newest change; None: there is none
    exists: bool | None  # None: neither put nor deleted since


class Batch:
    """The writes of one transaction, which holds the head."""

    def __init__(self, connection: Connection, last_seq: int) -> None:
        self._connection = connection
        self._last_seq = last_seq
        self._rows: list[dict[str, Any]] = []  # not yet sent

    def add(self, write: Write) -> Written | Refusal:
        digest = _digest(write) if write.key else ""
        if write.key and (known := self._known(write.key, digest)) is not None:
            return known
        if write.condition and (no := self._refusal(write.condition, write.changes[0].id)):
            return no
        first = self._last_seq + 1
        for seq, change in enumerate(write.changes, first):
            self._rows.append(
                {"seq": seq, "op": change.op, "doc_id": change.id, "body": change.body,
                 "ts_ms": write.ts_ms}
            )  # fmt: skip
        self._last_seq += len(write.changes)
        if write.key:
            self._remember(write.key, digest, first, write.ts_ms)
        return Written(first)

    def finish(self) -> None:
        self._send()
        self._connection.execute(update(HEAD).values(last_seq=self._last_seq))

    def _send(self) -> None:
        if self._rows:
            self._connection.execute(CHANGES.insert(), self._rows)
            self._rows = []

    def _known(self, key: Key, digest: str) -> Written | KeyReused | None:
        mine = (KEYS.c.key == key.name) & (KEYS.c.part == key.part)
        chosen = select(KEYS.c.digest, KEYS.c.is_last, KEYS.c.first_seq).where(mine)
        row = self._connection.execute(chosen).one_or_none()
        if row is None:
            return None
        if (row.digest, row.is_last) != (digest, key.is_last):
            return KeyReused(
                f"Idempotency-Key = {key.name!r} came with another body before; "
                "take a new key for a new write"
            )
        return Written(row.first_seq, is_repeated=True)

    def _remember(self, key: Key, digest: str, first_seq: int, ts_ms: int) -> None:
        self._connection.execute(KEYS.insert().values(
            key=key.name, part=key.part, digest=digest, first_seq=first_seq,
            is_last=key.is_last, ts_ms=ts_ms,
        ))  # fmt: skip

    def _refusal(self, asked: Condition, id_: str) -> StaleWrite | NoSuchDocument | None:
        self._send()  # what others wrote in this very transaction counts
        now = self._standing(id_, asked.since)
        exists = asked.is_in_snapshot if now.exists is None else now.exists
        if asked.must_exist and not exists:
            return NoSuchDocument(id_)
        if asked.must_be_new and exists:
            return StaleWrite(f"document {id_!r} exists already; PUT it without If-None-Match")
        if asked.checks_version and now.newest != asked.version:
            return StaleWrite(
                f"document {id_!r} was changed since (seq {now.newest}); GET it and try again"
            )
        return None

    def _standing(self, id_: str, since: int) -> Standing:
        mine = (CHANGES.c.doc_id == id_) & (CHANGES.c.seq > since)
        chosen = select(CHANGES.c.op, func.max(CHANGES.c.seq)).where(mine)
        rows = self._connection.execute(chosen.group_by(CHANGES.c.op))
        newest: dict[str, int] = {op: int(seq) for op, seq in rows}
        put, deleted = newest.get(Op.PUT, 0), newest.get(Op.DELETE, 0)
        exists = put > deleted if put or deleted else None
        return Standing(max(newest.values(), default=None), exists)


def _digest(write: Write) -> str:
    """Name what is written, so that a key cannot come with something else."""
    digest = hashlib.blake2b(digest_size=16)
    for change in write.changes:
        digest.update(f"{change.op}\0{change.id}\0{len(change.body)}\0".encode())
        digest.update(change.body)
    return digest.hexdigest()
