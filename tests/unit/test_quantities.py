"""Numbers in a query that bound a field, in Chinese and English."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.corpus.quantities import Quantities
from app.corpus.schema import FieldSpec, FieldType
from app.corpus.text import normalise
from tests.builders.snapshots import make_schema

SCHEMA = make_schema({"bedrooms": {"type": "number"}})
QUANTITIES = Quantities.of(SCHEMA)
INF = math.inf


def found(text: str) -> list[tuple[str, float, float]]:
    ranges = [q.range for q in QUANTITIES.find(normalise(text))]
    return [(r.field, r.lower, r.upper) for r in ranges]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("100-150元 评分4.5以上 的火锅", [("price", 100, 150), ("rating", 4.5, INF)]),
        ("价格在100元到200元之间的酒店", [("price", 100, 200)]),
        ("人均不超过一百五十元", [("price", -INF, 150)]),
        ("至少4星的酒店,价格三百到五百", [("rating", 4, INF), ("price", 300, 500)]),
        ("4分以上人均50元以下的餐馆", [("rating", 4, INF), ("price", -INF, 50)]),
        ("评分是5分", [("rating", 5, 5)]),
        ("門票免費的景點", [("price", 0, 0)]),
        ("人均50左右", [("price", 40, 60)]),
        ("预算两万以内", [("price", -INF, 20_000)]),
        ("hotel under $80 rated over 4", [("price", -INF, 80), ("rating", 4, INF)]),
        ("price 10k-20k", [("price", 10_000, 20_000)]),
        ("at least 2 bedrooms", [("bedrooms", 2, INF)]),
        ("3 bedroom flat, 500 yuan or less", [("bedrooms", 3, 3), ("price", -INF, 500)]),
        ("between 100 and 200 yuan", [("price", 100, 200)]),
    ],
)
def test_bounds_are_read_by_the_fields_own_words_and_units(text, expected):
    assert found(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "iphone 15 pro",
        "2001 a space odyssey",
        "a film from 1999",
        "七天酒店",
        "12生肖",
        "t2 航站楼",
    ],
)
def test_a_number_with_neither_word_nor_unit_bounds_nothing(text):
    assert found(text) == []


def test_a_unit_is_worth_what_the_field_says():
    weight = FieldSpec("weight_g", FieldType.NUMBER, units={"kg": 1000.0, "g": 1.0, "斤": 500.0})
    quantities = Quantities.of(replace(SCHEMA, fields={"weight_g": weight}))
    for text in ("2 kg", "2000 g", "4斤"):
        assert [q.range.lower for q in quantities.find(text)] == [2000.0]


def test_only_what_is_said_as_a_must_is_hard():
    texts = {"必须100元以下": True, "100元以下": False, "must be under 100 yuan": True}
    for text, is_hard in texts.items():
        assert [q.is_hard for q in QUANTITIES.find(text)] == [is_hard]


@given(st.text(st.sampled_from("0123456789.-到元块分星以上下价格评人均 $kunder无"), max_size=60))
def test_any_text_gives_bounds_in_order_that_do_not_overlap(text):
    text = normalise(text)
    end = 0
    for q in QUANTITIES.find(text):
        assert end <= q.start < q.end <= len(text)
        assert q.range.lower <= q.range.upper
        end = q.end
