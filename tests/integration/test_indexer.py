"""The indexer folds what is due, alone, and says how it is."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest

from app.corpus.document_log import DocumentLog, Pending
from app.corpus.document_writes import Write
from app.domain.changes import Change, Op
from app.offline import indexer as module
from app.offline.indexer import Indexer, is_due
from app.online.indexer.main import create_app
from app.settings import DocumentSettings, Settings
from app.snapshot.store import ArtifactStore
from tests.builders import NOW_MS, city_rows
from tests.builders.databases import PostgreSQL
from tests.builders.reindexing import COLUMNS_ONLY, CONFIG, run, serving, write
from tests.builders.servers import running
from tests.builders.waiting import until

MINUTE_MS = 60_000


@pytest.fixture(autouse=True)
def _restless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_S", 0.05)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    run(write(tmp_path / "c.jsonl", city_rows(10)), tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def start(data: Path) -> Iterator[Callable[..., Indexer]]:
    """Starts indexers whose compactions are commands as an operator types them."""
    started: list[Indexer] = []

    def start(*overrides: str, command: list[str] | None = None) -> Indexer:
        asked = [*COLUMNS_ONLY, "documents.compact_rows=3", *overrides]
        words = [word for override in asked for word in ("--set", override)]
        compact = [sys.executable, "-m", "app.cli", "compact", "--data", str(data), *words]
        settings = Settings.load(CONFIG, asked, environment={})
        started.append(Indexer(settings, data, command or compact))
        started[-1].start()
        return started[-1]

    yield start
    for indexer in started:
        indexer.close()


def put(data: Path, *ids: str, url: str | None = None) -> None:
    log = DocumentLog.open(data, url)
    for id_ in ids:
        body = orjson.dumps({"id": id_, "title": "new"})
        log.append([Write([Change(Op.PUT, id_, body)], int(time.time() * 1e3))])
    log.close()


@pytest.mark.parametrize(
    ("pending", "is_"),
    [
        (Pending(0, 0, None), False),
        (Pending(9, 19, NOW_MS), False),
        (Pending(10, 0, NOW_MS), True),
        (Pending(9, 20, NOW_MS), True),  # twenty patches weigh as one row
        (Pending(1, 0, NOW_MS - 5 * MINUTE_MS), True),
        (Pending(0, 1, NOW_MS - 4 * MINUTE_MS), False),
    ],
)
def test_much_or_old_is_due(pending: Pending, is_: bool) -> None:
    settings = DocumentSettings(compact_rows=10, compact_minutes=5)
    assert is_due(pending, settings, NOW_MS) is is_


def test_what_is_due_is_folded_by_one_of_two(data: Path, start: Callable[..., Indexer]) -> None:
    both = start(), start()
    until(lambda: any(i.status.holds_lease for i in both))
    put(data, "a", "b")
    time.sleep(0.3)
    assert serving(data).log_seq == 0
    put(data, "c")
    until(lambda: serving(data).log_seq == 3)
    assert sum(i.status.holds_lease for i in both) == 1
    assert len(ArtifactStore(data / "snapshots", "snapshot").ids()) == 2


def test_who_ends_hands_over_at_once(
    start: Callable[..., Indexer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEASE_S", 3_600.0)  # nobody takes over from who holds it still
    first = start()
    until(lambda: first.status.holds_lease)
    second = start()
    time.sleep(0.2)
    assert not second.status.holds_lease
    first.close()
    until(lambda: second.status.holds_lease)


def test_a_compaction_that_fails_is_told_and_not_repeated_at_once(
    data: Path, start: Callable[..., Indexer], tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    failing = start(command=["sh", "-c", f"echo x >> {runs}; exit 7"])
    put(data, "a", "b", "c")
    until(lambda: failing.status.problem is not None)
    assert "ended with 7" in str(failing.status.problem)
    time.sleep(0.3)
    assert runs.read_text() == "x\n"


def test_an_indexer_says_how_it_is(
    data: Path, start: Callable[..., Indexer], postgresql: PostgreSQL, database_url: str
) -> None:
    indexer = start(f"store.url={database_url}")
    quiet = Indexer(Settings.load(CONFIG, [], environment={}), data, ["true"])
    with running(create_app([quiet], lambda: indexer.status)) as client:
        until(lambda: client.get("/readyz").json().get("holds_lease", False))
        assert client.get("/livez").status_code == 200
        assert "duolu_indexer_holds_lease 1.0" in client.get("/metrics").text
        postgresql.kill()
        until(lambda: client.get("/readyz").status_code == 503)
        assert "does not answer" in client.get("/readyz").json()["detail"]
        assert "duolu_indexer_failing 1.0" in client.get("/metrics").text
        postgresql.start()
        until(lambda: client.get("/readyz").status_code == 200)
