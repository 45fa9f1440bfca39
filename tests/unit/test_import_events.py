"""Files of events and sessions: good lines arrive once, bad ones are told with line and reason."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from app.corpus.event_log import EventLog
from app.corpus.ubi import event_from_json
from app.domain.errors import InvalidInput
from app.domain.events import Event
from app.offline.import_events import import_events, import_sessions
from app.offline.sessions import read_sessions

NOW_MS = 1_760_000_000_000
CLICK = {
    "action_name": "click",
    "timestamp": NOW_MS,
    "query_id": "r1",
    "client_id": "phone",
    "user_id": "ann",
    "event_attributes": {"object": {"object_id": "d1"}, "position": {"ordinal": 3}},
}
SESSION = {"request_id": "r1", "ts": NOW_MS, "query": "火锅", "shown": ["a", "b"], "clicked": ["b"]}


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    return EventLog.open(tmp_path / "events.db")


def written(path: Path, *lines: Any) -> str:
    texts = (one if isinstance(one, bytes) else json.dumps(one).encode() for one in lines)
    path.write_bytes(b"".join(text + b"\n" for text in texts))
    return str(path)


def test_an_event_in_the_ubi_shape_is_read(log: EventLog, tmp_path: Path) -> None:
    import_events([written(tmp_path / "e.jsonl", CLICK)], log, list, NOW_MS)
    (event,) = log.read()
    assert event == Event(
        event.event_id, "click", NOW_MS, "r1", "phone", "ann", object_id="d1", position=3
    )


def test_importing_twice_is_importing_once(log: EventLog, tmp_path: Path) -> None:
    events = written(tmp_path / "e.jsonl", CLICK, {**CLICK, "timestamp": NOW_MS + 1})
    sessions = written(tmp_path / "s.jsonl", SESSION)
    assert import_events([events], log, list, NOW_MS).accepted == 2
    assert import_sessions([sessions], log, list, NOW_MS).accepted == 2
    again = import_events([events], log, list, NOW_MS)
    assert (again.accepted, again.duplicates) == (0, 2)
    assert import_sessions([sessions], log, list, NOW_MS).duplicates == 2
    assert len(list(log.read())) == 4


def test_an_id_made_from_the_content_ignores_the_order_of_keys() -> None:
    turned = dict(reversed(CLICK.items()))
    assert event_from_json(turned, NOW_MS) == event_from_json(CLICK, NOW_MS)


def test_bad_lines_are_told_and_the_rest_is_imported(log: EventLog, tmp_path: Path) -> None:
    errors = tmp_path / "out" / "errors.jsonl"
    file = written(
        tmp_path / "e.jsonl", CLICK, b'{"action_name": "cl', b"\xff\xfe", b"[1]", b'{"a": NaN}',
        {**CLICK, "timestamp": "yesterday"}, {**CLICK, "event_attributes": {}}, b"",
        {**CLICK, "query_id": "r2"},
    )  # fmt: skip
    seen: list[int] = []
    result = import_events([file], log, list, NOW_MS, seen.append, errors)
    assert (result.lines, result.accepted, result.refused) == (8, 2, 6)
    assert sum(seen) == 8
    told = [json.loads(line) for line in errors.read_text().splitlines()]
    assert [(t["file"], t["line"]) for t in told] == [(file, n) for n in (2, 3, 4, 5, 6, 7)]
    assert result.first_refused[3] == f"{file}:5: {told[3]['reason']}"
    assert "object_id is missing" in told[5]["reason"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"timestamp": NOW_MS + 86_400_001}, "more than a day in the future"),
        ({"timestamp": -1}, "before 1970"),
        ({"timestamp": "2026-01-01T00:00:00"}, "no time zone"),
        ({"timestamp": True}, "RFC 3339"),
        ({"timestamp": 1.5}, "RFC 3339"),
        ({"action_name": None}, "action_name is missing"),
        ({"action_name": "a" * 101}, "at most 100 characters"),
        ({"user_id": ["ann"]}, "write a string"),
        ({"client_id": "a\0b"}, "none of them 0"),
        ({"event_attributes": "none"}, "write a JSON object"),
        ({"event_attributes": {"position": {"ordinal": 0}}}, "from 1"),
        ({"event_attributes": {"location": {"lat": 91, "lon": 0}}}, "lat = 91"),
        ({"event_attributes": {"location": {"lat": 9}}}, "both or none"),
        ({"event_attributes": {"shown": "d1"}}, "list of at most"),
        ({"event_attributes": {"positions_known": 1}}, "true or false"),
    ],
)
def test_what_cannot_be_read_is_refused_with_field_and_remedy(
    change: dict[str, Any], told: str
) -> None:
    with pytest.raises(InvalidInput, match=told):
        event_from_json({**CLICK, **change}, NOW_MS)


@pytest.mark.parametrize(
    ("timestamp", "ts_ms"),
    [
        ("2018-11-13T20:20:39Z", 1_542_140_439_000),
        ("2018-11-13T20:20:39+00:00", 1_542_140_439_000),
        ("2018-11-13T22:20:39.123456+02:00", 1_542_140_439_123),
        (NOW_MS + 86_400_000, NOW_MS + 86_400_000),
        (1e12, 10**12),
    ],
)
def test_times_are_rfc_3339_or_epoch_ms(timestamp: str | float, ts_ms: int) -> None:
    assert event_from_json({**CLICK, "timestamp": timestamp}, NOW_MS).ts_ms == ts_ms


def test_whole_numbers_are_ids_and_both_spellings_of_ordinal_are_read() -> None:
    attributes = {"object": {"object_id": 123}, "position": {"ordinal": {"index": 7}}}
    event = event_from_json({**CLICK, "event_attributes": attributes}, NOW_MS)
    assert (event.object_id, event.position) == ("123", 7)


def test_a_list_impression_and_unknown_keys_are_kept() -> None:
    raw = {
        "action_name": "impression",
        "timestamp": NOW_MS,
        "application": "shop",
        "event_attributes": {"shown": ["a", "b"], "positions_known": False, "query": "q", "x": 1},
    }
    event = event_from_json(raw, NOW_MS)
    assert (event.shown, event.positions_known, event.query) == (("a", "b"), False, "q")
    assert event.attributes == {"x": 1, "": {"application": "shop"}}


def test_a_session_becomes_an_impression_and_its_actions(log: EventLog, tmp_path: Path) -> None:
    raw = {**SESSION, "purchased": ["a"], "user_id": "ann", "lat": 31.5, "lon": 121.5}
    file = tmp_path / "s.jsonl.gz"
    file.write_bytes(gzip.compress(json.dumps(raw).encode()))
    import_sessions([str(file)], log, list, NOW_MS)
    impression, click, purchase = log.read()
    assert (impression.action_name, impression.shown) == ("impression", ("a", "b"))
    assert (click.action_name, click.object_id, click.position) == ("click", "b", 2)
    assert (purchase.action_name, purchase.object_id, purchase.position) == ("purchase", "a", 1)
    assert {e.query_id for e in (impression, click, purchase)} == {"r1"}
    assert {e.lat for e in (impression, click, purchase)} == {31.5}


def test_reading_sessions_names_file_and_line_of_a_bad_one(tmp_path: Path) -> None:
    file = written(tmp_path / "s.jsonl", SESSION, {**SESSION, "shown": []})
    with pytest.raises(InvalidInput, match=r"s\.jsonl:2: shown is missing or empty"):
        list(read_sessions([file], NOW_MS))


def test_a_file_that_is_missing_or_of_another_kind_is_refused(
    log: EventLog, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput, match="no file at"):
        import_events([str(tmp_path / "none.jsonl")], log, list, NOW_MS)
    table = tmp_path / "e.csv"
    table.write_text("id,title\n1,a\n")
    with pytest.raises(InvalidInput, match="is no JSONL"):
        import_events([str(table)], log, list, NOW_MS)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"dwell_ms": {"a": -1}}, "write milliseconds"),
        ({"dwell_ms": [3]}, "an object of id: milliseconds"),
        ({"offset": -1}, "offset = -1"),
        ({"offset": 1.5}, "offset = 1.5"),
        ({"is_random": "yes"}, "is_random = 'yes'"),
    ],
)
def test_a_session_of_wrong_facts_names_them(
    tmp_path: Path, wrong: dict[str, Any], said: str
) -> None:
    path = written(tmp_path / "s.jsonl", {**SESSION, **wrong})
    with pytest.raises(InvalidInput, match=said):
        list(read_sessions([path], NOW_MS))
