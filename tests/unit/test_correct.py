"""What the catalogue does not know is put right, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.corpus.pinyin import initials, keys
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
    return correct(text, snapshot.reader.read(text), snapshot)


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


def test_a_character_of_two_readings_is_typed_by_either():
    assert keys("重庆") == ["zhongqing", "chongqing"]
    assert initials("重庆") == ["zq", "cq"]
    assert keys("绿") == ["lv", "lu"]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES) | st.sampled_from("huoguo海底捞获锅 wifi-x😀1元\u200d")))
def test_any_text_is_put_right_once_and_then_left_alone(snapshot, pieces):
    text = "".join(pieces)[:80]
    once = put_right(snapshot, text)
    if once is not None:
        assert normalise(once) == once
        assert put_right(snapshot, once) is None
