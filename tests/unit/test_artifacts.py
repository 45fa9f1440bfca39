"""Artifacts: sealed, verified, published by one rename, rolled back by another."""

import orjson
import pytest

from app.domain.errors import CorruptArtifact, InvalidInput, NothingServes, UnknownName
from app.snapshot.artifact import MANIFEST, UNSEALED, read_manifest, seal, verify
from app.snapshot.store import ArtifactStore, new_id


def make(store, artifact_id, content=b"columns"):
    built = store.building(artifact_id)
    (built / "part").mkdir()
    (built / "part" / "a.npy").write_bytes(content)
    seal(built, store.kind, {"id": artifact_id})
    return store.finish(built, artifact_id)


@pytest.fixture
def store(tmp_path):
    return ArtifactStore(tmp_path / "snapshots", "snapshot")


def test_a_sealed_directory_verifies_and_keeps_its_facts(store):
    assert verify(make(store, "one"), "snapshot")["id"] == "one"


@pytest.mark.parametrize("damage", ["flip", "cut", "grow", "remove", "add", "manifest"])
def test_every_change_is_refused_with_the_files_name(store, damage):
    path = make(store, "one")
    file = path / "part" / "a.npy"
    if damage == "flip":
        file.write_bytes(b"colunms")
    elif damage == "cut":
        file.write_bytes(b"col")
    elif damage == "grow":
        file.write_bytes(b"columns!")
    elif damage == "remove":
        file.unlink()
    elif damage == "add":
        file = path / "stranger.bin"
        file.write_bytes(b"")
    else:
        file = path / MANIFEST
        file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(CorruptArtifact, match=file.name):
        verify(path, "snapshot")


def test_no_byte_of_a_manifest_can_change(store):
    file = make(store, "one") / MANIFEST
    whole = file.read_bytes()
    for at in range(len(whole)):
        for change in (1, 0x20, 0x80):
            file.write_bytes(whole[:at] + bytes([whole[at] ^ change]) + whole[at + 1 :])
            with pytest.raises(CorruptArtifact, match=MANIFEST):
                read_manifest(file.parent, "snapshot")
        file.write_bytes(whole[:at])
        with pytest.raises(CorruptArtifact, match=MANIFEST):
            read_manifest(file.parent, "snapshot")
    file.write_bytes(whole)
    assert "seal" not in read_manifest(file.parent, "snapshot")


def test_a_manifest_of_before_seals_is_read(store):
    path = make(store, "one")
    manifest = read_manifest(path, "snapshot") | {"format": UNSEALED}
    (path / MANIFEST).write_bytes(orjson.dumps(manifest))
    assert verify(path, "snapshot")["id"] == "one"


def test_tables_are_not_a_snapshot(store):
    path = make(store, "one")
    with pytest.raises(CorruptArtifact, match="wanted 'tables'"):
        verify(path, "tables")


def test_publishing_and_rolling_back_follow_history_not_time(store):
    for artifact_id in ("a", "b", "c"):
        make(store, artifact_id)
    for artifact_id in ("a", "c", "b"):
        store.publish(artifact_id)
    assert store.current_id() == "b"
    assert store.rollback() == "c"
    assert store.rollback() == "a"
    with pytest.raises(InvalidInput, match="no earlier"):
        store.rollback()
    assert store.rollback("b") == "b"


def test_nothing_published_says_what_to_run(store):
    with pytest.raises(NothingServes, match="duolu reindex"):
        store.require_current()


def test_an_unknown_id_names_those_there_are(store):
    make(store, "a")
    with pytest.raises(UnknownName, match=r"newest under .*: a"):
        store.publish("z")


def test_what_an_interrupted_build_left_is_never_listed_and_goes(store):
    (store.building("half") / "x").write_bytes(b"x")
    assert store.ids() == []
    make(store, "whole")
    assert [p.name for p in store.root.iterdir()] == ["whole"]


def test_ids_sort_by_time():
    ids = [new_id(ms) for ms in (1_600_000_000_000, 1_700_000_000_000, 1_800_000_000_000)]
    assert ids == sorted(ids)
    assert ids[0].startswith("20200913T122640Z-")


def test_a_note_stays_with_the_id_that_it_was_made_for(tmp_path):
    store = ArtifactStore(tmp_path, "release")
    for artifact_id in "ab":
        seal(store.building(artifact_id), "release", {})
        store.finish(tmp_path / f".building-{artifact_id}", artifact_id)
    store.publish("a", "forced\nby hand")
    store.publish("b")
    assert store.notes() == {"a": "forced by hand", "b": ""}
    store.rollback("a")
    assert store.history() == ["b", "a"]
    assert store.notes()["a"] == "forced by hand"
