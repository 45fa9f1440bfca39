"""What a query says in the catalogue's own names and numbers."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.corpus.text import normalise
from app.query.understand import SearchRequest, understand
from tests.builders import make_snapshot

ROWS = [
    {"id": "1", "title": "海底捞火锅(王府井店)", "category": "火锅", "brand": "海底捞",
     "tags": ["四川菜", "WiFi"], "price": 120, "lat": 39.91, "lon": 116.41},
    {"id": "2", "title": "小馆", "category": "餐馆", "tags": ["火锅"], "price": 60,
     "text": "在海底捞对面"},
    {"id": "3", "title": "Temple of Heaven", "category": "sight", "lat": 39.88, "lon": 116.40},
    {"id": "4", "title": "天安门", "category": "景点", "lat": 39.905, "lon": 116.397},
]  # fmt: skip


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    return make_snapshot(ROWS, tmp_path_factory.mktemp("reader") / "s", channels=())


def read(snapshot, text):
    return snapshot.reader.read(normalise(text))


def named(snapshot, text):
    """Text of each mention, and the fields that know it."""
    return [(m.text, sorted({f for f, _ in m.options})) for m in read(snapshot, text).mentions]


def test_a_name_is_found_in_every_field_that_knows_it(snapshot):
    assert named(snapshot, "海底捞 WIFI 火鍋") == [
        ("海底捞", ["brand"]),
        ("wifi", ["tags"]),
        ("火锅", ["category", "tags"]),
    ]


def test_words_in_letters_are_named_whole(snapshot):
    assert named(snapshot, "wifis and insights") == []
    assert named(snapshot, "sight with wifi") == [("sight", ["category"]), ("wifi", ["tags"])]


def test_quantities_leave_the_text_and_names_stay(snapshot):
    reading = read(snapshot, "100-150元的火锅 评分4.5以上")
    assert reading.rest == "的火锅"
    assert [m.text for m in reading.mentions] == ["火锅"]
    assert [q.range.field for q in reading.quantities] == ["price", "rating"]


def test_a_text_of_nothing_but_quantities_is_still_searched(snapshot):
    assert read(snapshot, "100元以下").rest == "100元以下"


@pytest.mark.parametrize("text", ["天安门附近的火锅", "在天安門周边吃饭", "food near 天安门"])
def test_a_place_named_in_the_text_is_where_one_looks_from(snapshot, text):
    query = understand(SearchRequest(text), snapshot, 0)
    assert (query.origin.lat, query.origin.lon) == (39.905, 116.397)


def test_a_place_in_english_may_be_several_words(snapshot):
    query = understand(SearchRequest("hotpot near the Temple of Heaven"), snapshot, 0)
    assert (query.origin.lat, query.origin.lon) == (39.88, 116.40)


def test_a_place_leaves_the_text_with_what_says_so(snapshot):
    assert read(snapshot, "天安门附近的火锅").rest == "的火锅"
    assert read(snapshot, "hotpot near the Temple of Heaven").rest == "hotpot"


def test_only_a_must_becomes_a_filter(snapshot):
    assert understand(SearchRequest("100元以下的火锅"), snapshot, 0).filters is None
    hard = understand(SearchRequest("必须100元以下的火锅"), snapshot, 0).filters
    assert (hard.field, hard.upper) == ("price", 100)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=520))
def test_any_text_reads_the_same_once_it_was_normalised(snapshot, text):
    text = normalise(text)
    reading = snapshot.reader.read(text)
    assert reading == snapshot.reader.read(normalise(text))
    spans = [(m.start, m.end) for m in reading.mentions]
    spans += [(q.start, q.end) for q in reading.quantities]
    for (_, end), (start, _) in zip(sorted(spans), sorted(spans)[1:], strict=False):
        assert end <= start


def test_a_short_text_is_read_once_and_a_long_one_is_not_kept(snapshot):
    short, long = "海底捞 120元以内", "海底捞" * 30
    assert snapshot.reader.read(short) is snapshot.reader.read("".join(short))
    assert snapshot.reader.read(long) == snapshot.reader.read(long)
    assert snapshot.reader.read(long) is not snapshot.reader.read(long)
