"""What the doctor says of the tables: what was counted, and what was left out and why."""

from pathlib import Path

from app.corpus.event_log import EventLog
from app.domain.events import Event
from app.offline.doctor import diagnose
from app.offline.workflow import refresh_tables
from app.offline.workplace import Workplace
from app.settings import Settings
from tests.builders import NOW_MS, city_rows
from tests.builders.servers import publish_snapshot

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
