"""Postings of newer rows against a dict of sets, whoever looks and in how many steps they came."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.recall.block_scan import ONE_TERM
from app.recall.newer_postings import GrowingPostings, Inverted, pick

ROWS = st.lists(st.dictionaries(st.integers(0, 6), st.integers(1, 50_000), max_size=5), max_size=60)
EVERYTHING = np.empty(0, np.bool_)


def inverted(rows, first):
    """The rows' postings by the book: a list a term."""
    lists = {}
    for place, row in enumerate(rows, first):
        for term, impact in row.items():
            lists.setdefault(term, []).append((place, impact))
    held = [posting for postings in lists.values() for posting in postings]
    ends = np.cumsum([0, *(len(postings) for postings in lists.values())])
    places, impacts = np.array(held, np.int32).reshape(-1, 2).T
    return Inverted(
        np.array([*lists], np.int64), ends[:-1], ends[1:],
        np.ascontiguousarray(places), np.ascontiguousarray(impacts),
    )  # fmt: skip


@given(ROWS, st.lists(st.integers(0, 9), min_size=1, max_size=4, unique=True), st.integers(0, 60))
def test_every_view_adds_up_what_its_own_rows_hold(rows, terms, cut):
    growing, cut = GrowingPostings(), min(cut, len(rows))
    for start, end in ((0, cut), (cut, len(rows))):
        growing.add(end - start, 7, inverted(rows[start:end], start))
    for n in (cut, len(rows)):
        wanted = [sum(ONE_TERM + row[term] for term in terms if term in row) for row in rows[:n]]
        assert growing.add_up(np.array(terms, np.int32), n).tolist() == wanted
    held = Counter(term for row in rows for term in row)
    assert growing.most_matches(np.array(terms, np.int32)) == sum(held[t] for t in terms)


def test_a_term_that_thousands_hold_is_kept_in_slices_that_do_not_outgrow_their_tail():
    growing = GrowingPostings()
    for first in range(0, 20_000, 5_000):
        growing.add(5_000, 1, inverted([{0: 3}] * 5_000, first))
    assert (growing.add_up(np.zeros(1, np.int32), 20_000) == ONE_TERM + 3).all()


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9), st.booleans()), max_size=40),
    st.integers(1, 3), st.integers(0, 9), st.booleans(),
)  # fmt: skip
def test_places_of_enough_terms_are_counted_and_those_of_enough_worth_picked(
    held, at_least, least, all_may
):
    sums = np.array([ONE_TERM * terms + grains for terms, grains, _ in held], np.int32)
    allowed = EVERYTHING if all_may else np.array([may for *_, may in held], np.bool_)
    places, grains, total = pick(sums, allowed, at_least, least)
    matching = [
        (place, worth) for place, (terms, worth, may) in enumerate(held)
        if terms >= at_least and (may or all_may or not held)
    ]  # fmt: skip
    assert total == len(matching)
    assert [*zip(places.tolist(), grains.tolist(), strict=True)] == [
        match for match in matching if match[1] >= least
    ]
