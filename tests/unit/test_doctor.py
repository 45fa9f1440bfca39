"""What the doctor says of the tables: what was counted, and what was left out and why."""

from pathlib import Path

import pytest

from app.corpus.event_log import EventLog
from app.domain.events import Event
from app.offline.doctor import diagnose
from app.offline.workflow import refresh_tables
from app.offline.workplace import Workplace
from app.settings import Settings
from app.snapshot.opening import open_snapshot
from app.snapshot.store import ArtifactStore
from tests.builders import NOW_MS, city_rows
from tests.builders.releases import make_release
from tests.builders.servers import SNAPSHOT_ID, publish_snapshot
from tests.builders.snapshots import CONFIG

EVENTS = (
    Event("0", "impression", NOW_MS - 9, "r", shown=("d0", "d1", "gone")),
    Event("1", "click", NOW_MS - 8, "r", object_id="d1"),
    Event("2", "click", NOW_MS - 7, "r", object_id="d1"),
    Event("3", "click", NOW_MS - 6, "r", object_id="d2"),
    Event("3", "click", NOW_MS - 5, "r", object_id="d0"),  # the same id: never counted
    Event("4", "impression", NOW_MS - 4, "r", shown=("d1", "d3")),
    Event("5", "click", NOW_MS + 60_000, "r", object_id="d0"),
)


def test_the_doctor_says_what_the_counters_left_out(tmp_path):
    publish_snapshot(city_rows(20), tmp_path)
    settings = Settings.load(Path("config/search.toml"), environment={})
    place = Workplace(settings, tmp_path, tmp_path / "models")
    log = EventLog.open(place.events_file)
    log.append(EVENTS)
    log.close()
    refresh_tables(place, place.snapshot(), NOW_MS)
    (tables,) = (f for f in diagnose(place, 0, NOW_MS) if f.what == "tables")
    assert tables.state == "ok"
    assert tables.detail.split("; ")[1:] == [
        "4 impressions with 1 clicks",
        "1 impressions of what the request had shown before",
        "1 further clicks on what was clicked before",
        "1 clicks on what the request had not shown",
        "1 events after the tables' moment",
        "1 documents that the catalogue lacks",
    ]


def test_releases_that_experiments_and_the_shadow_name_are_checked_as_well(tmp_path):
    publish_snapshot(city_rows(20), tmp_path)
    snapshot = open_snapshot(tmp_path / "snapshots" / SNAPSHOT_ID)
    store = ArtifactStore(tmp_path / "models" / "other", "release")
    make_release(snapshot, store, "20260101T000001Z-other", "price")
    arms = 'experiments.one={"releases": {"other/20260101T000001Z-other": 0.5, "current": 0.1}}'
    settings = Settings.load(CONFIG, (arms, "rank.shadow=nobody"), environment={})
    found = {f.what: f for f in diagnose(Workplace(settings, tmp_path, tmp_path / "models"), 0, 1)}
    assert found["release other/20260101T000001Z-other"].state == "ok"
    assert found["release nobody"].state == "wrong"
    assert "unknown release" in found["release nobody"].detail


def test_a_rule_that_the_catalogue_does_not_fit_is_found(tmp_path):
    publish_snapshot(city_rows(20), tmp_path)
    rule = 'rules=[{"name": "red", "action": "bury", "documents": {"colour": "red"}}]'
    settings = Settings.load(CONFIG, (rule,), environment={})
    found = {f.what: f for f in diagnose(Workplace(settings, tmp_path, tmp_path / "models"), 0, 1)}
    assert found["rules"].state == "wrong"
    assert "rule 'red': documents.colour" in found["rules"].detail


@pytest.mark.parametrize("file", ["events.db", "documents.db", "identity.db"])
def test_a_damaged_log_is_found_and_named_with_its_remedy(tmp_path, file):
    publish_snapshot(city_rows(20), tmp_path)
    place = Workplace(Settings.load(CONFIG, environment={}), tmp_path, tmp_path / "models")
    assert not [f for f in diagnose(place, 0, NOW_MS) if f.state == "wrong"]
    (tmp_path / file).write_bytes(b"once a database" * 300)
    (wrong,) = (f for f in diagnose(place, 0, NOW_MS) if f.state == "wrong")
    assert wrong.what == {"identity.db": "people"}.get(file, file.removesuffix(".db"))
    assert wrong.detail.startswith(f"{file} is damaged")
    assert "backup" in wrong.detail
