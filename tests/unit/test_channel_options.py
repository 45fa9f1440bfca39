"""A channel's own configuration keys, and the ranking arithmetic that channels share."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import InvalidInput
from app.recall.channels.behaviour import BehaviourOptions
from app.recall.channels.geo import GeoOptions
from app.recall.channels.profile import ProfileOptions
from app.recall.options import read_options
from app.recall.topk import top_rows


def test_unsaid_keys_keep_their_defaults():
    assert read_options(GeoOptions, "geo", {}) == GeoOptions()
    assert read_options(GeoOptions, "geo", {"radius_km": 5}) == GeoOptions(radius_km=5)
    bands = read_options(ProfileOptions, "profile", {"bands": ["price"]}).bands
    assert bands == ("price",)


@pytest.mark.parametrize(
    ("kind", "config", "named"),
    [
        (GeoOptions, {"radius": 5}, "channels.x.radius: .* radius_km"),
        (GeoOptions, {"radius_km": "5"}, "channels.x.radius_km"),
        (GeoOptions, {"radius_km": True}, "channels.x.radius_km"),
        (GeoOptions, {"radius_km": -1.0}, "from 0 up"),
        (GeoOptions, {"radius_km": float("nan")}, "from 0 up"),
        (BehaviourOptions, {"max_history": 1.5}, "channels.x.max_history"),
        (BehaviourOptions, {"exclude_seen": 1}, "channels.x.exclude_seen"),
        (ProfileOptions, {"bands": "price"}, "channels.x.bands"),
        (ProfileOptions, {"fields": {"tags": "much"}}, "channels.x.fields"),
        (ProfileOptions, {"fields": {"tags": -1}}, "from 0 up"),
    ],
)
def test_a_misspelt_key_or_a_wrong_value_is_refused_by_name(kind, config, named):
    with pytest.raises(InvalidInput, match=named):
        read_options(kind, "x", config)


@given(st.lists(st.integers(0, 6), max_size=40), st.integers(1, 30), st.sampled_from([1, 2, 200]))
def test_the_top_is_that_of_a_full_sort(few, k, copies):
    scores = np.array(few * copies, np.float32)
    rows = np.random.default_rng(0).permutation(scores.size).astype(np.int32)
    expected = sorted(zip(-scores, rows, strict=True))[:k]
    best, best_scores = top_rows(rows, scores, k)
    assert list(zip(-best_scores, best, strict=True)) == expected
