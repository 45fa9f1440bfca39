"""`duolu releases`, `publish` and `rollback`, and the same over HTTP, with a verdict in the way."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from app.snapshot.artifact import seal
from app.snapshot.opening import open_snapshot
from app.snapshot.store import ArtifactStore
from tests.builders import city_rows
from tests.builders.releases import make_release
from tests.builders.servers import SNAPSHOT_ID, gateway, publish_snapshot

GOOD, WORSE = "20260101T000001Z-good", "20260102T000000Z-worse"
REASON = "nDCG@10 against serving is -0.0400"


@pytest.fixture
def store(tmp_path):
    """One release that passed and serves, one that the gate kept back."""
    publish_snapshot(city_rows(60), tmp_path)
    snapshot = open_snapshot(tmp_path / "snapshots" / SNAPSHOT_ID)
    store = ArtifactStore(tmp_path / "models" / "lambdarank", "release")
    metrics = {"ranked": {"nDCG@10": [0.41, 0.38, 0.44]}}
    for release_id, reasons in ((GOOD, []), (WORSE, [REASON])):
        make_release(snapshot, store, release_id, "price")
        facts = {k: v for k, v in store.manifest(release_id).items() if k not in ("kind", "files")}
        verdict = {"passed": not reasons, "reasons": reasons, "baselines": []}
        seal(store.path(release_id), "release", {**facts, "gate": verdict, "metrics": metrics})
    store.publish(GOOD)
    return store


def duolu(store, *arguments):
    models = store.root.parent
    command = [sys.executable, "-m", "app.cli", *arguments]
    places = ["--data", str(models.parent), "--models", str(models)]
    return subprocess.run([*command, *places], capture_output=True, text=True, check=False)


def test_a_release_that_the_gate_kept_back_needs_force_and_history_says_so(store):
    refused = duolu(store, "publish", WORSE)
    assert refused.returncode == 3
    assert REASON in refused.stderr
    assert f"duolu publish {WORSE} --force" in refused.stderr
    assert store.current_id() == GOOD

    forced = duolu(store, "publish", WORSE, "--force")
    assert forced.returncode == 0, forced.stderr
    assert "forced past the gate" in forced.stdout
    assert store.current_id() == WORSE
    assert (store.root / "HISTORY").read_text() == f"{GOOD}\n{WORSE} forced past the gate\n"

    back = duolu(store, "rollback")
    assert back.returncode == 0
    assert store.current_id() == GOOD


def test_force_does_not_overrule_the_files(store):
    with (store.path(WORSE) / "model.txt").open("a") as model:
        model.write("x")
    refused = duolu(store, "publish", WORSE, "--force")
    assert refused.returncode == 1
    assert "model.txt" in refused.stderr
    assert store.current_id() == GOOD


def test_the_listing_says_who_serves_and_why_the_other_does_not(store):
    lines = duolu(store, "releases").stdout.splitlines()
    assert lines[0].startswith(f"* {GOOD}")
    assert "nDCG@10 0.4100  gate: passed" in lines[0]
    assert "gate: kept back" in lines[1]
    assert REASON in lines[2]
    told = json.loads(duolu(store, "releases", "--json").stdout)
    assert [(r["serves"], r["served"]) for r in told["releases"]] == [(True, True), (False, False)]
    assert told["releases"][1]["gate"]["reasons"] == [REASON]


def test_over_http_the_gate_holds_as_well(store, tmp_path):
    with gateway(tmp_path) as client:
        refused = client.post(f"/v1/releases/{WORSE}/activate")
        assert refused.status_code == 409
        assert refused.json()["type"].endswith("kept-back")
        assert REASON in refused.json()["detail"]
        forced = client.post(f"/v1/releases/{WORSE}/activate?force=true")
        assert forced.status_code == 200
    assert store.notes()[WORSE] == "forced past the gate"
