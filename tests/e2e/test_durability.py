"""What was acknowledged is on disk, whoever is killed, and whenever."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from tests.builders import city_rows
from tests.builders.databases import required
from tests.builders.reindexing import run, write
from tests.builders.servers import publish_snapshot

ROOT = Path(__file__).parents[2]
ROUNDS = 10  # make bench-durability: 100, of whole services
CALLS = "fsync,fdatasync,pwrite64,write,writev,sendto,sendmsg,read,recvfrom,recvmsg"


def test_nothing_acknowledged_is_lost_torn_or_back_when_writers_and_compactions_are_killed(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    run(write(tmp_path / "c.jsonl", city_rows(20)), data)
    command = [sys.executable, "-m", "tests.builders.killed", str(data), str(ROUNDS), "7"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True)
    found = orjson.loads(done.stdout)
    assert found["wrong"] == []
    assert found["acknowledged"] > 100
    assert found["snapshots"] >= ROUNDS // 2  # so many compactions came through in between


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What a gateway asked of the system while it took a document, then an event."""
    strace = required("strace", "strace")
    folder = tmp_path_factory.mktemp("traced")
    publish_snapshot(city_rows(20), folder / "data")
    trace = folder / "trace"
    watched = [strace, "-f", "-y", "-s", "400", "-e", f"trace={CALLS}", "-o", str(trace)]
    command = [sys.executable, "-m", "tests.builders.one_write", str(folder / "data")]
    subprocess.run([*watched, *command], cwd=ROOT, check=True, capture_output=True)
    return trace.read_text(errors="replace").splitlines()


@pytest.mark.parametrize(
    ("file", "call"), [("documents", "PUT /v1/documents/traced"), ("events", "traced-event")]
)
def test_a_write_is_synced_to_disk_before_it_is_answered(
    calls: list[str], file: str, call: str
) -> None:
    asked = first(calls, call, 0)
    written = first(calls, rf"pwrite64\(\d+<[^>]*{file}\.db-wal>", asked)
    synced = first(calls, rf"f(data)?sync\(\d+<[^>]*{file}\.db-wal>", written)
    thread = calls[synced].split()[0]
    done = synced
    if "unfinished" in calls[synced]:
        done = first(calls, rf"^{thread} +<\.\.\. f(data)?sync resumed>.* = 0", synced)
    answered = first(calls, r'\\"seq\\":2', asked)
    assert asked < written < synced <= done < answered


def first(calls: list[str], pattern: str, start: int) -> int:
    """Return where a call stands; the test fails where there is none."""
    found = (i for i in range(start, len(calls)) if re.search(pattern, calls[i]))
    at = next(found, None)
    assert at is not None, f"no {pattern} after call {start}:\n" + "\n".join(calls[start:][:40])
    return at
