"""`make demo`, without the service at its end: from nothing to a snapshot and a model, once."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.demo import RECIPE, Demo, city, greeting, index, learn, people, prepare

ROOT = Path(__file__).parents[2]
SMALL = ("--documents", "300", "--users", "50", "--sessions", "600", "--queries", "0")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A demo that was made from nothing."""
    place = tmp_path_factory.mktemp("demo")
    made = Demo(place / "data", place / "models", size=SMALL)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        steps = [step.command[1] for step in prepare(made)]
        assert steps == ["scripts/demo_data.py", "reindex", "import-events", "train"]
        yield made


@contextmanager
def changed(file: Path) -> Iterator[None]:
    """As if the file were written again after everything else."""
    before = file.stat().st_mtime
    os.utime(file, (time.time() + 60,) * 2)
    yield
    os.utime(file, (before,) * 2)


def test_what_is_done_is_not_done_again(demo):
    assert prepare(demo) == []


def test_it_leaves_a_snapshot_tables_and_a_release(demo):
    assert demo.stores.snapshots.current_id()
    assert demo.stores.tables.current_id()
    assert len(demo.stores.releases.ids()) == 1


def test_so_few_clicks_serve_no_model_and_every_figure_is_said(demo, tmp_path):
    releases = demo.stores.releases
    assert releases.current_id() is None
    (release_id,) = releases.ids()
    reasons = "; ".join(releases.manifest(release_id)["gate"]["reasons"])
    assert "shown lists with a click, gate.min_clicked_lists wants 2,000" in reasons

    again = [str(Path(sys.executable).with_name("duolu")), "train", str(RECIPE), "--publish"]
    where = ["--data", str(demo.data), "--models", str(tmp_path), "--max-groups", "150"]
    refused = subprocess.run([*again, *where], capture_output=True, text=True, check=False)
    assert refused.returncode == 3
    assert "| ranked |" in refused.stdout
    assert "The gate is not passed." in refused.stdout
    assert "150 shown lists with a click" in refused.stderr
    assert not (tmp_path / "lambdarank" / "CURRENT").exists()


def test_a_changed_catalogue_is_indexed_again_and_the_model_kept(demo):
    with changed(demo.catalogue):
        assert index(demo).command[1:3] == ("reindex", str(demo.catalogue))
        assert learn(demo) is None


def test_changed_settings_are_a_reason_to_index(demo):
    with changed(Path("config/search.toml")):
        assert index(demo) is not None


def test_new_sessions_or_another_recipe_are_a_reason_to_train(demo):
    for file in (demo.sessions, RECIPE):
        with changed(file):
            assert learn(demo).command[1] == "train"
            assert people(demo) is not None


def test_a_missing_catalogue_is_drawn_again(demo):
    elsewhere = replace(demo, data=demo.data / "elsewhere")
    assert "scripts/demo_data.py" in city(elsewhere).command


def test_your_own_catalogue_is_indexed_and_nothing_is_learned(demo, tmp_path):
    own = tmp_path / "shop.csv"
    own.write_text("id,title\n1,hotpot\n")
    yours = replace(demo, own=own)
    assert city(yours) is None
    assert index(yours).command[1:3] == ("reindex", str(own))
    assert learn(yours) is None
    assert "no model was trained" in greeting(yours, 8000)


def run_demo(*arguments: object) -> str:
    command = [sys.executable, "scripts/demo.py", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_catalogue_that_is_not_there_is_named(tmp_path):
    assert str(tmp_path / "shop.csv") in run_demo("--catalogue", tmp_path / "shop.csv")


def test_a_port_that_is_taken_is_said_before_any_work(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = run_demo("--data", tmp_path / "data", "--port", port)
    assert f"make demo PORT={port + 1}" in said
    assert not (tmp_path / "data").exists()
