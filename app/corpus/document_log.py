"""The durable log of document changes: dense numbers in the order of commits, in one table.

What a snapshot holds is trimmed from the log; what is newer stands here alone. The one row of
`document_log` gives the numbers: whoever writes holds it until the commit, so that a follower who
has read up to a number never sees a smaller one appear later, however many processes write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import orjson
from sqlalchemy import delete, func, select, update
from sqlalchemy.engine import Connection

from app.corpus.database import Database
from app.corpus.document_tables import CHANGES, HEAD, KEYS, LEASES, METADATA
from app.corpus.document_writes import Batch, Refusal, Write, Written
from app.domain.changes import Entry, Op
from app.domain.errors import LogTrimmed

READ_BATCH = 5_000
TRIM_BATCH = 10_000  # rows deleted in one transaction: others write in between
FILE = "documents.db"  # of the embedded store, under DATA
_COLUMNS = ("seq", "op", "doc_id", "body", "ts_ms")


class Pending(NamedTuple):
    """Changes that a snapshot does not hold yet."""

    rows: int  # puts and deletes
    patches: int
    oldest_ms: int | None  # when the first of them was accepted


class DocumentLog:
    """One log. Safe to share between threads and processes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, data: Path, url: str | None = None) -> DocumentLog:
        """The log of PostgreSQL `url`, or the one embedded under `data`. Connects when used."""
        return cls(Database.choose(url, data / FILE, METADATA))

    def has_begun(self) -> bool:
        """Tell whether there is a log at all, without making one."""
        return self._database.is_there

    def close(self) -> None:
        self._database.close()

    def append(self, writes: Sequence[Write], floor: int = 0) -> list[Written | Refusal]:
        """Write all in one transaction; durable on return. A refused write leaves the others.

        Numbers go on above `floor`, the log_seq of the serving snapshot: a log that was lost must
        not give numbers again that the snapshot takes as known. Raises StoreUnavailable, StoreFull.
        """
        with self._database.write() as connection:
            batch = Batch(connection, self._lock_head(connection, floor))
            outcomes = [batch.add(write) for write in writes]
            batch.finish()
        return outcomes

    def last_seq(self) -> int:
        """Return the number of the newest change, 0 for an empty log."""
        with self._database.read() as connection:
            return int(connection.execute(select(HEAD.c.last_seq)).scalar() or 0)

    def read(self, after_seq: int = 0, limit: int = READ_BATCH) -> list[Entry]:
        """Return the next entries in order, at most `limit`. Raises LogTrimmed."""
        with self._database.read() as connection:
            chosen = select(*(CHANGES.c[n] for n in _COLUMNS)).where(CHANGES.c.seq > after_seq)
            rows = connection.execute(chosen.order_by(CHANGES.c.seq).limit(limit)).all()
            if not rows or rows[0][0] != after_seq + 1:
                self._require_untrimmed(connection, after_seq)
        return [Entry(seq, Op(op), id_, body, ts_ms) for seq, op, id_, body, ts_ms in rows]

    def entries(self, after_seq: int, up_to_seq: int) -> Iterator[Entry]:
        """Yield the entries in (after_seq, up_to_seq] in batches. Raises LogTrimmed."""
        while after_seq < up_to_seq:
            batch = self.read(after_seq, min(READ_BATCH, up_to_seq - after_seq))
            yield from batch
            if not batch:
                return
            after_seq = batch[-1].seq

    def examine(self, advance: Callable[[int], None]) -> int:
        """Read the whole log, and return how many changes it has.

        Raises StoreUnavailable at the first that is not as it was written, or not there, and
        LogTrimmed where it was trimmed meanwhile.
        """
        self._database.require_sound()
        with self._database.read() as connection:
            head = select(HEAD.c.trimmed_to, HEAD.c.last_seq)
            first, last = connection.execute(head).one_or_none() or (0, 0)
        seq = first
        for entry in self.entries(first, last):
            if entry.seq != seq + 1:
                break
            if (why := _damage(entry)) is not None:
                raise self._database.damaged(f"change {entry.seq}: {why}")
            seq = entry.seq
            advance(1)
        if seq < last:
            raise self._database.damaged(f"change {seq + 1} of {last} is not there")
        return last - first

    def of_document(self, id_: str, after_seq: int) -> list[Entry]:
        """Return what makes up a document: its newest put or delete, and patches behind it."""
        with self._database.read() as connection:
            mine = (CHANGES.c.doc_id == id_) & (CHANGES.c.seq > after_seq)
            whole = select(func.max(CHANGES.c.seq)).where(mine, CHANGES.c.op != Op.PATCH)
            start = connection.execute(whole).scalar() or 0
            chosen = select(*(CHANGES.c[n] for n in _COLUMNS)).where(mine, CHANGES.c.seq >= start)
            rows = connection.execute(chosen.order_by(CHANGES.c.seq)).all()
        return [Entry(seq, Op(op), id_, body, ts_ms) for seq, op, id_, body, ts_ms in rows]

    def trim(self, up_to_seq: int) -> int:
        """Forget the entries up to a number that every snapshot in use holds. Returns how many."""
        with self._database.write() as connection:
            up_to_seq = min(up_to_seq, self._lock_head(connection, 0))
            behind = HEAD.c.trimmed_to < up_to_seq
            connection.execute(update(HEAD).where(behind).values(trimmed_to=up_to_seq))
        return self._delete_in_batches(up_to_seq)

    def pending(self, after_seq: int) -> Pending:
        """Count what came after a number."""
        columns = (CHANGES.c.op, func.count(), func.min(CHANGES.c.ts_ms))
        newer = select(*columns).where(CHANGES.c.seq > after_seq).group_by(CHANGES.c.op)
        with self._database.read() as connection:
            found = {op: (int(count), int(first)) for op, count, first in connection.execute(newer)}
        patches, _ = found.get(Op.PATCH, (0, 0))
        oldest = min((first for _, first in found.values()), default=None)
        return Pending(sum(count for count, _ in found.values()) - patches, patches, oldest)

    def hold(self, lease: str, holder: str, seconds: float) -> bool:
        """Take a lease, or keep it; False while somebody else holds it. Time is the store's own."""
        with self._database.write() as connection:
            now = self._database.now_ms(connection)
            mine = {"holder": holder, "until_ms": now + int(seconds * 1e3)}
            take = self._database.insert(LEASES).values(name=lease, **mine)
            is_free = (LEASES.c.holder == holder) | (LEASES.c.until_ms <= now)
            upsert = take.on_conflict_do_update(index_elements=["name"], set_=mine, where=is_free)
            return connection.execute(upsert.returning(LEASES.c.name)).first() is not None

    def release(self, lease: str, holder: str) -> None:
        """Let others have it at once."""
        mine = (LEASES.c.name == lease) & (LEASES.c.holder == holder)
        with self._database.write() as connection:
            connection.execute(delete(LEASES).where(mine))

    def forget_keys(self, before_ms: int) -> int:
        """Forget idempotency keys of writes accepted before this moment. Returns how many."""
        with self._database.write() as connection:
            return connection.execute(delete(KEYS).where(KEYS.c.ts_ms < before_ms)).rowcount

    def _delete_in_batches(self, up_to_seq: int) -> int:
        gone = 0
        while True:
            with self._database.write() as connection:
                few = select(CHANGES.c.seq).where(CHANGES.c.seq <= up_to_seq)
                doomed = few.order_by(CHANGES.c.seq).limit(TRIM_BATCH).scalar_subquery()
                count = connection.execute(delete(CHANGES).where(CHANGES.c.seq.in_(doomed)))
            gone += count.rowcount
            if count.rowcount < TRIM_BATCH:
                return gone

    def _lock_head(self, connection: Connection, floor: int) -> int:
        """Hold the numbers until the end of the transaction. Returns the last one given."""
        first = self._database.insert(HEAD).values(id=1, last_seq=0, trimmed_to=0)
        connection.execute(first.on_conflict_do_nothing(index_elements=["id"]))
        hold = update(HEAD).values(last_seq=HEAD.c.last_seq).returning(HEAD.c.last_seq)
        last = int(connection.execute(hold).scalar_one())
        if last < floor:
            connection.execute(update(HEAD).values(last_seq=floor, trimmed_to=floor))
        return max(last, floor)

    @staticmethod
    def _require_untrimmed(connection: Connection, after_seq: int) -> None:
        trimmed_to = int(connection.execute(select(HEAD.c.trimmed_to)).scalar() or 0)
        if after_seq < trimmed_to:
            raise LogTrimmed(
                f"the document log begins after {trimmed_to}, asked was after {after_seq}; "
                "open the newest snapshot, or run: duolu reindex"
            )


def _damage(entry: Entry) -> str | None:
    """Say what is wrong with the body of a change."""
    if entry.op is Op.DELETE:
        return "a deletion with a body" if entry.body else None
    try:
        body = orjson.loads(entry.body)
    except orjson.JSONDecodeError as error:
        return f"its body is not JSON ({error})"
    is_its_own = isinstance(body, dict) and body.get("id", entry.id) == entry.id
    return None if is_its_own else "its body is of another document"
