"""How a query's words meet a field: the kernel against the definition, told token by token."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.corpus.row_store import FIRST_TOKENS, RowColumns, RowStore
from app.domain.user import UserState
from app.features.row_pass import RowInputs, read_rows
from app.features.text_match import FIELD_MATCHES
from tests.oracles.naive_bm25 import column

VOCABULARY = 200
N = 50
documents = st.lists(st.lists(st.integers(0, VOCABULARY - 1), max_size=12), min_size=1, max_size=6)
small = st.lists(st.lists(st.integers(0, 5), max_size=12), min_size=1, max_size=6)
queries = st.lists(st.integers(0, 5), max_size=6, unique=True)


def match_rows(store: RowStore, rows: np.ndarray, ids: np.ndarray) -> RowInputs:
    return read_rows(store, rows, ids, N, UserState.stranger())


def matches(tokens: list[list[int]], terms: list[int]) -> np.ndarray:
    rows = np.arange(len(tokens), dtype=np.int32)
    return match_rows(store(tokens), rows, np.array(terms, np.int32)).text[:, 0]


def store(*fields: list[list[int]]) -> RowStore:
    columns = {str(name): column(tokens, VOCABULARY) for name, tokens in enumerate(fields)}
    return RowStore.pack(RowColumns(
        {name: c.tokens for name, c in columns.items()}, {}, {},
        {name: c.df for name, c in columns.items()},
    ))  # fmt: skip


def one(tokens: list[int], terms: list[int]) -> dict[str, float]:
    return dict(zip(FIELD_MATCHES, matches([tokens], terms)[0].tolist(), strict=True))


def naive(tokens: list[list[int]], row: int, terms: list[int]) -> list[float]:
    """The module's docstring, word by word."""
    field = tokens[row]
    if not field or not terms:
        return [np.nan] * len(FIELD_MATCHES)
    df = [sum(t in other for other in tokens) for t in terms]
    idf = [np.log(1 + (N - d + 0.5) / (d + 0.5)) for d in df]
    filled = [len(other) for other in tokens if other]
    norm = 0.25 + 0.75 * len(field) / (sum(filled) / len(filled))
    tf = [field.count(t) / norm for t in terms]
    at = [p for p, token in enumerate(field) if token in terms]
    found = [t for t in terms if t in field]
    runs = [
        length
        for length in range(1, len(terms) + 1)
        for p in range(len(field))
        for q in range(len(terms) - length + 1)
        if field[p : p + length] == terms[q : q + length]
    ]
    windows = [
        b - a + 1
        for a, b in [*combinations(at, 2), *((p, p) for p in at)]
        if set(found) <= set(field[a : b + 1])
    ]
    return [
        sum(w * x / (1.2 + x) for w, x in zip(idf, tf, strict=True)),
        len(found) / len(terms),
        sum(w for w, t in zip(idf, terms, strict=True) if t in field) / sum(idf),
        len(at) / len(field),
        float(field[0] == terms[0]),
        1 / (1 + at[0]) if at else 0.0,
        max(runs, default=0),
        len(found) / min(windows) if at else 0.0,
        float(field == terms),
    ]


@settings(max_examples=300, deadline=None)
@given(tokens=st.one_of(documents, small), terms=queries)
def test_every_match_is_what_its_definition_says(tokens: list[list[int]], terms: list[int]) -> None:
    found = matches(tokens, terms)
    expected = np.array([naive(tokens, row, terms) for row in range(len(tokens))])
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@settings(max_examples=50, deadline=None)
@given(tokens=documents, terms=queries, seed=st.integers(0, 99))
def test_a_rows_matches_depend_on_no_other_row(
    tokens: list[list[int]], terms: list[int], seed: int
) -> None:
    field, ids = store(tokens), np.array(terms, np.int32)
    rows = np.arange(len(tokens), dtype=np.int32)
    together = match_rows(field, rows, ids).text[:, 0].T
    some = np.random.default_rng(seed).permutation(rows)[: 1 + seed % len(rows)]
    alone = match_rows(field, some, ids).text[:, 0].T
    assert np.array_equal(alone.view(np.int32), together[:, some].view(np.int32))


def test_an_unknown_term_is_asked_for_and_never_found() -> None:
    found = one([3, 4], [3, -1])
    assert found["coverage"] == 0.5
    assert 0 < found["idf_coverage"] < 0.5
    assert found["equals"] == 0


def test_a_term_of_the_same_residue_passes_the_sieve_and_is_still_another_term() -> None:
    assert one([3 + 64, 3 + 128], [3])["coverage"] == 0


def test_a_missing_field_is_nan_and_a_field_without_a_match_is_zero() -> None:
    found = matches([[], [9]], [3])
    assert np.isnan(found[0]).all()
    assert (found[1] == 0).all()
    assert np.isnan(matches([[9]], [])).all()


def test_the_shortest_window_wins_over_the_first() -> None:
    assert one([1, 9, 9, 2, 1], [1, 2])["proximity"] == 1
    assert one([1, 9, 2, 9, 9], [1, 2])["proximity"] == pytest.approx(2 / 3)


def test_equals_wants_every_term_in_order_and_nothing_else() -> None:
    assert one([1, 2], [1, 2])["equals"] == 1
    assert one([2, 1], [1, 2])["equals"] == 0
    assert one([1, 2, 2], [1, 2])["equals"] == 0


def test_what_stands_behind_the_first_tokens_of_a_long_field_is_not_read() -> None:
    padding = [9] * FIRST_TOKENS
    assert one([*padding, 1], [1])["coverage"] == 0
    assert one([*padding[1:], 1], [1])["coverage"] == 1


@settings(max_examples=100, deadline=None)
@given(
    pair=st.integers(1, 5).flatmap(
        lambda n: st.tuples(
            *[st.lists(st.lists(st.integers(0, 5), max_size=6), min_size=n, max_size=n)] * 2
        )
    ),
    terms=queries,
)
def test_fields_side_by_side_match_as_each_alone(
    pair: tuple[list[list[int]], list[list[int]]], terms: list[int]
) -> None:
    rows, ids = np.arange(len(pair[0]), dtype=np.int32), np.array(terms, np.int32)
    both = match_rows(store(*pair), rows, ids)
    for place, tokens in enumerate(pair):
        alone = match_rows(store(tokens), rows, ids).text[:, 0]
        assert np.array_equal(both.text[:, place], alone, equal_nan=True)
    best = np.fmax(both.text[:, 0, 1], both.text[:, 1, 1])
    assert np.array_equal(both.any_coverage, best, equal_nan=True)
