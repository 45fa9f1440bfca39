"""Impressions of every shape, drawn or made, and what it means that two are the same."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
from hypothesis import strategies as st

from app.domain.impressions import Impression
from app.domain.query import GeoPoint
from tests.builders.requests import NOW_MS

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
finite = st.floats(allow_nan=False, allow_infinity=False)  # JSON knows no others
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | finite | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
any_bits = st.integers(0, 2**32 - 1)
"""Every float32, its NaNs told apart."""


@st.composite
def impressions(draw: Any) -> Impression:
    """Any that can be written: empty, browsing, without a model, with NaN of all bits."""
    m, c, d = draw(st.integers(0, 4)), draw(st.integers(0, 3)), draw(st.integers(0, 3))
    shown = draw(st.integers(0, m))
    return Impression(
        request_id=draw(words), now_ms=draw(st.integers(0, 4 * 86_400_000)), text=draw(words),
        terms=tuple(draw(st.lists(words, max_size=3))), user_id=draw(st.none() | words),
        client_id=draw(st.none() | words),
        origin=draw(st.none() | st.builds(GeoPoint, st.floats(-90, 90), st.floats(-180, 180))),
        radius_km=draw(st.none() | st.floats(0, 20_000)),
        filters=draw(st.none() | st.dictionaries(words, json_values, max_size=3)),
        limit=draw(st.integers(1, 1000)), offset=draw(st.integers(0, 9_000)),
        snapshot_id=draw(words), tables_id=draw(st.none() | words),
        release_id=draw(st.none() | words), experiment=draw(st.none() | words),
        shadow_release_id=draw(st.none() | words), shadow_scores=draw_floats(draw, m),
        shadow_ranks=np.array(
            draw(st.lists(st.integers(0, 10_000), min_size=m, max_size=m)), np.int32
        ),
        log_seq=draw(st.integers(0, 2**53)),
        event_seq=draw(st.integers(0, 2**53)), degraded=tuple(draw(st.lists(words, max_size=2))),
        ids=tuple(draw(st.lists(words, min_size=m, max_size=m))), shown=shown,
        fused=draw_floats(draw, m), scores=draw_floats(draw, m),
        channels=tuple(draw(st.lists(words, min_size=c, max_size=c))),
        hit_scores=draw_floats(draw, m, c),
        hit_ranks=np.array(
            draw(st.lists(st.integers(0, 1000), min_size=m * c, max_size=m * c)), np.int16
        ).reshape(m, c),
        lists=draw(st.dictionaries(words, st.floats(), max_size=3)),
        feature_names=tuple(draw(st.lists(words, min_size=d, max_size=d))),
        features=draw_floats(draw, m, d),
        has_features=np.array(draw(st.lists(st.booleans(), min_size=m, max_size=m)), np.bool_),
        moved_by=draw(st.just(()) | st.tuples(*[words] * shown)),
        drawn=draw_floats(draw, draw(st.sampled_from([0, shown]))),
    )  # fmt: skip


def draw_floats(draw: Any, *shape: int) -> np.ndarray:
    size = int(np.prod(shape))
    bits = draw(st.lists(any_bits, min_size=size, max_size=size))
    return np.array(bits, np.uint32).view(np.float32).reshape(shape)


def make_impression(request_id: str = "r1", now_ms: int = NOW_MS, m: int = 3) -> Impression:
    """One of m documents, two channels and two features; all but the last one shown."""
    table = np.arange(2 * m, dtype=np.float32).reshape(m, 2)
    return Impression(
        request_id, now_ms, "火锅", ("火锅",), "u1",
        ids=tuple(f"d{i}" for i in range(m)), shown=m - 1,
        fused=table[:, 0], scores=table[:, 1], channels=("lexical", "geo"), hit_scores=table,
        hit_ranks=table.astype(np.int16), lists={"list_size": float(m)},
        feature_names=("bm25(title)", "cosine"), features=table, has_features=np.ones(m, np.bool_),
    )  # fmt: skip


def bits(impression: Impression) -> dict[str, Any]:
    """Everything an impression holds, so that == compares floats by their bits."""
    return {f.name: _bits(getattr(impression, f.name)) for f in fields(impression)}


def _bits(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, dict) and all(type(v) is float for v in value.values()):
        return {name: np.float64(v).tobytes() for name, v in value.items()}
    return value
