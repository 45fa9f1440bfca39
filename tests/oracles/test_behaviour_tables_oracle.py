"""The table builder against plain loops over events, and against events from the future."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.corpus.event_columns import EventColumns
from app.corpus.event_log import EventLog
from app.domain.events import Event
from app.offline.behaviour.build import build_tables, learn, tables_before
from app.offline.behaviour.config import TableConfig
from app.offline.behaviour.memory import QueryTerms
from app.offline.behaviour.people import identify
from app.offline.behaviour.publish import publish_tables, tables_store
from app.snapshot.artifact import verify
from app.snapshot.tables import (
    Learned,
    Memory,
    Neighbours,
    Tables,
)
from tests.builders import make_documents
from tests.builders.behaviour import state_of
from tests.oracles.naive_tables import ANALYZER, CONFIG, DAY, NOW, Naive, random_log

SEEDS = range(12)


def columns(events: Sequence[Event], tmp_path: Path) -> EventColumns:
    log = EventLog.open(tmp_path / f"{len(list(tmp_path.iterdir()))}.db")
    log.append(events)
    return EventColumns.load(log)


def learned(
    events: Sequence[Event], tmp_path: Path, config: TableConfig = CONFIG, as_of_ms: int = NOW
) -> Learned:
    read = columns(events, tmp_path)
    return learn(read, QueryTerms.of(read, ANALYZER, ("default",)), as_of_ms, config)


def listed(tables: Learned, entry: tuple[np.ndarray, np.ndarray]) -> list[tuple[str, float]]:
    return [(tables.documents.strings[int(o)], float(s)) for o, s in zip(*entry, strict=True)]


def best(scores: dict[str, float], keep: int) -> list[tuple[str, float]]:
    rounded = {d: float(np.float32(s)) for d, s in scores.items()}
    return sorted(rounded.items(), key=lambda one: (-one[1], one[0]))[:keep]


@pytest.mark.parametrize("seed", SEEDS)
def test_counters_are_those_of_plain_loops(seed: int, tmp_path: Path) -> None:
    tables, naive = learned(random_log(seed), tmp_path), Naive(random_log(seed), NOW, CONFIG)
    names = list(tables.documents.strings)
    assert names == sorted({d for counter in naive.counters.values() for d in counter})
    for name, counter in naive.counters.items():
        assert tables.counters[name].tolist() == [float(np.float32(counter[d])) for d in names]


@pytest.mark.parametrize("seed", SEEDS)
def test_memories_are_those_of_plain_loops(seed: int, tmp_path: Path) -> None:
    tables, naive = learned(random_log(seed), tmp_path), Naive(random_log(seed), NOW, CONFIG)

    def same(memory: Memory, expected: dict[str, dict[str, float]]) -> None:
        assert sorted(memory.texts.strings) == sorted(expected)
        for text, scores in expected.items():
            assert listed(tables, memory.find(text)) == best(scores, CONFIG.remembered)

    same(tables.queries, naive.queries)
    same(tables.terms, naive.terms)


@pytest.mark.parametrize("seed", SEEDS)
def test_histories_are_those_of_plain_loops(seed: int, tmp_path: Path) -> None:
    tables, naive = learned(random_log(seed), tmp_path), Naive(random_log(seed), NOW, CONFIG)
    h = tables.histories
    sizes = Counter(naive.group.values())
    alive = {a for a, person in naive.group.items() if person in naive.acted or sizes[person] > 1}
    assert set(h.aliases.strings) == alive
    for alias in alive:
        person = h.people[h.aliases.find(alias)]
        at = slice(h.documents.offsets[person], h.documents.offsets[person + 1])
        acted = naive.acted[naive.group[alias]]
        newest = list(reversed(acted.items()))[: CONFIG.history]
        got = [tables.documents.strings[int(o)] for o in h.documents.values[at]]
        assert got == [document for document, _ in newest]
        assert h.times_ms[at].tolist() == [time for _, (time, _) in newest]
        assert h.gains[at].tolist() == [gain for _, (_, gain) in newest]


@pytest.mark.parametrize("seed", SEEDS)
def test_neighbours_are_those_of_plain_loops(seed: int, tmp_path: Path) -> None:
    tables, naive = learned(random_log(seed), tmp_path), Naive(random_log(seed), NOW, CONFIG)
    expected = naive.neighbours()
    for ordinal, document in enumerate(tables.documents.strings):
        got = listed(tables, tables.neighbours.of(ordinal))
        assert dict(got) == pytest.approx(expected.get(document, {}), rel=1e-6)
        assert [score for _, score in got] == sorted((score for _, score in got), reverse=True)


def test_fewer_neighbours_are_the_first_of_more(tmp_path: Path) -> None:
    events = random_log(3)
    few = learned(events, tmp_path, replace(CONFIG, neighbours=2)).neighbours
    more = learned(events, tmp_path).neighbours
    for ordinal in range(len(few.others)):
        for a, b in zip(few.of(ordinal), more.of(ordinal), strict=True):
            assert a.tolist() == b[:2].tolist()


def digests(path: Path) -> dict[str, str]:
    files = sorted(p for p in path.rglob("*") if p.is_file())
    return {str(f.relative_to(path)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def written(
    events: Sequence[Event], tmp_path: Path, as_of_ms: int = NOW
) -> tuple[dict[str, str], dict[str, object]]:
    read = columns(events, tmp_path)
    out = tmp_path / f"tables{len(list(tmp_path.iterdir()))}"
    out.mkdir()
    facts = build_tables(read, out, as_of_ms, ANALYZER, config=CONFIG)
    return digests(out), facts


@pytest.mark.parametrize("seed", SEEDS)
def test_later_events_change_no_byte_of_the_tables(seed: int, tmp_path: Path) -> None:
    past = random_log(seed)
    cut = sorted(e.ts_ms for e in past)[len(past) // 2]
    known = [e for e in past if e.ts_ms < cut]
    future = [
        Event("z1", "click", cut, "r1", "2", "1", "d0", query="火锅 新词"),
        Event("z2", "link_identity", cut + 1, client_id="1", user_id="2"),
        Event("z3", "impression", cut + 1, "r2", query="aaa", user_id="0", shown=("a", "zz")),
    ]
    # Some of the later events arrived before the earlier ones: time decides, not arrival.
    with_future = [*future[:1], *known, *[e for e in past if e.ts_ms >= cut], *future[1:]]
    files, facts = written(known, tmp_path, cut)
    files_after, facts_after = written(with_future, tmp_path, cut)
    assert files == files_after
    for of_the_log in ("event_seq", "whole_seq", "events_after"):
        facts.pop(of_the_log), facts_after.pop(of_the_log)
    assert facts == facts_after


def test_the_same_log_gives_the_same_bytes(tmp_path: Path) -> None:
    assert written(random_log(5), tmp_path) == written(random_log(5), tmp_path)


def test_tables_of_no_events_are_empty_and_can_be_read(tmp_path: Path) -> None:
    tables = learned([], tmp_path)
    assert len(tables.documents) == 0
    assert tables.queries.find("火锅")[0].size == 0
    assert not written([], tmp_path)[1]["events"]


def test_cuts_of_one_reading_are_those_of_single_builds(tmp_path: Path) -> None:
    events = columns(random_log(1), tmp_path)
    queries = QueryTerms.of(events, ANALYZER, ("default",))
    for facts, tables in tables_before(events, queries, [NOW - 20 * DAY, NOW], CONFIG):
        alone = learn(events, queries, facts["as_of_ms"], CONFIG)
        assert tables.counters["gain"].tolist() == alone.counters["gain"].tolist()
        assert facts["event_seq"] <= events.seq.max()


def test_published_tables_open_on_the_rows_of_a_catalogue(tmp_path: Path) -> None:
    log = EventLog.open(tmp_path / "events.db")
    log.append(
        [
            Event("1", "link_identity", NOW - 9, client_id="phone", user_id="ann"),
            Event("2", "click", NOW - 8, "r", client_id="phone", object_id="d2", query="火锅"),
            Event("3", "click", NOW - 7, client_id="desk", user_id="ann", object_id="gone"),
            Event("4", "purchase", NOW - 6, client_id="desk", object_id="d1"),
        ]
    )
    tables_id = publish_tables(log, tmp_path, NOW, NOW, ANALYZER)
    store = tables_store(tmp_path)
    assert store.current_id() == tables_id
    manifest = verify(store.path(tables_id), "tables")
    assert manifest["event_seq"] == 4
    rows = [{"id": f"d{i}", "title": "x"} for i in range(4)]
    documents = make_documents(rows, tmp_path / "documents")
    tables = Tables.open(store.path(tables_id), manifest, documents)
    assert tables.counters["gain"].tolist() == [0, 3, 1, 0]
    assert tables.queries is not None
    assert tables.rows(*tables.queries.find("火锅"))[0].tolist() == [2]
    for user, client in (("ann", None), (None, "phone"), (None, "desk")):
        assert state_of(tables, user, client, documents, NOW).rows.tolist() == [1, 2]
    assert not state_of(tables, "phone", "ann", documents, NOW).is_known
    assert tables.neighbours is not None
    near, _ = tables.rows(*tables.neighbours.of(int(tables.ordinal_of[1])))
    assert near.tolist() == [2]
    in_memory = Tables.of(Learned.open(store.path(tables_id)), tables.manifest, documents)
    assert in_memory.counters["gain"].tolist() == [0, 3, 1, 0]


def test_an_unlinked_device_is_a_stranger_until_it_is_seen_with_its_user_again(
    tmp_path: Path,
) -> None:
    log = [
        Event("1", "link_identity", 1, client_id="phone", user_id="ann"),
        Event("2", "click", 2, client_id="phone", object_id="d1"),
        Event("3", "click", 3, user_id="ann", object_id="d2"),
    ]
    left = Event("4", "unlink_identity", 4, client_id="phone", user_id="ann")
    back = Event("5", "click", 5, client_id="phone", user_id="ann", object_id="d3")

    def persons(events: list[Event]) -> int:
        people = identify(columns(events, tmp_path))
        return len({*people.of_user.tolist(), *people.of_client.tolist()})

    assert persons(log) == 1
    assert persons([*log, left]) == 2
    assert persons([*log, left, back]) == 1


def test_neighbours_of_a_document_nobody_touched_are_none(tmp_path: Path) -> None:
    tables = learned([Event("1", "impression", 1, shown=("a", "b"))], tmp_path)
    assert isinstance(tables.neighbours, Neighbours)
    assert [tables.neighbours.of(i)[0].size for i in range(2)] == [0, 0]
