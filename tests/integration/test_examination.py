"""A deep look reads everything to its end: what a quick one cannot see is found and named."""

import sqlite3
from contextlib import contextmanager
from dataclasses import replace

import orjson
import pytest
from typer.testing import CliRunner

from app.cli import app
from app.corpus import event_log, identity
from app.corpus.document_log import DocumentLog
from app.corpus.document_writes import Write
from app.corpus.event_log import EventLog
from app.corpus.identity import Identities
from app.corpus.impression_log import write_impressions
from app.domain.changes import Change, Op
from app.domain.events import Event
from app.domain.impressions import Impression
from app.offline.doctor import diagnose
from app.offline.examination import examine
from app.offline.progress import Silent
from app.offline.workplace import Workplace
from app.settings import Settings
from app.snapshot.artifact import replace_directory, seal
from tests.builders import NOW_MS, city_rows
from tests.builders.servers import publish_snapshot
from tests.builders.snapshots import CONFIG

EVENTS = 3_000
CHANGES = 500


@pytest.fixture
def place(tmp_path):
    """A workplace that has something of everything, all of it sound."""
    publish_snapshot(city_rows(20), tmp_path)
    older = tmp_path / "snapshots" / "20250101T000000Z-older"
    older.mkdir()
    (older / "part").write_bytes(b"sound")
    seal(older, "snapshot", {"id": older.name})
    events = EventLog.open(tmp_path / "events.db")
    events.append(
        Event(str(i), "impression", NOW_MS, "r", shown=("d1", "d2")) for i in range(EVENTS)
    )
    events.close()
    changes = DocumentLog.open(tmp_path)
    body = orjson.dumps({"id": "d1", "title": "x" * 500})
    changes.append([Write([Change(Op.PUT, "d1", body)] * CHANGES, NOW_MS)])
    changes.close()
    people = Identities.open(tmp_path)
    people.ensure(["user:u1"])
    people.close()
    write_impressions(tmp_path / "impressions", [Impression("r1", NOW_MS)])
    return Workplace(Settings.load(CONFIG, environment={}), tmp_path, tmp_path / "models")


def wrong(place):
    assert not [f for f in diagnose(place, 0, NOW_MS) if f.state == "wrong"], "seen at once"
    return [f for f in examine(place, Silent()) if f.state == "wrong"]


def alter(file, at=0.5):
    """Overwrite some bytes in the middle of a file."""
    held = bytearray(file.read_bytes())
    start = int(len(held) * at)
    held[start : start + 64] = b"\xff" * len(held[start : start + 64])
    file.write_bytes(held)


def told(file, statement):
    """Change what a database says, soundly."""
    with sqlite3.connect(file) as connection:
        connection.execute(statement)
    connection.close()


def test_what_is_sound_is_said_to_be_with_how_much_was_read(place):
    found = {f.what: f for f in examine(place, Silent())}
    assert {f.state for f in found.values()} == {"ok"}
    assert found["all snapshots"].detail.startswith("2 of 2 are")
    assert found["all events"].detail == f"{EVENTS:,} read"
    assert found["all changes"].detail == f"{CHANGES:,} read"
    assert found["all impressions"].detail.startswith("1 files")
    assert found["all people"].detail == "1 rows read"


@pytest.mark.parametrize(
    ("file", "what"), [("events.db", "all events"), ("documents.db", "all changes")]
)
def test_damage_in_the_middle_of_a_log_is_found_with_its_remedy(place, file, what):
    for left in (f"{file}-wal", f"{file}-shm"):
        assert not (place.data / left).exists()
    alter(place.data / file)
    (found,) = wrong(place)
    assert found.what == what
    assert found.detail.startswith(f"{file} is damaged")
    assert "backup" in found.detail


@pytest.mark.parametrize(
    ("file", "statement", "said"),
    [
        ("events.db", "UPDATE events SET shown = '[\"d1' WHERE seq = 1500", "event 1500: "),
        ("events.db", "UPDATE events SET shown = '\"d1\"' WHERE seq = 8", "event 8: shown is no"),
        ("events.db", "UPDATE events SET shown = '[1]' WHERE seq = 8", "event 8: shown is no"),
        ("events.db", "UPDATE events SET attributes = '[\"dwell_ms\"]' WHERE seq = 7",
         "event 7: attributes is no object"),
        ("events.db", "UPDATE events SET shown = CAST(x'ff' AS TEXT) WHERE seq = 9", "UTF-8"),
        ("documents.db", "DELETE FROM document_changes WHERE seq = 77", "change 77 of 500 is not"),
        ("documents.db", "DELETE FROM document_changes WHERE seq > 400", "change 401 of 500"),
        ("documents.db", "UPDATE document_changes SET body = x'7b' WHERE seq = 99", "change 99: "),
        ("documents.db", "UPDATE document_changes SET doc_id = 'd2' WHERE seq = 3", "of another"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_what_was_written_is_named(place, file, statement, said):
    told(place.data / file, statement)
    (found,) = wrong(place)
    assert said in found.detail
    assert "\n" not in found.detail


def test_a_damaged_snapshot_that_does_not_serve_is_not_to_be_gone_back_to(place):
    alter(place.data / "snapshots" / "20250101T000000Z-older" / "part")
    (found,) = wrong(place)
    assert found.what == "snapshot 20250101T000000Z-older"
    assert "sha256" in found.detail
    assert "do not go back" in found.remedy
    assert "training as of that time" in found.remedy
    (whole,) = (f for f in examine(place, Silent()) if f.what == "all snapshots")
    assert (whole.state, whole.detail) == ("note", "1 of 2 are as they were sealed")


def release(place, name):
    """A sealed directory among the releases of the model that serves."""
    made = place.stores.releases.root / name
    made.mkdir(parents=True)
    (made / "part").write_bytes(b"sound")
    seal(made, "release", {"id": name})
    return made


def test_a_damaged_release_that_an_experiment_ranks_by_is_not_to_be_deleted(place):
    for name in ("20250101T000000Z-shadow", "20250101T000000Z-tested", "20250101T000000Z-unused"):
        alter(release(place, name) / "part")
    shares = '{"20250101T000000Z-tested": 0.5, "gone": 0.1}'
    told = ['rank.shadow="20250101T000000Z-shadow"', f'experiments.e={{"releases": {shares}}}']
    there = replace(place, settings=Settings.load(CONFIG, told, environment={}))
    found = {f.what.rpartition("-")[2]: f.remedy for f in examine(there, Silent())}
    assert "delete" in found["unused"]
    assert "training" not in found["unused"]
    for name in ("shadow", "tested"):
        assert "name another" in found[name]
        assert "delete" not in found[name]


class Meanwhile(Silent):
    """Does something once, after the first file of tables."""

    def __init__(self, what):
        self.left = [what]

    @contextmanager
    def stage(self, name, total=None, unit="rows"):
        yield lambda _: self.left.pop()() if name == "all tables" and self.left else None


def test_tables_that_are_replaced_meanwhile_to_forget_somebody_are_not_damaged(place):
    def tables(folder, said):
        folder.mkdir(parents=True)
        for part in ("a", "b"):
            (folder / part).write_bytes(said)
        seal(folder, "tables", {"id": "20250101T000000Z-them", "said": said.decode()})
        return folder

    root = place.stores.tables.root
    held = tables(root / "20250101T000000Z-them", b"before")
    redacted = tables(root / ".building-redacted", b"after!")
    meanwhile = Meanwhile(lambda: replace_directory(redacted, held))
    assert not [f for f in examine(place, meanwhile) if f.state != "ok"]
    assert not meanwhile.left
    assert (held / "b").read_bytes() == b"after!"


def test_damaged_impressions_are_named_by_file(place):
    (file,) = (place.data / "impressions").glob("*/*.parquet")
    alter(file)
    (found,) = wrong(place)
    assert str(file) in found.detail


def test_a_log_that_was_trimmed_is_whole_from_there_on(place):
    log = DocumentLog.open(place.data)
    log.trim(100)
    assert log.examine(lambda _: None) == CHANGES - 100
    log.close()


def test_the_command_says_what_a_quick_look_left_out_and_fails_on_what_a_deep_one_finds(place):
    def doctor(*options):
        named = ["--data", str(place.data), "--models", str(place.models), "--config", str(CONFIG)]
        return CliRunner().invoke(app, ["doctor", *named, *options])

    alter(place.data / "snapshots" / "20250101T000000Z-older" / "part")
    quick, deep = doctor(), doctor("--deep")
    assert quick.exit_code == 0
    assert "duolu doctor --deep" in quick.output
    assert deep.exit_code == 1
    assert "FAIL  snapshot 20250101T000000Z-older" in deep.output
    assert "duolu doctor --deep" not in deep.output


def test_logs_on_a_server_are_read_some_rows_at_a_time(tmp_path, database_url, monkeypatch):
    for module in (event_log, identity):
        monkeypatch.setattr(module, "READ_BATCH", 2)
    events = EventLog.open(tmp_path / "events.db", database_url)
    events.append([Event(i, "impression", NOW_MS, "r", shown=("d1",)) for i in "123"])
    changes = DocumentLog.open(tmp_path, database_url)
    changes.append([Write([Change(Op.PUT, "d1", b'{"id": "d1", "title": "x"}')], NOW_MS)])
    people = Identities.open(tmp_path, database_url)
    people.ensure([f"user:{i}" for i in "1234"])
    people.forget(["user:4"], NOW_MS)
    read: list[int] = []
    assert [log.examine(read.append) for log in (events, changes, people)] == [3, 1, 4]
    assert read == [2, 1, 1, 2, 1, 1]
    for log in (events, changes, people):
        log.close()
