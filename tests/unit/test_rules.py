"""What business rules do to a ranked list, and which rules are refused."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.errors import InvalidInput
from app.domain.filters import Within
from app.pipeline.rules import Action, place_pins
from app.pipeline.select import Selection, select
from app.pipeline.written_rules import WrittenRule, check, rules_of
from app.settings import Settings
from app.wiring import make_selection
from tests.builders import NOW_MS, city_rows, make_context, make_snapshot
from tests.builders.snapshots import CONFIG

ROWS = city_rows(40)
RANKED = np.arange(40, dtype=np.int32)
SCORES = np.linspace(3, -5, 40, dtype=np.float32)  # d0 is the best


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    return make_snapshot(ROWS, tmp_path_factory.mktemp("rules") / "s", channels=())


def rule(action, documents, name="r", **more: Any) -> WrittenRule:
    return WrittenRule(name, Action(action), documents, **more)


def ruled(snapshot, *written, text="火锅", **asked):
    """The whole order after the rules, and which rule moved which document."""
    check(written)
    ctx = make_context(snapshot, text, **asked)
    found = select(ctx, RANKED, SCORES, Selection(rules_of(written, snapshot)))
    return [int(i) for i in found.order], found.moved


def of(field, value):
    return [i for i, row in enumerate(ROWS) if row[field] == value]


def test_a_pinned_document_stands_where_it_was_pinned_and_the_others_keep_their_order(snapshot):
    order, moved = ruled(snapshot, rule("pin", {"id": ["d30", "d7"]}, position=3))
    assert order[:6] == [0, 1, 30, 7, 2, 3]
    assert sorted(order) == list(range(40))
    assert moved == {30: "r", 7: "r"}


def test_of_two_pins_to_one_position_the_first_rule_wins(snapshot):
    pins = rule("pin", {"id": "d9"}, "a"), rule("pin", {"id": "d5"}, "b")
    assert ruled(snapshot, *pins)[0][:3] == [9, 5, 0]


def test_a_pin_behind_the_end_stands_last(snapshot):
    assert ruled(snapshot, rule("pin", {"id": "d3"}, position=900))[0][-1] == 3


def test_a_boost_lifts_and_says_whom(snapshot):
    boosted = of("category", "咖啡")
    order, moved = ruled(snapshot, rule("boost", {"category": "咖啡"}, factor=3.0))
    before = [i for i in boosted if order.index(i) < i]
    assert set(moved) == set(before)
    assert before
    rest = [i for i in order if i not in boosted]
    assert rest == sorted(rest)


def test_a_factor_below_one_demotes(snapshot):
    order, moved = ruled(snapshot, rule("boost", {"id": ["d0"]}, factor=0.5))
    assert order.index(0) == 19
    assert moved == {0: "r"}


def test_boosts_of_one_document_multiply_and_it_was_moved_where_they_put_it(snapshot):
    up, down = (
        rule("boost", {"id": ["d0"]}, name, factor=f) for name, f in (("up", 2.0), ("down", 0.25))
    )
    order, moved = ruled(snapshot, up, down)
    assert order.index(0) == 19
    assert moved == {0: "down"}  # not "up", which comes first and moved it the other way


@pytest.mark.parametrize("lift_first", [True, False])
def test_who_is_boosted_and_buried_was_moved_by_the_burial(snapshot, lift_first):
    both = rule("boost", {"id": "d3"}, "up", factor=9.0), rule("bury", {"id": "d3"}, "down")
    order, moved = ruled(snapshot, *(both if lift_first else both[::-1]))
    assert order[-1] == 3
    assert moved == {3: "down"}


def test_who_is_boosted_as_much_up_as_down_was_not_moved(snapshot):
    low = [f"d{i}" for i in range(20, 30)]
    far = rule("boost", {"id": low}, "far", factor=9.0)
    even = [rule("boost", {"id": "d5"}, f"times {f}", factor=f) for f in (2.0, 0.5)]
    order, moved = ruled(snapshot, far, *even)
    assert order.index(5) == 15
    assert moved == {i: "far" for i in range(20, 30)}


def test_who_was_lifted_and_yet_overtaken_by_others_was_not_moved(snapshot):
    low = [f"d{i}" for i in range(20, 30)]
    rules = rule("boost", {"id": low}, "far", factor=9.0), rule("boost", {"id": "d5"}, factor=1.01)
    order, moved = ruled(snapshot, *rules)
    assert order.index(5) == 15
    assert moved == {i: "far" for i in range(20, 30)}


def test_what_stays_where_it_was_was_not_moved(snapshot):
    order, moved = ruled(snapshot, rule("boost", {"id": ["d0"]}, factor=2.0))
    assert order == list(range(40))
    assert moved == {}


def test_the_buried_stand_below_all_others_in_their_order(snapshot):
    buried = of("in_stock", False)
    order, moved = ruled(snapshot, rule("bury", {"in_stock": False}))
    assert order == [i for i in range(40) if i not in buried] + buried
    assert set(moved) <= set(buried)


def test_a_pin_is_stronger_than_a_burial(snapshot):
    rules = rule("bury", {"id": "d4"}, "down"), rule("pin", {"id": "d4"}, "up")
    order, moved = ruled(snapshot, *rules)
    assert order[0] == 4
    assert moved == {4: "up"}


def test_groups_are_stood_for_by_their_pinned_document(snapshot):
    brand = ROWS[0]["brand"]
    last = of("brand", brand)[-1]
    order, _ = ruled(snapshot, rule("pin", {"id": f"d{last}"}, position=2), group_by="brand")
    assert order[1] == last
    assert [i for i in order if ROWS[i]["brand"] == brand] == [last]


PLACE = (31.2, 121.4)
TEXT = "老灶 火锅"


@pytest.mark.parametrize(
    ("when", "holds", "fails"),
    [
        ({"query": (" 老灶　火锅",)}, {"text": TEXT}, {"text": "火锅"}),
        ({"query": ("",)}, {"text": ""}, {"text": "火锅"}),
        ({"words": ("咖啡 tea", "火锅")}, {"text": TEXT}, {"text": "tea"}),
        ({"mentions": {"brand": ("brand3",)}}, {"text": "brand3 tea"}, {"text": "brand4 tea"}),
        ({"near": Within(*PLACE, 2.0)}, {"origin": (31.21, 121.4)}, {"origin": (31.3, 121.4)}),
        ({"near": Within(*PLACE, 2.0)}, {"origin": PLACE}, {}),
        ({"since_ms": float(NOW_MS)}, {}, {"now_ms": NOW_MS - 1}),
        ({"until_ms": float(NOW_MS)}, {"now_ms": NOW_MS - 1}, {}),
        ({"query": (TEXT,), "near": Within(*PLACE, 2.0)}, {"text": TEXT, "origin": PLACE},
         {"text": TEXT}),
    ],
)  # fmt: skip
def test_a_rule_holds_when_all_its_conditions_do(snapshot, when, holds, fails):
    pin = rule("pin", {"id": "d20"}, **when)
    assert ruled(snapshot, pin, **holds)[0][0] == 20
    assert ruled(snapshot, pin, **fails)[0][0] == 0


def test_the_removing_rules_are_named(snapshot):
    category = ROWS[5]["category"]
    rules = rules_of([rule("remove", {"category": category}, "gone")], snapshot)
    ctx = make_context(snapshot, "火锅")
    assert rules.removing(ctx.query, snapshot.documents, 5) == ("gone",)
    other = next(i for i in range(40) if ROWS[i]["category"] != category)
    assert rules.removing(ctx.query, snapshot.documents, other) == ()


@settings(max_examples=100)
@given(
    rest=st.lists(st.integers(100, 200), unique=True, max_size=20),
    pins=st.dictionaries(st.integers(0, 20), st.integers(1, 25), max_size=6),
)
def test_pins_lose_nothing_and_stand_exactly_where_the_list_is_long_enough(rest, pins):
    order = place_pins(np.array(rest, np.int64), pins).tolist()
    assert sorted(order) == sorted([*rest, *pins])
    assert [place for place in order if place in rest] == rest
    if len(set(pins.values())) == len(pins):
        for place, position in pins.items():
            if position <= len(rest):
                assert order[position - 1] == place


@pytest.mark.parametrize(
    ("written", "says"),
    [
        (rule("boost", {"brand": "x"}), "factor"),
        (rule("bury", {"brand": "x"}, factor=2.0), "factor"),
        (rule("bury", {"brand": "x"}, position=2), "position"),
        (rule("pin", {"brand": "x"}), "documents of a pin"),
        (rule("pin", {"id": []}), "documents of a pin"),
        (rule("pin", {"id": [1]}), "documents of a pin"),
        (rule("bury", {}), "documents is empty"),
        (rule("bury", {"brand": "x"}, since_ms=2.0, until_ms=1.0), "until"),
    ],
)
def test_a_rule_that_means_nothing_is_refused_by_name(written, says):
    with pytest.raises(InvalidInput, match=f"(?s)'r'.*{says}"):
        check([written])


def test_the_rules_of_the_documentation_can_be_read(snapshot):
    page = (CONFIG.parents[1] / "docs" / "select.md").read_text("utf-8")
    told = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    tree = tomllib.loads(CONFIG.read_text("utf-8") + "\n".join(told))
    parsed = Settings.parse(tree, "docs/select.md")
    selection = make_selection(parsed, snapshot)
    assert [rule.action for rule in selection.rules.rules] == list(Action)
    assert len(selection.quotas) == 1


def test_two_rules_of_one_name_are_refused():
    one = rule("bury", {"brand": "x"})
    with pytest.raises(InvalidInput, match="another rule"):
        check([one, replace(one, documents={"brand": "y"})])


@pytest.mark.parametrize(
    ("written", "says"),
    [
        (rule("bury", {"colour": "red"}), "documents.colour"),
        (rule("bury", {"price": "dear"}), "documents.price"),
        (rule("bury", {"brand": "x"}, mentions={"price": ("1",)}), "mentions.price"),
        (rule("bury", {"brand": "x"}, words=(" ",)), "without a word"),
    ],
)
def test_a_field_that_the_catalogue_lacks_is_named(snapshot, written, says):
    with pytest.raises(InvalidInput, match=f"'r'.*{says}"):
        rules_of([written], snapshot)
