"""A deep look reads everything to its end: what a quick one cannot see is found and named."""

import sqlite3

import orjson
import pytest
from typer.testing import CliRunner

from app.cli import app
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
from app.snapshot.artifact import seal
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
    assert found["all snapshots"].detail.startswith("2 of 2 read")
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
        ("events.db", "UPDATE events SET shown = CAST(x'ff' AS TEXT) WHERE seq = 9", "UTF-8"),
        ("documents.db", "DELETE FROM document_changes WHERE seq = 77", "change 77 of 500 is not"),
        ("documents.db", "DELETE FROM document_changes WHERE seq > 400", "change 401 of 500"),
        ("documents.db", "UPDATE document_changes SET body = x'7b' WHERE seq = 99", "change 99: "),
        ("documents.db", "UPDATE document_changes SET doc_id = 'd2' WHERE seq = 3", "of another"),
    ],
)
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


def test_logs_on_a_server_are_read_row_by_row(tmp_path, database_url):
    events = EventLog.open(tmp_path / "events.db", database_url)
    events.append([Event("1", "impression", NOW_MS, "r", shown=("d1",))])
    changes = DocumentLog.open(tmp_path, database_url)
    changes.append([Write([Change(Op.PUT, "d1", b'{"id": "d1", "title": "x"}')], NOW_MS)])
    people = Identities.open(tmp_path, database_url)
    people.ensure(["user:u1", "user:u2"])
    read: list[int] = []
    assert (events.examine(read.append), changes.examine(read.append)) == (1, 1)
    assert (people.examine(), read) == (2, [1, 1])
    for log in (events, changes, people):
        log.close()
