"""The indexer: watches how much is newer than the snapshot, and has it folded in time.

One works at a time, whoever holds the lease in the store. The folding itself runs in a process of
its own, at low priority, so that neither its memory nor its arithmetic is the service's.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.corpus.document_log import DocumentLog, Pending
from app.domain.errors import CorruptArtifact, StoreFull, StoreUnavailable, UnknownName
from app.offline.rounds import Rounds
from app.settings import DocumentSettings, Settings
from app.snapshot.store import ArtifactStore

log = logging.getLogger(__name__)

LEASE = "indexer"
LEASE_S = 15.0  # who dies is followed after so long
POLL_S = 2.0
PATCHES_A_ROW = 20  # patches that weigh as much as one row: they are kept beside, not behind
AGAIN_S = (10.0, 60.0, 600.0)  # after one, two, three failures and more
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}


@dataclass(frozen=True, slots=True)
class Status:
    """What an indexer does now."""

    holds_lease: bool = False
    is_folding: bool = False
    problem: str | None = None  # why the last thing it tried failed


def is_due(pending: Pending, settings: DocumentSettings, now_ms: int) -> bool:
    """Tell whether so much, or anything so old, waits that it shall be folded."""
    if pending.oldest_ms is None:
        return False
    is_old = now_ms - pending.oldest_ms >= settings.compact_minutes * 60_000
    return is_old or pending.rows + pending.patches // PATCHES_A_ROW >= settings.compact_rows


class Indexer:
    """Background work of one process. `command` is what compacts once, e.g. duolu compact."""

    def __init__(self, settings: Settings, data: Path, command: Sequence[str]) -> None:
        self._settings = settings.documents
        self._snapshots = ArtifactStore(data / "snapshots", "snapshot")
        self._documents = DocumentLog.open(data, settings.store.address)
        self._command = command
        self._holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._failures = 0
        self._not_before = 0.0  # monotonic
        self._rounds = Rounds("indexer", self._look, POLL_S)
        self.status = Status()

    def start(self) -> None:
        self._rounds.start()

    def close(self) -> None:
        """End soon; a compaction under way is ended, and leaves nothing but a folder."""
        self._rounds.close()
        if self.status.holds_lease:
            self._let_go()
        self._documents.close()

    def _look(self) -> None:
        try:
            self._work()
        except (StoreUnavailable, StoreFull, UnknownName, CorruptArtifact) as error:
            self._tell(str(error))

    def _work(self) -> None:
        self.status = Status(self._holds_lease(), False, self.status.problem)
        current = self._snapshots.current_id()
        if not self.status.holds_lease or current is None or time.monotonic() < self._not_before:
            return
        pending = self._documents.pending(int(self._snapshots.manifest(current)["log_seq"]))
        if is_due(pending, self._settings, int(time.time() * 1e3)):
            self._fold()
        else:
            self._tell(None)

    def _fold(self) -> None:
        """Run the command, and keep the lease meanwhile."""
        self.status = Status(True, True)
        code = self._rounds.run_to_end(
            self._command, {**os.environ, **ONE_THREAD}, self._holds_lease, POLL_S
        )
        if code is not None:
            self._settle(code)

    def _settle(self, code: int) -> None:
        self._failures = 0 if code == 0 else self._failures + 1
        problem = None
        if code != 0:
            pause_s = AGAIN_S[min(self._failures, len(AGAIN_S)) - 1]
            self._not_before = time.monotonic() + pause_s
            problem = f"the compaction ended with {code}; it is tried again in {pause_s:g} s"
        self._tell(problem)

    def _holds_lease(self) -> bool:
        return self._documents.hold(LEASE, self._holder, LEASE_S)

    def _let_go(self) -> None:
        try:
            self._documents.release(LEASE, self._holder)
        except (StoreUnavailable, StoreFull) as error:
            log.warning("the indexer's lease ends by itself: %s", error)

    def _tell(self, problem: str | None) -> None:
        """Say once what is wrong, and once that it is over."""
        if problem != self.status.problem:
            log.warning("indexer: %s", problem or "all is well again")
        self.status = Status(self.status.holds_lease, False, problem)
