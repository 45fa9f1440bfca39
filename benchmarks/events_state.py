"""What a person's live state costs a request, and what it costs to hold and to make again."""

from __future__ import annotations

import asyncio
import statistics
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from documents import catalogue

from app.corpus.event_columns import EventColumns
from app.corpus.event_log import EventLog
from app.corpus.following import Follower, Held
from app.corpus.own_people import OwnPeople
from app.domain.events import Event
from app.domain.live import NEWEST
from app.offline.behaviour.build import facts_of, learn
from app.offline.behaviour.config import TableConfig
from app.offline.behaviour.memory import QueryTerms
from app.snapshot.asking import who_asks
from app.snapshot.opening import open_snapshot
from app.snapshot.people import user_state
from app.snapshot.store import ArtifactStore
from app.snapshot.tables import Tables

DOCUMENTS, PEOPLE, LIVE = 2_000, 20_000, 200_000
CASES = {"nobody": None, "a stranger": "nobody", "tables alone": "u1", "20 interactions": "typical",
         "200 interactions": "busy"}  # fmt: skip
REQUESTS = 500
NOW_MS = 1_760_000_000_000

Rows = list[dict[str, Any]]


def state_rows(work: Path, rounds: int) -> tuple[Rows, dict[str, list[float]]]:
    """Measure; return rows and raw samples."""
    work.mkdir(parents=True, exist_ok=True)
    file = work / f"{time.monotonic_ns()}.db"
    log = EventLog.open(file)
    catalogue(work, DOCUMENTS)
    store = ArtifactStore(work / "data" / "snapshots", "snapshot")
    snapshot = open_snapshot(store.path(store.require_current()))
    ids = list(snapshot.documents.ids.strings)
    log.append(_long_ago(ids))
    columns = EventColumns.load(log)
    terms, config = QueryTerms.of(columns, snapshot.analyzer, ("default",)), TableConfig()
    facts = {"id": "t", **facts_of(columns, NOW_MS, config)}
    tables = Tables.of(learn(columns, terms, NOW_MS, config), facts, snapshot.documents)
    log.append(_lately(ids))
    people, samples = OwnPeople(NEWEST), {}
    samples["follow"] = [_followed(log, people, tables)]
    tracemalloc.start()
    _followed(log, held := OwnPeople(NEWEST), tables)
    bytes_each = tracemalloc.get_traced_memory()[0] / LIVE
    tracemalloc.stop()
    del held
    for round_ in range(rounds + 1):
        for case, user in CASES.items():
            spent = asyncio.run(_asked(people, tables, snapshot.documents, user))
            if round_:
                samples.setdefault(f"state of {case}", []).append(spent)
    log.close()
    rows = [_row(name, statistics.median(s), "µs") for name, s in samples.items() if name[0] == "s"]
    rows.append(_row("followed from the log", statistics.median(samples["follow"]), "events/s"))
    return [*rows, _row("memory of an interaction", bytes_each, "bytes")], samples


async def _asked(people: OwnPeople, tables: Tables, documents: Any, user: str | None) -> float:
    """Return the µs that one request spends on who asks and on the state."""
    started = time.perf_counter()
    for _ in range(REQUESTS):
        person, _ = await who_asks(people, tables, user, None, NEWEST)
        user_state(person, tables, documents, NOW_MS)
    return (time.perf_counter() - started) / REQUESTS * 1e6


def _followed(log: EventLog, people: OwnPeople, tables: Tables) -> float:
    """Return how many events a second a starting process takes in."""
    follower = Follower(log, people, lambda: Held(tables.whole_seq, tables.whole_seq))
    started = time.perf_counter()
    follower.catch_up()
    return LIVE / (time.perf_counter() - started)


def _long_ago(ids: Sequence[str]) -> Iterator[Event]:
    """Fifty documents each of a thousand people, before the tables."""
    rng = np.random.default_rng(7)
    people = [*(f"u{n}" for n in range(1_000)), "typical", "busy"]
    for p, person in enumerate(people):
        for i, d in enumerate(rng.integers(len(ids), size=50).tolist()):
            yield _click(f"a{p}-{i}", person, ids[d], NOW_MS - 1 - i)


def _lately(ids: Sequence[str]) -> Iterator[Event]:
    rng = np.random.default_rng(8)
    drawn: Sequence[int] = rng.integers(len(ids), size=LIVE).tolist()
    for n, d in enumerate(drawn):
        person = {0: "typical", 1: "busy"}.get(n % 1_000, f"v{n % PEOPLE}")
        if person == "typical" and n >= 20_000:
            person = f"v{n % PEOPLE}"
        yield _click(f"b{n}", person, ids[d], NOW_MS - 1)


def _click(name: str, person: str, document: str, ts_ms: int) -> Event:
    return Event(name, "click", ts_ms, user_id=person, object_id=document)


def _row(case: str, value: float, unit: str) -> dict[str, Any]:
    return {
        "case": case, "ours": value, "peer": None, "peer_name": None, "ratio": None, "unit": unit,
    }  # fmt: skip
