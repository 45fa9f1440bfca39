"""The gateway's way to the document log: one thread commits what all requests want written."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from prometheus_client import Counter

from app.bootstrap import Engine
from app.corpus.document_log import DocumentLog
from app.corpus.document_writes import Refusal, Write, Written
from app.corpus.group_commit import GroupCommit
from app.domain.errors import StoreUnavailable
from app.online.admission import Admission
from app.online.service import Service

MAX_CHANGES = 5_000  # of one transaction
MAX_WAITING = 1_000  # writes
PATIENCE_S = 10.0  # for one write to be on disk
BULKS = 8  # read at the same time


@dataclass(frozen=True, slots=True)
class DocumentWriter:
    """What routes that write documents share."""

    log: DocumentLog
    queue: GroupCommit[Write, Written | Refusal]
    bulks: Admission
    outcomes: Counter

    async def write(self, write: Write) -> Written:
        """Return when the changes are on disk. Raises what kept them from it."""
        future = asyncio.wrap_future(self.queue.submit(write))
        try:
            outcome = await asyncio.wait_for(future, PATIENCE_S)
        except TimeoutError:
            raise StoreUnavailable(
                f"the store did not confirm within {PATIENCE_S:g} s and may write it yet; "
                "try again with the same Idempotency-Key"
            ) from None
        if not isinstance(outcome, Written):
            raise outcome
        if not outcome.is_repeated:
            for change in write.changes:
                self.outcomes.labels(change.op).inc()
        return outcome


def attach(service: Service) -> DocumentWriter:
    """Make the writer, to be started and closed with the service."""
    engine = service.engine

    def commit(writes: Sequence[Write]) -> Sequence[Written | Refusal]:
        return engine.document_log.append(writes, floor=snapshot_seq(engine))

    queue = GroupCommit(commit, lambda write: len(write.changes), MAX_CHANGES, MAX_WAITING)
    service.background.append(queue)
    written = Counter(
        "duolu_document_changes", "Changes written", ["op"], registry=service.metrics.registry
    )
    return DocumentWriter(engine.document_log, queue, Admission(BULKS, what="bulk writes"), written)


def snapshot_seq(engine: Engine) -> int:
    """Return up to which number the snapshot itself holds the log."""
    return int(engine.acquire().snapshot.manifest["log_seq"])
