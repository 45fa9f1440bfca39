"""The gateway's live behaviour: events that come in are written, and what they say is followed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from prometheus_client import Counter, Gauge

from app.corpus.event_log import APPEND_BATCH, FILE, Appended, EventLog
from app.corpus.following import Follower
from app.corpus.group_commit import GroupCommit
from app.corpus.people_store import PeopleStore
from app.domain.errors import StoreUnavailable
from app.domain.events import Event
from app.online.admission import Budget
from app.online.service import Service
from app.wiring import make_people

MAX_WAITING = 4_096  # posts, for their commit; more are answered 503
MAX_BYTES = 64 << 20  # of bodies at the same time
PATIENCE_S = 10.0  # for one commit
THREADS = 2  # that read bodies

T = TypeVar("T")
Names = Callable[[Sequence[Event]], Sequence[Event]]
"""Puts in the place of each id of a person what the logs know them by."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The event log as this process writes it, and the follower that reads it."""

    log: EventLog
    people: PeopleStore
    follower: Follower
    commits: GroupCommit[Sequence[Event], Appended]
    counts: Counts
    names: Names
    threads: ThreadPoolExecutor
    bodies: Budget = field(default_factory=lambda: Budget(MAX_BYTES, "events"))

    def start(self) -> None:
        self.follower.start()
        self.commits.start()

    def close(self) -> None:
        """Write what waits; end."""
        self.commits.close()
        self.follower.close()
        self.log.close()
        self.threads.shutdown(wait=False)

    async def append(self, events: Sequence[Event]) -> Appended:
        """Make events durable. Raises StoreUnavailable, StoreFull."""
        named = await self.beside(self.names, events)
        committed = asyncio.wrap_future(self.commits.submit(named))
        try:
            done = await asyncio.wait_for(committed, PATIENCE_S)
        except TimeoutError:
            raise StoreUnavailable(
                f"the store did not confirm within {PATIENCE_S:g} s and may write it yet; "
                "send the same again: twice is once"
            ) from None
        self.follower.nudge()
        return done

    async def beside(self, call: Callable[..., T], *given: Any) -> T:
        """Run beside the event loop, which searches need."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, call, *given)


class Counts:
    """What became of events, on the metrics page."""

    def __init__(self, service: Service) -> None:
        registry = service.metrics.registry
        self.events = Counter("duolu_events", "Events", ["outcome"], registry=registry)
        self.unknown = Counter(
            "duolu_events_unknown_documents",
            "Events that name a document which the catalogue lacks",
            registry=registry,
        )
        self.position = Gauge(
            "duolu_state_event_seq", "Event up to which people's state is known", registry=registry
        )
        for outcome in ("accepted", "duplicate", "refused"):
            self.events.labels(outcome)


def attach(service: Service) -> Behaviour:
    """Open the event log, to be followed and written while the service lives."""
    engine, settings = service.engine, service.settings
    log = EventLog.open(engine.stores.data / FILE, settings.store.address)
    commits: GroupCommit[Sequence[Event], Appended] = GroupCommit(
        log.append_all, len, APPEND_BATCH, MAX_WAITING
    )
    engine.people = store = make_people(settings)
    counts = Counts(service)
    names = service.door.pseudonyms.of_events
    threads = ThreadPoolExecutor(THREADS, "events")
    reached_end = partial(_reached_end, service)
    reached_end()  # what is never read at all lags since now
    follower = Follower(log, store, engine.held, reached_end)
    behaviour = Behaviour(log, store, follower, commits, counts, names, threads)
    counts.position.set_function(lambda: behaviour.follower.seq)
    service.background.append(behaviour)
    return behaviour


def _reached_end(service: Service) -> None:
    service.metrics.reached_end("events", time.monotonic())
