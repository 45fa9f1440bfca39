"""The record of a row against the columns that it was laid out from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from app.corpus.ragged import Ragged
from app.corpus.row_store import FIRST_TOKENS, RowColumns, RowStore

Lists = list[list[int]]
numbers = st.floats(allow_infinity=True, allow_nan=True)


@st.composite
def columns(draw: st.DrawFn) -> tuple[list[Lists], list[Lists], list[list[float]], int]:
    n = draw(st.integers(1, 5))
    lists = st.lists(st.lists(st.integers(0, 9), max_size=5), min_size=n, max_size=n)
    floats = st.lists(st.lists(numbers, min_size=n, max_size=n), max_size=3)
    tokens, codes = (draw(st.lists(lists, min_size=1, max_size=3)) for _ in range(2))
    return tokens, codes, draw(floats), n


def packed(tokens: list[Lists], codes: list[Lists], values: list[list[float]]) -> RowStore:
    return RowStore.pack(
        RowColumns(
            {f"t{i}": Ragged.pack(t, np.int32) for i, t in enumerate(tokens)},
            {f"c{i}": Ragged.pack(c, np.int32) for i, c in enumerate(codes)},
            {f"n{i}": np.array(v) for i, v in enumerate(values)},
            {f"t{i}": np.zeros(10, np.int32) for i in range(len(tokens))},
        )
    )


@settings(max_examples=100, deadline=None)
@given(drawn=columns())
def test_a_record_is_numbers_lengths_counts_tokens_and_codes_in_this_order(
    drawn: tuple[list[Lists], list[Lists], list[list[float]], int],
) -> None:
    tokens, codes, values, n = drawn
    store = packed(tokens, codes, values)
    for row in range(n):
        wide = np.array([v[row] for v in values]).view(np.int32).tolist()
        lengths = [len(column[row]) for column in (*tokens, *codes)]
        entries = [entry for column in (*tokens, *codes) for entry in column[row]]
        record = [*wide, *lengths, *entries]
        assert store.records[row].tolist() == record + [0] * (len(record) % 2)
    heads, lengths_of = store.heads(np.arange(n, dtype=np.int32))
    assert np.array_equal(heads, np.array(values).reshape(len(values), n), equal_nan=True)
    assert lengths_of.tolist() == [[len(entry) for entry in column] for column in tokens]


def test_a_long_field_is_cut_in_the_record_and_keeps_its_true_length() -> None:
    long = list(range(FIRST_TOKENS + 7))
    store = packed([[long], [[5]]], [[[3, 4]]], [])
    record = store.records[0].tolist()
    assert record[:3] == [FIRST_TOKENS + 7, 1, 2]
    assert record[3 : 3 + FIRST_TOKENS] == long[:FIRST_TOKENS]
    assert record[3 + FIRST_TOKENS : 6 + FIRST_TOKENS] == [5, 3, 4]
    assert store.heads(np.array([0], np.int32))[1].tolist() == [[FIRST_TOKENS + 7], [1]]


def test_what_is_saved_is_opened_alike(tmp_path: Path) -> None:
    tokens = {"title": Ragged.pack([[1, 2], []], np.int32)}
    parts = RowColumns(
        tokens, {}, {"price": np.array([1.5, np.nan])}, {"title": np.ones(3, np.int32)}
    )
    RowStore.pack(parts).save(tmp_path)
    opened = RowStore.open(tmp_path, parts)
    assert np.array_equal(opened.heads(np.array([1, 0]))[0], [[np.nan, 1.5]], equal_nan=True)
    assert opened.average_lengths.tolist() == [2.0]
