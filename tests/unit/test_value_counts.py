"""Counting values by rows and by lists, against a Counter."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.corpus.documents import KeywordColumn
from app.corpus.ragged import Dictionary, Ragged
from app.pipeline.value_counts import count_values

VALUES = ("tea", "wifi", "茶", "火锅", "late")
ROWS = st.lists(st.lists(st.integers(0, len(VALUES) - 1), max_size=4), min_size=1, max_size=40)


def column_of(rows: list[list[int]], counted: int) -> KeywordColumn:
    """Values may stand twice in a row; lists hold the first `counted` rows, those twice as well."""
    lists = [[i for i, row in enumerate(rows[:counted]) for v in row if v == code]
             for code in range(len(VALUES))]  # fmt: skip
    pack = Ragged.pack
    return KeywordColumn(pack(rows, np.int32), Dictionary.pack(VALUES), pack(lists, np.int32))


@given(ROWS, st.data())
def test_values_are_counted_once_a_row_however_many_rows_there_are(rows, data):
    counted = data.draw(st.integers(0, len(rows)))
    wanted = data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    chosen = np.flatnonzero(wanted).astype(np.int32)
    counts, having = count_values(column_of(rows, counted), counted, chosen)
    naive = Counter(code for i in chosen.tolist() for code in set(rows[i]))
    assert counts.tolist() == [naive[code] for code in range(len(VALUES))]
    assert having == sum(bool(rows[i]) for i in chosen.tolist())
