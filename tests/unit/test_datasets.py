"""Adapters read the published formats and divide by question and by time, never by row."""

import pytest

from app.corpus.ubi import event_from_json
from app.domain.errors import InvalidInput
from app.offline.datasets import convert
from app.offline.split import text_fold
from app.offline.trec import Topic, read_qrels, read_queries
from tests.builders.published import put, put_judged, put_ratings, put_rows, rows_of

SECOND = 1_000
NOW_MS = 1_900_000_000_000


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


def test_vaswani_abstracts_are_text_and_every_query_is_test(tmp_path):
    source = tmp_path / "vaswani"
    document = "<DOC>\n<DOCNO>{0}</DOCNO>\ncompact memories  have\nflexible {0}\n</DOC>\n"
    put(source / "doc-text.trec.gz", document.format(1) + document.format(2))
    put(
        source / "query-text.trec.gz", "<top>\n<num>7</num><title>\nWAVE GUIDES\n</title>\n</top>\n"
    )
    put(source / "qrels.gz", "7 0 2 1\n")
    dataset = convert("vaswani", tmp_path, tmp_path / "out")
    text = "compact memories have flexible"
    assert rows_of(dataset.catalog) == [
        {"id": "1", "title": "1", "text": f"{text} 1"},
        {"id": "2", "title": "2", "text": f"{text} 2"},
    ]
    (split,) = dataset.splits
    assert read_queries(split.test.queries) == [Topic("7", "WAVE GUIDES")]
    assert split.train.files == {}


def test_a_file_that_is_not_the_collection_is_refused(tmp_path):
    put(tmp_path / "vaswani/doc-text.trec", "hello\n")
    with pytest.raises(InvalidInput, match=r"doc-text\.trec holds no TREC records"):
        convert("vaswani", tmp_path, tmp_path / "out")
