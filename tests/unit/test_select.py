"""From scores to a page."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from app.pipeline.select import pick


@given(
    scores=hnp.arrays(np.float32, st.integers(0, 60), elements=st.sampled_from([0, 1, 2.5, -3])),
    offset=st.integers(0, 70),
    limit=st.integers(1, 70),
    seed=st.integers(0, 9),
)
def test_a_page_is_a_slice_of_the_whole_order(scores, offset, limit, seed):
    rows = np.random.default_rng(seed).permutation(scores.size).astype(np.int32)
    whole = sorted(range(scores.size), key=lambda i: (-scores[i], rows[i]))
    assert pick(rows, scores, offset, limit).tolist() == whole[offset : offset + limit]
