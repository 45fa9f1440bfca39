"""Two gateways, a ranker and an indexer over one PostgreSQL and one Redis, and people searching."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from app.snapshot.opening import open_snapshot
from app.snapshot.store import ArtifactStore
from tests.builders.databases import PostgreSQL, Redis
from tests.builders.processes import KEY, Served, free_port, services
from tests.builders.releases import make_release
from tests.builders.servers import SNAPSHOT_ID, publish_snapshot
from tests.builders.worlds import city_rows

RELEASE = "20260101T000001Z-dear"
WORDS = ("火锅", "garden", "tea", "")


@dataclass(frozen=True, slots=True)
class Cluster:
    """What runs, and what it leans on."""

    gateways: Sequence[Served]
    ranker: Served
    indexer: Served
    postgresql: PostgreSQL
    database_url: str
    redis: Redis


@contextmanager
def cluster(
    data: Path,
    postgresql: PostgreSQL,
    redis: Redis,
    documents: int = 60,
    overrides: Sequence[str] = (),
) -> Iterator[Cluster]:
    """Start everything on a catalogue with a release; all of it answers when handed over."""
    publish_snapshot(city_rows(documents), data)
    store = ArtifactStore(data / "models" / "lambdarank", "release")
    make_release(open_snapshot(data / "snapshots" / SNAPSHOT_ID), store, RELEASE, "price")
    store.publish(RELEASE)
    ranker_port, url = free_port(), postgresql.new_database()
    overrides = (
        *overrides,
        f"rank.url=http://127.0.0.1:{ranker_port}", f"store.url={url}", f"state.url={redis.url}",
    )  # fmt: skip
    roles = [("gateway", free_port()), ("gateway", free_port()), ("ranker", ranker_port),
             ("indexer", free_port())]  # fmt: skip
    with services(data, roles, overrides) as (one, other, ranker, indexer):
        yield Cluster((one, other), ranker, indexer, postgresql, url, redis)


@dataclass(slots=True)
class Searched:
    """What came of searches that went on all the while."""

    asked: int = 0
    failed: list[str] = field(default_factory=list)
    degraded: Counter[str] = field(default_factory=Counter)

    @property
    def answered(self) -> float:
        return 1 - len(self.failed) / max(self.asked, 1)


@contextmanager
def searching(
    gateways: Sequence[Served], threads: int = 2, pause_s: float = 0.005
) -> Iterator[Searched]:
    """Search through every gateway as somebody known, until the end of the block."""
    done, ending, lock = Searched(), threading.Event(), threading.Lock()

    def search(which: int) -> None:
        url = f"http://127.0.0.1:{gateways[which % len(gateways)].port}"
        key = {"Authorization": f"Bearer {KEY}"}
        with httpx.Client(base_url=url, headers=key, timeout=10, trust_env=False) as client:
            at = which
            while not ending.is_set():
                at += 1
                body = {"query": WORDS[at % len(WORDS)], "user_id": "ann", "client_id": "phone"}
                failure, degraded = None, []
                try:
                    answer = client.post("/v1/search", json=body)
                    if answer.status_code == 200:
                        degraded = answer.json()["degraded"]
                    else:
                        failure = f"{answer.status_code}: {answer.text[:200]}"
                except httpx.HTTPError as error:
                    failure = repr(error)
                with lock:
                    done.asked += 1
                    done.degraded.update(degraded)
                    done.failed += [failure] if failure else []
                time.sleep(pause_s)

    workers = [threading.Thread(target=search, args=(k,)) for k in range(threads)]
    for worker in workers:
        worker.start()
    try:
        yield done
    finally:
        ending.set()
        for worker in workers:
            worker.join()
