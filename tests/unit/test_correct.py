"""What the catalogue does not know is put right, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.corpus.pinyin import initials, keys
from app.corpus.synonyms import Synonyms
from app.corpus.text import normalise
from app.query.correct import correct
from app.query.understand import SearchRequest, understand
from tests.builders import make_snapshot

ROWS = [
    {"id": "1", "title": "海底捞火锅(王府井店)", "category": "火锅", "brand": "海底捞",
     "tags": ["四川菜", "WiFi"], "price": 120},
    {"id": "2", "title": "Grand restaurant", "category": "restaurant", "tags": ["ice cream"]},
    {"id": "3", "title": "重庆小面", "category": "餐馆", "tags": ["停车"]},
    {"id": "4", "title": "Garden Hotel", "category": "hotel", "price": 300},
]  # fmt: skip


PIECES = ("huoguo", "hg", "haidilao", "hai di lao", "获锅", "海底涝", "火guo", "chongqing", "小面",
          "restaraunt", "gardem", "hotel", "wi-fi", "icecream", " ", "100元以下")  # fmt: skip


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    return make_snapshot(ROWS, tmp_path_factory.mktemp("correct") / "s", channels=())


def put_right(snapshot, text):
    text = normalise(text)
    terms = snapshot.analyzer.spans(text)
    return correct(text, snapshot.reader.read(text), terms, snapshot)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("huoguo", "火锅"),
        ("huo guo", "火锅"),
        ("hg", "火锅"),
        ("hai di lao", "海底捞"),
        ("获锅", "火锅"),
        ("海底涝", "海底捞"),
        ("海底涝获锅", "海底捞火锅"),
        ("火guo", "火锅"),
        ("chongqing xiaomian", "重庆小面"),
        ("restaraunt", "restaurant"),
        ("gardem hotel", "garden hotel"),
        ("wi-fi", "wifi"),
        ("icecream", "ice cream"),
        ("huoguo wifi 100元以下", "火锅 wifi 100元以下"),
        ("haidinao", "海底捞"),  # l and n
        ("congqin xiaomian", "重庆小面"),  # ch and c, ing and in
        ("si chuan cai", "四川菜"),
        ("停che", "停车"),
    ],
)
def test_what_was_meant_is_found(snapshot, typed, meant):
    assert put_right(snapshot, typed) == meant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "火锅",
        "hotel",
        "海底捞 wifi",
        "ice cream",
        "必须100元以下",
        "x",
        "😀",
        "garden 火锅",
        "gardens",
        "harden",
        "warden hostel",  # English, whether the catalogue has it or not
        "和服",
        "望远镜",
        "hotel hg near me please",
        "请问有没有能停车的地方我想吃获锅",  # a sentence
    ],
)
def test_what_the_catalogue_knows_is_left_alone(snapshot, text):
    assert put_right(snapshot, text) is None


def test_the_answer_can_say_what_was_typed_and_it_can_be_switched_off(snapshot):
    query = understand(SearchRequest("Huoguo"), snapshot, 0)
    assert (query.text, query.original, query.terms) == ("火锅", "huoguo", ("火锅",))
    as_typed = understand(SearchRequest("Huoguo", correct=False), snapshot, 0)
    assert (as_typed.text, as_typed.original) == ("huoguo", None)


TYPED = {"luosifen": 4, "螺蛳粉": 40, "xlb": 9, "螺蛳粉 外卖": 12, "小笼包": 2, "zwaffle": 30,
         "zwafle": 30, "旅游 团": 5, "货锅": 3, "restaraunt": 3, "huoguo": 3, "hg": 12}  # fmt: skip


@pytest.fixture(scope="module")
def typed(tmp_path_factory):
    """The same catalogue, where people typed what it does not know."""
    path = tmp_path_factory.mktemp("typed") / "s"
    return make_snapshot(ROWS, path, channels=(), typed={**TYPED, "火锅": 5, "restaurant": 9})


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("luosifen", "螺蛳粉"),  # by its sound, though no document has it
        ("罗斯粉", "螺蛳粉"),
        ("luo si fen waimai", "螺蛳粉 外卖"),
        ("zwafflle", "zwaffle"),
        ("huoguo", "火锅"),  # three type it so, five as it is
        ("获锅", "火锅"),  # a name before what somebody else typed wrong
        ("restaraunt", "restaurant"),
    ],
)
def test_what_people_type_often_may_be_meant(typed, written, meant):
    assert put_right(typed, written) == meant


@pytest.mark.parametrize("text", ["hg", "螺蛳粉", "螺蛳粉外卖", "xlb", "zwaffle", "zwafle"])
def test_what_people_type_more_often_than_what_would_replace_it_is_right(typed, text):
    assert put_right(typed, text) is None


def test_a_word_of_a_brand_is_right_though_its_field_is_not_searched(tmp_path):
    rows = [{"id": str(i), "title": "大阳台 watch"} for i in range(30)]
    rows += [{"id": f"a{i}", "title": "阳台 gamin"} for i in range(30)]
    rows += [{"id": "b", "title": "watch", "brand": "Yangtai Tech"},
             {"id": "c", "title": "watch", "brand": "Garmin Sport"}]  # fmt: skip
    brand = {"brand": {"type": "keyword", "weight": 0.0}}
    snapshot = make_snapshot(rows, tmp_path / "s", brand, channels=())
    for text in ("yangtai", "garmin", "garmin watch", "sport yangtai"):
        assert put_right(snapshot, text) is None
    without = make_snapshot(rows[:60], tmp_path / "t", brand, channels=())
    assert put_right(without, "yangtai") == "阳台"


def test_a_word_of_a_synonym_is_right_though_no_document_has_it(tmp_path):
    synonyms = Synonyms.parse(["hotel, gardez hostel"], "synonyms")
    snapshot = make_snapshot(ROWS, tmp_path / "s", channels=(), synonyms=synonyms)
    assert put_right(snapshot, "gardez") is None  # nor is it taken for a garden


def test_a_character_of_two_readings_is_typed_by_either():
    assert keys("重庆") == ["zhongqing", "chongqing"]
    assert initials("重庆") == ["zq", "cq"]
    assert keys("绿") == ["lv", "lu"]


@settings(max_examples=150, deadline=None)
@given(
    st.booleans(),
    st.lists(
        st.sampled_from((*PIECES, *TYPED, "罗斯粉"))
        | st.sampled_from("huoguo海底捞获锅 wifi-x😀1元\u200d")
    ),
)
def test_any_text_is_put_right_once_and_then_left_alone(snapshot, typed, is_typed, pieces):
    snapshot, text = typed if is_typed else snapshot, "".join(pieces)[:80]
    once = put_right(snapshot, text)
    if once is not None:
        assert normalise(once) == once
        assert put_right(snapshot, once) is None
