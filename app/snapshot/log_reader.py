"""Reads the document log for the snapshots in use, and lets others wait until it has."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Protocol

from app.domain.changes import Entry
from app.domain.errors import LogTrimmed, StoreUnavailable
from app.domain.pause import Pause, go_on
from app.snapshot.following import AT_ONCE, Following

log = logging.getLogger(__name__)

STALE, BEHIND = "documents:log_unavailable", "documents:log_trimmed"
"""What `degraded` says: changes may be missing that were acknowledged."""

AT_A_TIME = 5_000  # entries
FEW = 128
"""Entries: what 400 changes a second leave to read every 0.3 s."""

REMEMBERED = 1_000
"""Batches of which it is known when they had been accepted."""


class Log(Protocol):
    """What is read of a document log."""

    def read(self, after_seq: int, limit: int) -> Sequence[Entry]:
        """Return the next entries in order. Raises StoreUnavailable or LogTrimmed."""
        ...

    def has_begun(self) -> bool:
        """Tell whether there is a log at all, without making one."""
        ...


class LogReader:
    """One thread at a time reads; any may wait for it."""

    def __init__(self, source: Log) -> None:
        self._source = source
        self._reading = threading.Lock()
        self._took = threading.Condition()
        self.wake = threading.Event()  # set by those who wait: whoever reads by the clock is early
        self.missing: tuple[str, ...] = ()  # what answers lack while the log cannot be read
        self.has_reached_end = False
        self._accepted: deque[tuple[int, int]] = deque(maxlen=REMEMBERED)  # seq, epoch ms

    def read(self, snapshots: Iterable[Following], pause: Pause = go_on) -> bool:
        """Let each take what the log holds by now. False where it could not be read.

        `pause` is made between steps where little is new: who is far behind hurries.
        """
        missing = ""
        with self._reading:
            for following in snapshots:
                missing = self._catch_up(following, pause) or missing
        if missing and (missing,) != self.missing:
            log.warning("%s: searches go on without what came since", missing)
        self.missing = (missing,) if missing else ()
        self.has_reached_end = self.has_reached_end or not missing
        return not missing

    def wait(self, following: Following, seq: int, patience_s: float) -> bool:
        """Wait until the snapshot was followed that far; tell whether it was."""
        self.wake.set()
        with self._took:
            return self._took.wait_for(lambda: following.seq >= seq, patience_s)

    def accepted_ms(self, after_seq: int, up_to_seq: int) -> int | None:
        """Return when the first entries that were read in between had been accepted, epoch ms."""
        known = (ms for seq, ms in list(self._accepted) if after_seq < seq <= up_to_seq)
        return next(known, None)

    def _catch_up(self, following: Following, pause: Pause) -> str:
        try:
            while self._source.has_begun():
                entries = self._source.read(following.seq, AT_A_TIME)
                pause = pause if len(entries) <= FEW else go_on
                for start in range(0, len(entries), AT_ONCE):
                    following.take(entries[start : start + AT_ONCE], pause)
                    self._accepted.append((entries[start].seq, entries[start].ts_ms))
                    with self._took:
                        self._took.notify_all()
                if len(entries) < AT_A_TIME:  # what came meanwhile is read in the next round
                    break
        except StoreUnavailable as error:
            log.debug("the document log: %s", error)
            return STALE
        except LogTrimmed as error:
            log.debug("the document log: %s", error)
            return BEHIND
        return ""
