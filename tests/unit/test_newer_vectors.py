"""What a cache line tells of a vector, against its cosine."""

import numpy as np
import pytest

from app.recall.newer_vectors import ROUNDING, main_axes, told_of


@pytest.mark.parametrize("dim", [3, 16, 64])
@pytest.mark.parametrize("seed", range(3))
def test_no_cosine_is_above_what_the_bound_allows(dim, seed):
    rng = np.random.default_rng(seed)
    spread = rng.uniform(0.05, 1.0, dim)  # so that some axes say more than others
    vectors = (rng.normal(size=(400, dim)) * spread).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1)[:, None]
    axes = main_axes(vectors[:200])
    told = told_of(vectors, axes)
    for query in vectors[:50]:  # its own cosine is 1, which a bound must just reach
        bounds = told @ told_of(query[None], axes)[0]
        assert (bounds >= vectors @ query - ROUNDING).all()


def test_a_row_without_a_vector_tells_nothing():
    axes = main_axes(np.eye(20, dtype=np.float32))
    assert not told_of(np.zeros((1, 20), np.float32), axes).any()
