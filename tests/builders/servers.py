"""A real gateway on a free loopback port, and channels that misbehave on purpose."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from app.bootstrap import Engine
from app.corpus.documents import Documents
from app.domain.candidates import ChannelHits
from app.online.gateway.main import create_app
from app.online.ranker.main import create_app as create_ranker
from app.recall.channel import ChannelConfig
from app.settings import Settings
from app.snapshot.context import SearchContext
from app.snapshot.snapshot import Snapshot
from app.snapshot.store import ArtifactStore
from app.snapshot.tables import Tables
from tests.builders.snapshots import CONFIG, make_snapshot
from tests.builders.waiting import patience

SNAPSHOT_ID = "20260101T000000Z-0000test"


def publish_snapshot(
    rows: Sequence[Mapping[str, Any]], data: Path, snapshot_id: str = SNAPSHOT_ID
) -> None:
    """Build and publish one snapshot under `data`."""
    store = ArtifactStore(data / "snapshots", "snapshot")
    make_snapshot(rows, store.root / snapshot_id, snapshot_id=snapshot_id)
    store.publish(snapshot_id)


def make_engine(data: Path, *overrides: str) -> Engine:
    """An engine over what is published under `data`: the default configuration, with patience."""
    settings = Settings.load(CONFIG, [*patience(), *overrides], environment={})
    engine = Engine(settings, data, data / "models")
    engine.refresh()
    return engine


@contextmanager
def gateway(data: Path, *overrides: str, key: str | None = None) -> Iterator[httpx.Client]:
    """A client of a running gateway."""
    engine = make_engine(data, *overrides)
    try:
        with running(create_app(engine, engine.settings, key)) as client:
            yield client
    finally:
        engine.close()


@contextmanager
def ranker(data: Path, *overrides: str, key: str | None = None) -> Iterator[httpx.Client]:
    """A client of a running ranker."""
    engine = make_engine(data, *overrides)
    try:
        with running(create_ranker(engine, engine.settings, key)) as client:
            yield client
    finally:
        engine.close()


@contextmanager
def running(app: FastAPI) -> Iterator[httpx.Client]:
    """Serve an application from a thread of this process."""
    listener = socket.create_server(("127.0.0.1", 0))
    http = getattr(app.state, "protocol", "auto")
    config = uvicorn.Config(app, access_log=False, log_level="error", lifespan="on", http=http)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.005)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


class FailingChannel:
    """A channel that raises."""

    @classmethod
    def build(cls, documents: Documents, part: Path, config: ChannelConfig) -> None: ...

    @classmethod
    def open(
        cls, snapshot: Snapshot, tables: Tables, part: Path, config: ChannelConfig
    ) -> FailingChannel:
        return cls()

    def accepts(self, ctx: SearchContext) -> bool:
        return True

    def recall(self, ctx: SearchContext, k: int) -> ChannelHits:
        raise RuntimeError("this channel is broken on purpose")


class StuckChannel(FailingChannel):
    """A channel that holds every search while `released` is cleared, and counts its calls."""

    released = threading.Event()
    released.set()
    calls = 0

    @classmethod
    def open(
        cls, snapshot: Snapshot, tables: Tables, part: Path, config: ChannelConfig
    ) -> StuckChannel:
        return cls()

    def recall(self, ctx: SearchContext, k: int) -> ChannelHits:
        StuckChannel.calls += 1
        self.released.wait(30)
        return ChannelHits.nothing("stuck")
