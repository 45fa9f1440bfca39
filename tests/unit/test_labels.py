"""What was done with a list becomes grades, as the recipe says."""

from dataclasses import replace

import pytest

from app.domain.events import Session
from app.offline.labels import label
from app.offline.recipe import Grades

SHOWN = ("a", "b", "c", "d", "e")
SKIP = Grades(unclicked="skip_above")


def session(**done):
    return Session("r", 0, "q", SHOWN, **done)


def test_the_highest_of_what_was_done_counts():
    done = session(clicked=("a", "b", "c"), carted=("b", "c"), purchased=("c",))
    assert label(done, Grades()).grades == {"a": 1, "b": 2, "c": 3, "d": 0, "e": 0}


def test_a_purchase_without_a_click_counts():
    assert label(session(purchased=("d",)), Grades()).grades["d"] == 3


def test_gains_are_the_recipes():
    grades = Grades(clicked=2, carted=5, purchased=9)
    assert label(session(clicked=("a",), carted=("b",), purchased=("c",)), grades).grades == {
        "a": 2, "b": 5, "c": 9, "d": 0, "e": 0,
    }  # fmt: skip


@pytest.mark.parametrize(("stay_ms", "grade"), [(4_999, 0), (5_000, 1), (60_000, 1), (None, 1)])
def test_a_stay_known_to_be_short_is_no_click(stay_ms, grade):
    stays = {} if stay_ms is None else {"b": stay_ms}
    done = session(clicked=("b",), dwell_ms=stays)
    assert label(done, Grades(satisfied_s=5)).grades["b"] == grade


def test_what_was_bought_after_a_short_stay_was_bought():
    done = session(clicked=("b",), purchased=("b",), dwell_ms={"b": 10})
    assert label(done, Grades(satisfied_s=5)).grades["b"] == 3


def test_above_the_lowest_click_is_a_negative_and_below_it_nothing_is_known():
    labels = label(session(clicked=("d", "b")), SKIP)
    assert labels.grades == {"a": 0, "b": 1, "c": 0, "d": 1}
    assert labels.unobserved == {"e"}


def test_a_cart_is_seen_as_a_click_is():
    labels = label(session(clicked=("a",), carted=("c",)), SKIP)
    assert labels.grades == {"a": 1, "b": 0, "c": 2}


def test_what_a_rule_moved_is_no_label_whether_it_was_clicked_or_not():
    labels = label(replace(session(clicked=("b", "d")), moved=frozenset("bc")), Grades())
    assert labels.grades == {"a": 0, "d": 1, "e": 0}
    assert labels.unobserved == {"b", "c"}


@pytest.mark.parametrize(("explored", "graded"), [("leave_out", "ace"), ("keep", "abcde")])
def test_what_exploration_drew_is_a_label_where_the_recipe_says_so(explored, graded):
    shown = replace(session(clicked=("b",)), drawn=frozenset("bd"))
    assert "".join(sorted(label(shown, Grades(explored=explored)).grades)) == graded


def test_a_list_without_a_click_says_nothing_of_anything():
    labels = label(session(), SKIP)
    assert labels.grades == {}
    assert labels.unobserved == set(SHOWN)


def test_a_click_on_the_last_document_leaves_nothing_unobserved():
    labels = label(session(clicked=("e",)), SKIP)
    assert labels.grades == {"a": 0, "b": 0, "c": 0, "d": 0, "e": 1}
    assert not labels.unobserved


def test_without_positions_there_is_no_above():
    labels = label(session(clicked=("b",), positions_known=False), SKIP)
    assert labels.grades == {"a": 0, "b": 1, "c": 0, "d": 0, "e": 0}
    assert not labels.unobserved


def test_kept_below_the_last_click_what_was_not_clicked_is_a_negative():
    assert label(session(clicked=("b",)), Grades()).grades["e"] == 0
