"""Nobody waits for a compiler: a service that is ready has compiled what any first call needs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from app.snapshot.opening import open_snapshot
from tests.builders.behaviour import make_sessions
from tests.builders.learned import publish_learned
from tests.builders.people import make_place
from tests.builders.servers import SNAPSHOT_ID

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalogue with tables, and a release of every feature."""
    data = tmp_path_factory.mktemp("data")
    make_place(data)
    snapshot = open_snapshot(data / "snapshots" / SNAPSHOT_ID)
    publish_learned(data, snapshot, make_sessions(snapshot))
    return data


@pytest.mark.parametrize("ranking", [[], ["remote"]])
def test_the_first_call_of_every_kind_finds_everything_compiled(
    place: Path, tmp_path: Path, ranking: list[str]
) -> None:
    data = shutil.copytree(place, tmp_path / "data")  # the calls change it
    command = [sys.executable, "-m", "tests.builders.first_calls", str(data), *ranking]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True)
    assert orjson.loads(done.stdout) == {}
