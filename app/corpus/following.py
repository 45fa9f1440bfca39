"""Keeps live behaviour up to date: reads the event log by seq and tells a store what was done."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import NamedTuple

from app.corpus.event_log import EventLog
from app.corpus.people_store import PeopleStore
from app.domain.errors import ServerError
from app.domain.live import Position

log = logging.getLogger(__name__)

AT_ONCE = 2_000
"""Actions that are read at once."""

EVERY_S = 0.05
PATIENCE_S = 0.5  # between attempts while a store does not answer


class Held(NamedTuple):
    """What the tables in use hold of the event log: each event up to these numbers."""

    serving: int  # by those that serve
    all: int  # by all that some request may still read by


class Follower:
    """A thread that follows. `held` is None while nothing serves: there is nobody to follow for.

    `reached_end` is told whenever it has read all that there is.
    """

    def __init__(
        self,
        events: EventLog,
        store: PeopleStore,
        held: Callable[[], Held | None],
        reached_end: Callable[[], object] = lambda: None,
    ) -> None:
        self._events = events
        self._store = store
        self._held = held
        self._reached_end = reached_end
        self._wake = threading.Event()
        self._is_closed = False
        self._is_well = True
        self._seq = 0
        self._thread = threading.Thread(target=self._run, name="live-people", daemon=True)

    def start(self) -> None:
        """Catch up, then follow beside the searches."""
        self._try()
        self._thread.start()

    def close(self) -> None:
        self._is_closed = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def seq(self) -> int:
        """The event up to which was read."""
        return self._seq

    def nudge(self) -> None:
        """Look at once: this process appended something."""
        self._wake.set()

    def catch_up(self) -> None:
        """Follow to the end of the log. Raises StoreUnavailable, StateUnavailable."""
        held = self._held()
        if held is None:
            return
        self._store.forget(held.all)
        while not self._is_closed and self._step(held):
            pass

    def _step(self, held: Held) -> bool:
        """Take in some more. False at the end of the log."""
        at = self._store.position()
        if at is None or at.since > held.serving:
            self._store.restart(held.all)
            at = Position(held.all, held.all)
        actions, seq = self._events.actions(at.seq, AT_ONCE)
        if seq < at.seq and at.seq > held.all:
            self._store.clear()  # it followed another log
            return True
        if seq > at.seq:
            self._store.add(actions, at.seq, seq)
        self._seq = max(seq, at.seq)
        return len(actions) == AT_ONCE

    def _run(self) -> None:
        while not self._is_closed:
            self._wake.wait(EVERY_S if self._is_well else PATIENCE_S)
            self._wake.clear()
            self._try()

    def _try(self) -> None:
        """An outage is told once; it ends by itself."""
        try:
            self.catch_up()
        except ServerError as error:
            if self._is_well:
                log.warning("live behaviour stands still: %s", error)
            self._is_well = False
        except Exception:
            log.exception("live behaviour stands still")
            self._is_well = False
        else:
            if not self._is_well and not self._is_closed:  # which ends it before it read anything
                log.warning("live behaviour is followed again")
            self._is_well = True
            self._reached_end()
