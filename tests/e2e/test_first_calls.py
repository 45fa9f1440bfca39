"""Nobody waits for a compiler: a service that is ready has compiled what any first call needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import orjson

from app.snapshot.opening import open_snapshot
from tests.builders.behaviour import make_sessions
from tests.builders.learned import publish_learned
from tests.builders.people import make_place
from tests.builders.servers import SNAPSHOT_ID

ROOT = Path(__file__).parents[2]


def test_the_first_call_of_every_kind_finds_everything_compiled(tmp_path: Path) -> None:
    make_place(tmp_path)
    snapshot = open_snapshot(tmp_path / "snapshots" / SNAPSHOT_ID)
    publish_learned(tmp_path, snapshot, make_sessions(snapshot))
    command = [sys.executable, "-m", "tests.builders.first_calls", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True)
    assert orjson.loads(done.stdout) == {}
