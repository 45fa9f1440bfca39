"""From scores to a page."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from app.pipeline.select import best_first


@given(
    hnp.arrays(
        np.float32, st.integers(0, 60), elements=st.sampled_from([0, -0.0, 1, 2.5, -3, -np.inf])
    )
)
def test_equal_scores_stay_as_the_merge_had_them(scores):
    expected = sorted(range(scores.size), key=lambda place: (-scores[place], place))
    assert best_first(scores).tolist() == expected
