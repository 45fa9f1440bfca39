"""Adapters read the published formats and divide by question and by time, never by row."""

import gzip
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.corpus.ubi import event_from_json
from app.domain.errors import InvalidInput, UnknownName
from app.offline.datasets import ADAPTERS, Dataset, convert
from app.offline.split import split_by_text, split_by_time, text_fold
from app.offline.trec import Topic, read_qrels, read_queries

SECOND = 1_000
NOW_MS = 1_900_000_000_000


def put(path, text):
    """Write a file as it is published, packed where its name says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())


def put_rows(path, rows):
    put(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def rows_of(path):
    raw = path.read_bytes()
    text = gzip.decompress(raw) if path.suffix == ".gz" else raw
    return [json.loads(line) for line in text.splitlines()]


def put_judged(folder, texts, ids=("862", "8844")):
    put_rows(folder / "catalog.jsonl.gz", [{"id": i, "title": f"film {i}"} for i in ids])
    put_rows(
        folder / "queries.jsonl.gz", [{"qid": f"q{n}", "text": t} for n, t in enumerate(texts)]
    )
    put(folder / "qrels.txt.gz", "".join(f"q{n} 0 {ids[0]} 1\n" for n in range(len(texts))))


def put_ratings(root, ratings, links=(("1", "862"), ("2", "8844"), ("3", "999"), ("4", ""))):
    folder = root / "ml_latest_small"
    lines = [f"{movie},0,{tmdb}" for movie, tmdb in links]
    put(folder / "links.csv.gz", "\n".join(["movieId,imdbId,tmdbId", *lines, ""]))
    lines = [",".join(map(str, rating)) for rating in ratings]
    put(folder / "ratings.csv.gz", "\r\n".join(["userId,movieId,rating,timestamp", *lines, ""]))


@given(st.text(st.characters(codec="utf-8")), st.integers(1, 9))
def test_the_fold_of_a_text_is_that_of_its_sha1(text, folds):
    assert text_fold(text, folds) == int(hashlib.sha1(text.encode()).hexdigest(), 16) % folds


def test_known_texts_stay_in_their_folds():
    assert [text_fold(text) for text in ("insidious 2 netflix", "火锅", "")] == [3, 2, 0]


@given(st.lists(st.sampled_from(["a", "b", "c", "火锅", "hot pot"])), st.integers(0, 4))
def test_one_text_never_stands_on_both_sides(texts, held_out):
    items = list(enumerate(texts))
    train, test = split_by_text(items, lambda item: item[1], held_out)
    assert not {text for _, text in train} & {text for _, text in test}
    assert sorted(train + test) == items
    assert train == sorted(train)
    assert test == sorted(test)


@given(st.lists(st.tuples(st.integers(0, 5), st.text(max_size=2))), st.integers(1, 6))
def test_what_is_held_out_by_time_is_the_last_part_whatever_the_row_order(items, parts):
    train, test = split_by_time(items, lambda item: item, parts)
    assert train + test == sorted(items)
    assert len(test) == len(items) // parts
    assert split_by_time(reversed(items), lambda item: item, parts) == (train, test)


def test_msrd_holds_out_one_fold_and_keeps_qrels_with_their_queries(tmp_path):
    texts = [f"film {n}" for n in range(30)]
    put_judged(tmp_path / "msrd", texts)
    dataset = convert("msrd", tmp_path, tmp_path / "out")
    (split,) = dataset.splits
    test = read_queries(split.test.queries)
    assert [topic.text for topic in test] == [text for text in texts if text_fold(text) == 1]
    assert set(read_qrels(split.test.qrels)) == {topic.qid for topic in test}
    train = {topic.qid for topic in read_queries(split.train.queries)}
    assert set(read_qrels(split.train.qrels)) == train
    assert len(read_queries(dataset.whole.queries)) == len(train) + len(test) == 30
    assert dataset.catalog.read_bytes() == (tmp_path / "msrd/catalog.jsonl.gz").read_bytes()


def test_msrd_without_ratings_says_that_it_has_no_events(tmp_path):
    put_judged(tmp_path / "msrd", ["a"])
    dataset = convert("msrd", tmp_path, tmp_path / "out")
    assert dataset.splits[0].train.events is None
    assert dataset.notes == ("no events: ml_latest_small is not beside msrd",)


def test_ratings_of_known_films_become_clicks_that_the_event_log_reads(tmp_path):
    put_judged(tmp_path / "msrd", ["a"])
    put_ratings(tmp_path, [(7, 2, 3.5, 1_000_000_007), (7, 1, 4.0, 1_000_000_000), (7, 3, 5.0, 5)])
    dataset = convert("msrd", tmp_path, tmp_path / "out")
    events = [event_from_json(row, NOW_MS) for row in rows_of(dataset.splits[0].train.events)]
    assert [(e.event_id, e.action_name, e.user_id, e.object_id, e.ts_ms) for e in events] == [
        ("ml-7-1", "click", "ml-7", "862", 1_000_000_000 * SECOND),
        ("ml-7-2", "click", "ml-7", "8844", 1_000_000_007 * SECOND),
    ]
    assert [e.attributes for e in events] == [{"rating": 4.0, "gain": 1.0}, {"rating": 3.5}]


def test_two_ids_of_one_film_count_once_the_first_time(tmp_path):
    put_judged(tmp_path / "msrd", ["a"])
    put_ratings(tmp_path, [(7, 2, 1.0, 20), (7, 1, 5.0, 10)], [("1", "862"), ("2", "862")])
    (row,) = rows_of(convert("msrd", tmp_path, tmp_path / "out").whole.events)
    assert row["event_id"] == "ml-7-1"


def test_each_user_is_cut_at_their_own_last_fifth(tmp_path):
    films = [str(n) for n in range(10)]
    put_judged(tmp_path / "msrd", ["a"], films)
    early = [("1", film, 3.0, 100 - int(film)) for film in films]  # newest film has the lowest id
    late = [("2", film, 3.0, 1000) for film in films[:5]]  # one moment: ties go by film id
    few = [("3", film, 3.0, 1) for film in films[:4]]  # too few to hold any out
    put_ratings(tmp_path, late + early + few, [(film, film) for film in films])
    dataset = convert("ml_latest_small", tmp_path, tmp_path / "out")
    (split,) = dataset.splits
    assert read_qrels(split.test.qrels) == {"ml-1": {"1": 1, "0": 1}, "ml-2": {"4": 1}}
    assert read_queries(split.test.queries) == [
        Topic("ml-1", "", "ml-1", now_ms=99 * SECOND),
        Topic("ml-2", "", "ml-2", now_ms=1000 * SECOND),
    ]
    seen = {user: set(found) for user, found in read_qrels(split.test.seen).items()}
    assert seen == {"ml-1": set(films[2:]), "ml-2": set(films[:4])}
    events = rows_of(split.train.events)
    assert len(events) == 8 + 4 + 4
    assert events == sorted(events, key=lambda row: row["timestamp"])
    for row in events:
        watched = row["event_attributes"]["object"]["object_id"]
        assert watched not in read_qrels(split.test.qrels).get(row["user_id"], {})


def session(number, ts, **more):
    return {
        "request_id": f"r{number}",
        "ts": ts,
        "query": f"{number} 7",
        "lat": 31.5,
        "lon": 121.5,
        "shown": ["p1", "p2"],
        "clicked": ["p2"],
        "positions_known": False,
        **more,
    }


def put_baidu(root, sessions):
    put_rows(root / "baidu_mstpac/catalog.jsonl.gz", [{"id": "p1", "title": "3 4"}])
    put_rows(root / "baidu_mstpac/sessions.jsonl.gz", sessions)


def test_baidu_holds_out_the_last_sessions_with_place_and_moment(tmp_path):
    sessions = [session(n, 1000 - n) for n in range(8)] + [session(9, 1000), session(8, 1000)]
    put_baidu(tmp_path, sessions)
    dataset = convert("baidu_mstpac", tmp_path, tmp_path / "out")
    (split,) = dataset.splits
    assert read_queries(split.test.queries) == [
        Topic("r8", "8 7", lat=31.5, lon=121.5, now_ms=1000),
        Topic("r9", "9 7", lat=31.5, lon=121.5, now_ms=1000),
    ]
    assert read_qrels(split.test.qrels)["r8"] == {"p1": 0, "p2": 1}
    train = rows_of(split.train.sessions)
    assert [s["ts"] for s in train] == sorted(s["ts"] for s in train)
    assert len(train) == 8
    assert rows_of(split.test.sessions) == [session(8, 1000), session(9, 1000)]
    assert dataset.overrides == (
        "fields.title.analyzer=whitespace",
        "fields.text.analyzer=whitespace",
    )


def test_a_click_on_what_was_not_shown_is_named_by_file_and_line(tmp_path):
    put_baidu(tmp_path, [session(1, 1), session(2, 2, clicked=["p9"])])
    with pytest.raises(
        InvalidInput, match=r"sessions\.jsonl\.gz:2: clicked \['p9'\] were not shown"
    ):
        convert("baidu_mstpac", tmp_path, tmp_path / "out")


def test_crosswoz_holds_every_query_out_once(tmp_path):
    put_judged(tmp_path / "crosswoz", [f"找一家酒店 {n}" for n in range(20)] * 2)
    dataset = convert("crosswoz", tmp_path, tmp_path / "out")
    assert len(dataset.splits) == 5
    held_out = []
    for split in dataset.splits:
        train = {topic.qid for topic in read_queries(split.train.queries)}
        test = {topic.qid for topic in read_queries(split.test.queries)}
        assert not train & test
        assert len(train | test) == 40
        held_out += sorted(test)
    assert sorted(held_out) == sorted(f"q{n}" for n in range(40))


AIRBNB = (
    "room_id,host_id,neighbourhood,name,latitude,longitude,room_type,accommodates,bedrooms,beds,"
    "price,instant_bookable,first_review,last_review,number_of_reviews,review_scores_rating\n"
)


def test_airbnb_listings_become_documents(tmp_path):
    beijing = '11,1,东城区,"胡同, ""小院""\n二居",39.9,116.4,Private room,2,1,,300.5,t,,,4,90.0\n'
    shanghai = "12,1,,  ,31.2,121.3,Private room,2,1,1,100,f,,,0,\n"
    put(tmp_path / "airbnb_bj_sh/beijing_room.csv.gz", AIRBNB + beijing)
    put(tmp_path / "airbnb_bj_sh/shanghai_room.csv", AIRBNB + shanghai)
    dataset = convert("airbnb_bj_sh", tmp_path, tmp_path / "out")
    assert rows_of(dataset.catalog) == [
        {
            "id": "11",
            "title": '胡同, "小院"\n二居',
            "category": "Private room",
            "tags": ["东城区"],
            "city": "北京",
            "lat": 39.9,
            "lon": 116.4,
            "price": 300.5,
            "rating": 4.5,
            "popularity": 4,
            "instant_bookable": True,
            "accommodates": 2,
            "bedrooms": 1,
            "number_of_reviews": 4,
        }
    ]
    assert dataset.notes[0] == "1 listings without a name were left out"
    assert dataset.splits == ()


def test_a_bad_listing_is_named_by_file_and_line(tmp_path):
    put(tmp_path / "airbnb_bj_sh/beijing_room.csv", AIRBNB + "1,1,a,b,x,116,r,2,1,1,1,t,,,4,90\n")
    with pytest.raises(InvalidInput, match=r"beijing_room\.csv:2: latitude 'x' is not a number"):
        convert("airbnb_bj_sh", tmp_path, tmp_path / "out")
    put(tmp_path / "airbnb_bj_sh/beijing_room.csv", "room_id,name\n1,a\n")
    with pytest.raises(InvalidInput, match=r"beijing_room\.csv:1: no column accommodates, "):
        convert("airbnb_bj_sh", tmp_path, tmp_path / "out")


def test_vaswani_abstracts_are_titles_and_every_query_is_test(tmp_path):
    source = tmp_path / "vaswani"
    document = "<DOC>\n<DOCNO>{0}</DOCNO>\ncompact memories  have\nflexible {0}\n</DOC>\n"
    put(source / "doc-text.trec.gz", document.format(1) + document.format(2))
    put(
        source / "query-text.trec.gz", "<top>\n<num>7</num><title>\nWAVE GUIDES\n</title>\n</top>\n"
    )
    put(source / "qrels.gz", "7 0 2 1\n")
    dataset = convert("vaswani", tmp_path, tmp_path / "out")
    title = "compact memories have flexible"
    assert rows_of(dataset.catalog) == [
        {"id": "1", "title": f"{title} 1"},
        {"id": "2", "title": f"{title} 2"},
    ]
    (split,) = dataset.splits
    assert read_queries(split.test.queries) == [Topic("7", "WAVE GUIDES")]
    assert split.train.files == {}


def test_a_file_that_is_not_the_collection_is_refused(tmp_path):
    put(tmp_path / "vaswani/doc-text.trec", "hello\n")
    with pytest.raises(InvalidInput, match=r"doc-text\.trec holds no TREC records"):
        convert("vaswani", tmp_path, tmp_path / "out")


def test_a_data_set_opens_as_it_was_saved_even_after_a_move(tmp_path):
    put_judged(tmp_path / "crosswoz", ["a", "b"])
    saved = convert("crosswoz", tmp_path, tmp_path / "out")
    assert Dataset.open(tmp_path / "out") == saved
    moved = (tmp_path / "out").rename(tmp_path / "elsewhere")
    opened = Dataset.open(moved)
    assert opened.splits[3].train.queries == moved / "fold3/queries.train.jsonl"
    assert opened.whole.sizes() == {"queries": 2, "qrels": 2, "relevant": 2}


def test_a_conversion_that_failed_is_no_data_set(tmp_path):
    put_judged(tmp_path / "msrd", ["a"])
    convert("msrd", tmp_path, tmp_path / "out")
    put(tmp_path / "msrd/qrels.txt.gz", "q0 0 862\n")
    with pytest.raises(InvalidInput, match=r"qrels\.txt\.gz:1"):
        convert("msrd", tmp_path, tmp_path / "out")
    with pytest.raises(InvalidInput, match="no data set in"):
        Dataset.open(tmp_path / "out")


@pytest.mark.parametrize("description", ["{", "[]", '{"name": "x"}'])
def test_a_description_that_is_none_is_refused(tmp_path, description):
    put(tmp_path / "dataset.json", description)
    with pytest.raises(InvalidInput, match="is not a description"):
        Dataset.open(tmp_path)


@pytest.mark.parametrize("name", ADAPTERS)
def test_a_missing_source_says_which_file_and_how_to_name_the_folder(tmp_path, name):
    with pytest.raises(
        InvalidInput, match=r"no .*\[\.gz\] under .*; pass --source or set DUOLU_DATA"
    ):
        convert(name, tmp_path, tmp_path / "out")


def test_an_unknown_data_set_lists_the_known_ones(tmp_path):
    with pytest.raises(UnknownName, match="unknown data set 'msdr'; known: msrd, "):
        convert("msdr", tmp_path, tmp_path / "out")


def test_the_script_prints_sizes_and_fails_in_one_line(tmp_path):
    put_judged(tmp_path / "crosswoz", ["a", "b"])
    root = Path(__file__).parents[2]
    command = [sys.executable, str(root / "scripts/datasets.py"), "crosswoz"]
    environment = {"DUOLU_DATASETS": str(tmp_path), "PYTHONPATH": str(root)}
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "out")],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "whole: 2 queries, 2 qrels, 2 relevant" in done.stdout
    put(tmp_path / "crosswoz/queries.jsonl.gz", "{\n")
    failed = subprocess.run(
        [*command, "--out", str(tmp_path / "out")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert failed.returncode == 1
    assert failed.stderr.count("\n") == 1
    assert "queries.jsonl.gz:1: not JSON" in failed.stderr
