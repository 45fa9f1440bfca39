"""The sweeper runs a sweep when somebody asked long enough ago, and not before."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from app.cli import app
from app.corpus.identity import Identities
from app.offline.doctor import diagnose
from app.offline.sweeper import Sweeper
from app.offline.workplace import Workplace
from app.settings import Settings
from tests.builders.snapshots import CONFIG

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace(Settings.load(CONFIG, environment={}), tmp_path, tmp_path / "models")


def forget_ann(place: Workplace, asked_ms: int) -> None:
    store = Identities.open(place.data)
    store.ensure(["user:ann", "user:bob"])
    assert store.forget(["user:ann"], asked_ms)
    store.close()


def swept(place: Workplace, seconds: float) -> bool:
    """Whether a sweeper of this place runs its command within so many seconds."""
    mark = place.data / "swept"
    sweeper = Sweeper(place, [sys.executable, "-c", f"open({str(mark)!r}, 'w')"], look_s=0.01)
    sweeper.start()
    end = time.monotonic() + seconds
    while not mark.exists() and time.monotonic() < end:
        time.sleep(0.01)
    sweeper.close()
    return mark.exists()


def test_whoever_asked_an_hour_ago_is_swept(place: Workplace) -> None:
    forget_ann(place, int(time.time() * 1e3) - 2 * HOUR_MS)
    assert swept(place, 60)


def test_whoever_asked_just_now_waits_until_processes_have_let_go(place: Workplace) -> None:
    forget_ann(place, int(time.time() * 1e3))
    assert not swept(place, 0.3)


def test_a_place_where_nobody_was_known_stays_as_it_is(place: Workplace) -> None:
    assert not swept(place, 0.1)
    assert list(place.data.iterdir()) == []


def test_the_doctor_says_who_waits_for_too_long(place: Workplace) -> None:
    def people(now_ms: int) -> tuple[str, str]:
        [one] = (f for f in diagnose(place, 0, now_ms) if f.what == "people")
        return one.state, one.detail

    now_ms = int(time.time() * 1e3)
    assert people(now_ms)[0] == "note"
    forget_ann(place, now_ms)
    assert people(now_ms) == ("ok", "1 known, 1 waiting to be forgotten")
    assert people(now_ms + 2 * DAY_MS)[0] == "wrong"


def test_forgetting_from_the_shell_says_whether_they_were_known(place: Workplace) -> None:
    def run(*arguments: str) -> dict[str, object]:
        where = ["--data", str(place.data), "--models", str(place.models), "--config", str(CONFIG)]
        done = CliRunner().invoke(app, [*arguments, *where, "--json"])
        assert done.exit_code == 0, done.output
        return orjson.loads(done.stdout)

    Identities.open(place.data).ensure(["user:ann"])
    assert run("forget", "ann")["known"] is True
    assert run("forget", "ann")["known"] is False
    assert run("gc", "--forgotten")["people"] == 1  # once more, for she asked only just now
