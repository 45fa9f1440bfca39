"""The best documents for some keyword values against asking each of them."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from app.corpus.documents import KeywordColumn
from app.corpus.ragged import Ragged
from app.recall.liked_lists import TIE, LikedLists

EVERYTHING = np.empty(0, np.bool_)
VALUES = {"tags": 6, "brand": 3}
NEW = 50  # a code that the lists do not know
LIKED = st.sampled_from([0.0, 0.1, 0.1000001, 0.5, 1.0])
ROW = st.fixed_dictionaries(
    {f: st.lists(st.integers(0, size - 1), max_size=3) for f, size in VALUES.items()}
)
OPTION = st.sampled_from([(f, c) for f, size in VALUES.items() for c in (*range(size), NEW)])
PART = st.tuples(st.lists(OPTION, max_size=3), st.sampled_from([0.001, 0.2, 0.25, 0.4]))


def column(field: str, rows: list[dict[str, list[int]]]) -> KeywordColumn:
    held = [row[field] for row in rows]
    postings = [
        [row for row, codes in enumerate(held) for c in codes if c == code]
        for code in range(VALUES[field])
    ]
    return KeywordColumn(Ragged.pack(held, np.int32), None, Ragged.pack(postings, np.int32))


def naive(rows, liked, parts, allowed) -> list[tuple[float, int]]:
    found = []
    for i, row in enumerate(rows):
        met = np.float32(0)
        for options, worth in parts:
            if any(code in row[field] for field, code in options):
                met += np.float32(worth)
        if met > 0 and allowed[i]:
            found.append((-float(met + TIE * liked[i]), i))
    return sorted(found)


@settings(deadline=None)  # the first call compiles
@given(st.data())
def test_the_best_are_those_of_all(data):
    rows = data.draw(st.lists(ROW, max_size=60))
    liked = np.array([data.draw(LIKED) for _ in rows], np.float32)
    parts = data.draw(st.lists(PART, min_size=1, max_size=4))
    flags = [data.draw(st.booleans()) for _ in rows]
    lists = LikedLists.of({f: column(f, rows) for f in VALUES}, liked)
    options, worths = [o for o, _ in parts], np.array([w for _, w in parts])
    for mask, allowed in ((EVERYTHING, [True] * len(rows)), (np.array(flags, np.bool_), flags)):
        expected = naive(rows, liked, parts, allowed)
        for k in (1, 3, 100):
            found, scores = lists.best(lists.spans(options), worths, mask, k)
            assert [(-float(s), int(r)) for r, s in zip(found, scores, strict=True)] == expected[:k]


def test_every_value_has_its_list_but_one_that_came_later():
    rows = [{"tags": [1, 2], "brand": [0]}, {"tags": [1], "brand": []}]
    lists = LikedLists.of({f: column(f, rows) for f in VALUES}, np.zeros(2, np.float32))
    spans = lists.spans([[("tags", 1), ("tags", NEW)], [("brand", 0)]])
    assert [(end - start, part) for start, end, part in spans] == [(2, 0), (1, 1)]


def test_long_lists_are_left_early_and_lose_nothing():
    rng = np.random.default_rng(5)
    rows = [
        {"tags": rng.choice(6, rng.integers(0, 3), replace=False).tolist(), "brand": [int(b)]}
        for b in rng.choice(3, 3_000, p=[0.01, 0.29, 0.7])
    ]
    liked = rng.random(3_000).astype(np.float32)
    lists = LikedLists.of({f: column(f, rows) for f in VALUES}, liked)
    parts = [([("brand", 0)], 0.6), ([("tags", 1)], 0.25), ([("tags", 2), ("brand", 1)], 0.15)]
    expected = naive(rows, liked, parts, [True] * 3_000)
    options, worths = [o for o, _ in parts], np.array([w for _, w in parts])
    for k in (1, 10, 100, 1_000):
        found, scores = lists.best(lists.spans(options), worths, EVERYTHING, k)
        assert [(-float(s), int(r)) for r, s in zip(found, scores, strict=True)] == expected[:k]


def test_scores_that_rounding_makes_equal_go_by_row():
    rows = [{"tags": [0], "brand": []}] * 3
    liked = np.array([0.1, 0.1000001, 0.05], np.float32)  # row 1 is read first
    lists = LikedLists.of({f: column(f, rows) for f in VALUES}, liked)
    assert len(set(lists.liked.tolist())) == 3
    found, scores = lists.best(lists.spans([[("tags", 0)]]), np.ones(1), EVERYTHING, 1)
    assert found.tolist() == [0]
    assert scores.tolist() == [np.float32(1) + TIE * np.float32(0.1)]
