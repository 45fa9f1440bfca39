"""What may be deleted, and what names it still."""

import json
import time

import pytest
from typer.testing import CliRunner

from app.cli import app as cli
from app.corpus.impression_log import days, read_impressions, write_impressions
from app.domain.errors import InvalidInput
from app.domain.impressions import Impression
from app.offline.retention import (
    DAY_MS,
    Named,
    judge_releases,
    judge_snapshots,
    named_by,
    release_stores,
    remove,
    remove_old_snapshots,
)
from app.settings.kept import RetentionSettings
from app.snapshot.artifact import seal
from app.snapshot.store import ArtifactStore

NOW_MS = 1_760_000_000_000
OLD = NOW_MS - 90 * DAY_MS


def make(store, artifact_id, **facts):
    built = store.building(artifact_id)
    (built / "x").write_bytes(b"12345")
    seal(built, store.kind, facts)
    store.finish(built, artifact_id)


@pytest.fixture
def snapshots(tmp_path):
    store = ArtifactStore(tmp_path / "snapshots", "snapshot")
    for artifact_id in "abcdef":
        make(store, artifact_id)
    return store


def kept(judged):
    return {fate.id: fate.kept_because for fate in judged if fate.kept_because}


def impression(number, **versions):
    return Impression(f"r{number}", NOW_MS + number, **versions)


def test_the_newest_what_serves_and_what_served_lately_stay(snapshots):
    for artifact_id in "abca":
        snapshots.publish(artifact_id)
    reasons = kept(judge_snapshots(snapshots, 2, Named()))
    assert reasons.keys() == {"a", "c", "e", "f"}
    assert reasons["a"] == "serves"
    assert "newest" in reasons["f"]


def test_what_an_impression_names_stays_however_old(snapshots, tmp_path):
    write_impressions(tmp_path / "log", [impression(1, snapshot_id="b"), impression(2)])
    snapshots.publish("f")
    remove_old_snapshots(snapshots, 1, tmp_path / "log")
    assert snapshots.ids() == ["b", "f"]


def test_the_log_is_read_for_all_three_kinds(tmp_path):
    versions = {"snapshot_id": "s", "tables_id": "t", "release_id": "m"}
    write_impressions(tmp_path, [impression(1, **versions), impression(2, snapshot_id="s2")])
    named = named_by(tmp_path)
    assert (named.snapshots, named.tables, named.releases) == ({"s", "s2"}, {"t"}, {"m"})


def test_nothing_goes_while_a_file_of_the_log_cannot_be_read(snapshots, tmp_path):
    (file,) = write_impressions(tmp_path / "log", [impression(1, snapshot_id="b")])
    file.write_bytes(b"torn")
    with pytest.raises(InvalidInput, match="nothing was deleted"):
        remove_old_snapshots(snapshots, 1, tmp_path / "log")
    assert len(snapshots.ids()) == 6


def test_a_young_release_stays_and_so_does_the_one_that_it_reads(tmp_path):
    ranker, ctr = (ArtifactStore(tmp_path / name, "release") for name in ("ranker", "ctr"))
    for number in range(4):
        make(ranker, f"r{number}", built_at_ms=OLD, uses={"ctr": f"c{number}"})
        make(ctr, f"c{number}", built_at_ms=OLD)
    make(ctr, "c9", built_at_ms=NOW_MS - DAY_MS)
    rules = RetentionSettings(releases=2)
    named = Named(releases=frozenset({"r0"}))
    judged = judge_releases(release_stores(tmp_path), rules, named, NOW_MS)
    assert kept(judged).keys() == {"r0", "r2", "r3", "c0", "c2", "c3", "c9"}
    assert kept(judged)["c0"] == "a feature of release r0"


def test_only_what_has_no_reason_to_stay_is_removed(snapshots):
    judged = judge_snapshots(snapshots, 4, Named(frozenset({"a"})))
    assert [fate.bytes for fate in judged] == [5] * 6
    remove(judged)
    assert snapshots.ids() == ["a", "c", "d", "e", "f"]


def test_gc_deletes_expired_days_and_what_only_they_name(snapshots, tmp_path):
    now_ms = time.time_ns() // 1_000_000
    log = tmp_path / "impressions"
    for age, name in ((200, "a"), (5, "b")):
        write_impressions(log, [Impression(name, now_ms - age * DAY_MS, snapshot_id=name)])
    snapshots.publish("f")
    place = ["--data", str(tmp_path), "--models", str(tmp_path / "models"), "--json"]
    would = json.loads(CliRunner().invoke(cli, ["gc", "--dry-run", *place]).stdout)
    assert len(days(log)) == 2
    done = json.loads(CliRunner().invoke(cli, ["gc", *place]).stdout)
    assert (done["days"], done["artifacts"]) == (would["days"], would["artifacts"])
    assert [i.snapshot_id for i in read_impressions(log)] == ["b"]
    assert snapshots.ids() == ["b", "d", "e", "f"]
