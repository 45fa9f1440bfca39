"""Two sets of rows in one order, against sorting all of them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.recall.topk import add_rows, top_rows

SCORED = st.dictionaries(
    st.integers(0, 60), st.sampled_from([-1.5, -0.0, 0.0, 0.25, 0.5, 3.0]), max_size=40
)


def arrays(scored):
    return np.array([*scored], np.int32), np.array([*scored.values()], np.float32)


@given(SCORED, SCORED, st.integers(0, 30))
def test_rows_that_are_added_stand_where_sorting_everything_puts_them(scored, others, k):
    others = {row + 30: score for row, score in others.items() if row + 30 not in scored}
    rows, scores = add_rows(*top_rows(*arrays(scored), k), *arrays(others), k)
    wanted = sorted(({**scored, **others}).items(), key=lambda pair: (-pair[1], pair[0]))[:k]
    assert [*zip(rows.tolist(), scores.tolist(), strict=True)] == wanted
