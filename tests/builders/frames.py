"""Frames of rank calls as tests make them: a header, arrays, both in JSON, and junk."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import orjson
from hypothesis import settings
from hypothesis import strategies as st

from app.domain.errors import InvalidQuery

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
MANY = settings(max_examples=300, deadline=None)


def a_header(**changed: Any) -> dict[str, Any]:
    return {
        "request_id": "r1", "snapshot_id": "s1", "log_seq": 4, "tables_id": None,
        "release_id": "m1", "now_ms": 1_760_000_000_000, "timeout_ms": 150.5,
        "query": {
            "text": "老灶 tea", "terms": ["老灶", "tea"], "limit": 10, "offset": 0,
            "user_id": "u1", "client_id": None, "origin": {"lat": 31.25, "lon": 121.5},
        },
        "user": {"id": "u1", "preferences": {"category": 2}},
        "channels": ["lexical", "geo"],
        **changed,
    }  # fmt: skip


def some_arrays(**changed: Any) -> dict[str, Any]:
    return {
        "rows": np.array([7, 2, 5], np.int32),
        "fused": np.array([0.9, 0.5, 0.1], np.float32),
        "scores": np.array([[1.5, np.nan], [np.nan, 2], [0, 1]], np.float32),
        "ranks": np.array([[1, 0], [0, 1], [3, 2]], np.int16),
        "query.vector": np.array([0.6, 0.8], np.float32),
        "user.rows": np.array([2, 9], np.int32),
        "user.times_ms": np.array([1_750_000_000_000, 7], np.int64),
        "user.weights": np.array([1, 0.5], np.float32),
        "user.log_price": np.array([4.25, np.nan]),
        "preferences.codes": np.array([1, 4], np.int32),
        "preferences.weights": np.array([0.25, 0.75], np.float32),
        **changed,
    }


def as_json(header: dict[str, Any], arrays: dict[str, Any]) -> bytes:
    return orjson.dumps({**header, "arrays": arrays}, option=orjson.OPT_SERIALIZE_NUMPY)


def texts_of(frame: bytes) -> tuple[bytes, bytes]:
    """Form and header of a frame."""
    of_form, of_header = np.frombuffer(frame, "<u4", 2, 8).tolist()
    begins = 16 + of_form
    return frame[16:begins], frame[begins : begins + of_header]


def with_texts(frame: bytes, form: bytes, header: bytes) -> bytes:
    """The same frame with other texts."""
    before = sum(map(len, texts_of(frame))) + 16
    lengths = b"".join(len(text).to_bytes(4, "little") for text in (form, header))

    return frame[:8] + lengths + form + header + frame[before:]


def read_or_refuse(decode: Any, body: Any) -> None:
    """Only InvalidQuery may leave a decoder."""
    with suppress(InvalidQuery):
        decode(body)
