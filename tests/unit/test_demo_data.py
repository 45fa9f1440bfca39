"""The synthetic city: its files keep the promised formats, and equal options repeat them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import opencc
import pytest
from typer.testing import CliRunner

from app.domain.errors import InvalidInput
from app.offline.demo.city import CENTRE, distance_km
from app.offline.demo.coinage import coin
from app.offline.demo.files import NAMES as FILES
from app.offline.demo.generate import DemoOptions, write_demo

SMALL = DemoOptions(documents=1_500, users=80, sessions=1_500, queries=60, days=10)


def silent(stage, done, total):
    """Watch nothing."""


def lines(path: Path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo")
    write_demo(SMALL, out, silent)
    return out


@pytest.fixture(scope="module")
def catalogue(demo):
    return lines(demo / "catalog.jsonl")


@pytest.fixture(scope="module")
def sessions(demo):
    return lines(demo / "sessions.jsonl")


def test_every_file_has_as_many_lines_as_asked_for(demo, catalogue, sessions):
    assert len(catalogue) == SMALL.documents
    assert len(sessions) == SMALL.sessions
    assert len(lines(demo / "queries.jsonl")) == SMALL.queries
    assert sorted(p.name for p in demo.iterdir()) == sorted((*FILES, "README.txt"))


def test_equal_options_give_equal_bytes(demo, tmp_path):
    write_demo(SMALL, tmp_path, silent)
    for name in (*FILES, "README.txt"):
        assert (tmp_path / name).read_bytes() == (demo / name).read_bytes(), name


def test_another_seed_gives_another_city(demo, tmp_path):
    few = DemoOptions(documents=1_500, users=80, sessions=50, queries=5, days=10, seed=8)
    write_demo(few, tmp_path, silent)
    for name in FILES:
        assert (tmp_path / name).read_bytes() != (demo / name).read_bytes(), name


def test_catalogue_rows_have_the_documented_fields_and_types(catalogue):
    for row in catalogue:
        assert row["id"]
        assert row["title"]
        assert isinstance(row["text"], str)
        assert isinstance(row["category"], str)
        assert all(isinstance(tag, str) for tag in row.get("tags", []))
        assert row.get("price", 1) > 0
        assert 1 <= row.get("rating", 1) <= 5
        assert isinstance(row["popularity"], int)
        assert isinstance(row["in_stock"], bool)
        if "published_at" in row:
            assert datetime.fromisoformat(row["published_at"]) <= SMALL.until


def test_ids_are_unique(catalogue, sessions, demo):
    events = lines(demo / "events.jsonl")
    queries = lines(demo / "queries.jsonl")
    for rows, key in (
        (catalogue, "id"),
        (sessions, "request_id"),
        (events, "event_id"),
        (queries, "qid"),
    ):
        assert len({row[key] for row in rows}) == len(rows), key


def test_places_lie_in_the_city_and_products_lie_nowhere(catalogue):
    places = [row for row in catalogue if row["id"].startswith("p")]
    assert 0.5 < len(places) / len(catalogue) < 0.9
    for row in places:
        here = np.array([row["lat"]]), np.array([row["lon"]])
        assert distance_km(*here, np.array([CENTRE[0]]), np.array([CENTRE[1]]))[0] < 30
        assert row["district"]
    assert not any("lat" in row or "lon" in row for row in catalogue if row["id"].startswith("g"))


def test_names_are_chinese_mostly_some_english_some_both(catalogue):
    han = np.array([bool(re.search(r"[一-鿿]", row["title"])) for row in catalogue])
    # Three letters in a row: a model code such as "X3 Pro" does not make a name English.
    latin = np.array([bool(re.search(r"[A-Z][a-z]{4,}", row["title"])) for row in catalogue])
    assert (han & ~latin).mean() > 0.5
    assert (~han & latin).mean() > 0.04
    assert (han & latin).mean() > 0.1


def test_chains_have_branches_and_names_repeat_but_not_all(catalogue):
    brands = [row["brand"] for row in catalogue if row["id"].startswith("p") and "brand" in row]
    assert 10 < len(set(brands)) < len(brands) / 1.5
    assert len({row["category"] for row in catalogue}) >= 30


def test_coined_words_are_distinct_in_both_languages():
    coins = coin(30_000, seed=1)
    assert len(set(coins.zh)) == len(set(coins.en)) == len(coins) == 30_000


def test_hard_writings_are_there(catalogue):
    titles = "".join(row["title"] for row in catalogue)
    assert re.search(r"[Ａ-Ｚａ-ｚ（０-９]", titles)
    assert any(ord(char) > 0x1F000 for char in titles), "emoji"
    assert opencc.OpenCC("t2s").convert(titles) != titles, "traditional characters"
    assert any("price" not in row for row in catalogue)
    assert any(len(row["text"]) > 500 for row in catalogue)


def test_sessions_show_ten_known_documents_and_click_among_them(catalogue, sessions):
    known = {row["id"] for row in catalogue}
    for row in sessions:
        assert len(set(row["shown"])) == 10
        assert known.issuperset(row["shown"])
        assert set(row["clicked"]) <= set(row["shown"])
        assert set(row.get("purchased", [])) <= set(row["clicked"])
        assert "user_id" in row or "client_id" in row
        assert ("lat" in row) == ("lon" in row)


def test_sessions_come_in_order_of_time_before_the_end(sessions):
    moments = [row["ts"] for row in sessions]
    end = SMALL.until_ms
    assert moments == sorted(moments)
    assert end - SMALL.days * 86_400_000 <= moments[0] <= moments[-1] < end


def test_everything_says_that_it_is_synthetic(demo, sessions):
    assert all(row["request_id"].startswith("synthetic-") for row in sessions)
    assert "synthetic" in (demo / "README.txt").read_text("utf-8")


def test_some_browse_some_type_english_some_ask_for_nearby(sessions):
    typed = [row["query"] for row in sessions]
    assert 0.02 < typed.count("") / len(typed) < 0.12
    assert any("附近" in text for text in typed)
    assert any(text.endswith("near me") for text in typed)
    heads = len(set(typed)) / len(typed)
    assert 0.2 < heads < 0.9


def test_links_join_phone_and_desktop_of_people_in_the_sessions(demo, sessions):
    events = lines(demo / "events.jsonl")
    assert {e["action_name"] for e in events} == {"link_identity"}
    by_user: dict[str, set[str]] = {}
    for event in events:
        by_user.setdefault(event["user_id"], set()).add(event["client_id"].split("-")[0])
    assert all(devices == {"phone", "desktop"} for devices in by_user.values())
    linked = {e["client_id"] for e in events}
    unsigned = {row["client_id"] for row in sessions if "user_id" not in row}
    assert unsigned & linked
    assert unsigned - linked, "somebody stays anonymous"


def test_held_out_queries_come_after_the_sessions_and_are_graded(demo, catalogue, sessions):
    queries = lines(demo / "queries.jsonl")
    known = {row["id"] for row in catalogue}
    assert min(q["now_ms"] for q in queries) > sessions[-1]["ts"]
    graded = [line.split(" ") for line in (demo / "qrels.txt").read_text().splitlines()]
    assert {qid for qid, *_ in graded} <= {q["qid"] for q in queries}
    assert {grade for *_, grade in graded} == {"0", "1", "2", "3"}
    assert known.issuperset(doc for _, _, doc, _ in graded)
    assert len({(qid, doc) for qid, _, doc, _ in graded}) == len(graded)


def test_people_come_back_to_what_they_clicked(sessions):
    """A user's clicks repeat more than the same clicks dealt out to random users."""
    pairs = [(r["user_id"], doc) for r in sessions if "user_id" in r for doc in r["clicked"]]
    users = [user for user, _ in pairs]
    dealt = np.random.default_rng(0).permutation(users).tolist()
    repeats = len(pairs) - len(set(pairs))
    by_chance = len(pairs) - len(set(zip(dealt, (doc for _, doc in pairs), strict=True)))
    assert repeats > 1.5 * by_chance > 0


def test_without_sessions_and_queries_only_the_catalogue_is_written(tmp_path):
    write_demo(DemoOptions(documents=100, sessions=0, queries=0), tmp_path, silent)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["README.txt", "catalog.jsonl"]


def test_an_interrupted_run_leaves_no_catalogue_that_looks_finished(tmp_path):
    def stop(stage, done, total):
        if stage == "sessions":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_demo(SMALL, tmp_path, stop)
    assert not (tmp_path / "catalog.jsonl").exists()
    assert not (tmp_path / "sessions.jsonl").exists()


def test_a_second_run_leaves_nothing_of_the_first(tmp_path):
    some = DemoOptions(documents=100, users=5, sessions=10, queries=2)
    write_demo(some, tmp_path, silent)
    write_demo(DemoOptions(documents=100, sessions=0, queries=0), tmp_path, silent)
    assert not (tmp_path / "sessions.jsonl").exists()
    assert not (tmp_path / "qrels.txt").exists()


def test_a_directory_with_other_data_is_left_alone(tmp_path):
    (tmp_path / "catalog.jsonl").write_text("mine")
    with pytest.raises(InvalidInput, match="no demo data"):
        write_demo(SMALL, tmp_path, silent)
    assert (tmp_path / "catalog.jsonl").read_text() == "mine"


@pytest.mark.parametrize("wrong", [{"documents": 99}, {"users": 0}, {"days": 0}, {"seed": -1}])
def test_impossible_sizes_are_refused_with_name_value_and_limit(wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(InvalidInput, match=f"{name} is {value}; give at least"):
        DemoOptions(**wrong)


def test_an_end_without_time_zone_is_refused():
    with pytest.raises(InvalidInput, match="time zone"):
        DemoOptions(until=datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None))


def test_the_script_writes_and_says_that_it_is_synthetic(tmp_path):
    import typer

    from scripts.demo_data import main

    app = typer.Typer()
    app.command()(main)
    size = ["--documents", "100", "--users", "5", "--sessions", "20", "--queries", "2"]
    done = CliRunner().invoke(app, ["--out", str(tmp_path), *size])
    assert done.exit_code == 0, done.output
    assert "SYNTHETIC" in done.output
    assert len(lines(tmp_path / "sessions.jsonl")) == 20
    refused = CliRunner().invoke(app, ["--out", str(tmp_path), "--documents", "3"])
    assert refused.exit_code == 2
    assert "documents is 3" in refused.output
