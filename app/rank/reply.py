"""The reply to a rank call: scores, the versions that gave them, and features where asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from app.domain.arrays import F32, F64, I64, Array
from app.domain.errors import InvalidQuery
from app.rank.fields import Fields
from app.rank.wire import REPLY, pack, unpack

MAX_NAME = 256
MAX_FEATURES = 4_096
DTYPES = {"scores": np.float32, "places": np.int64, "features": np.float32, "lists": np.float64}
WHY = ("contributions", "differences")
"""Arrays of float64 that come where they were asked for."""


def _no_why() -> F64:
    return np.empty((0, 0), np.float64)


def _no_features() -> F32:
    return np.empty((0, 0), np.float32)


@dataclass(frozen=True, slots=True)
class RankReply:
    """n scores; k candidates with their d features."""

    request_id: str
    snapshot_id: str
    log_seq: int
    tables_id: str | None
    release_id: str
    elapsed_ms: float
    scores: F32  # (n,) aligned with the call's rows
    feature_names: tuple[str, ...] = ()  # (d,)
    places: I64 = field(default_factory=lambda: np.empty(0, np.int64))  # (k,) indices into rows
    features: F32 = field(default_factory=_no_features)  # (k, d)
    lists: Mapping[str, float] = field(default_factory=dict)  # with features: the list_* inputs
    base_score: float = 0.0  # with contributions: they are added to it
    contributions: F64 = field(default_factory=_no_why)  # (k, d), (0, 0) where not asked for
    differences: F64 = field(default_factory=_no_why)  # (k, d), (0, 0) where not asked for


def encode_reply(reply: RankReply) -> bytes:
    arrays: dict[str, Array] = {
        "scores": reply.scores,
        "places": reply.places,
        "features": reply.features,
        "lists": np.array(list(reply.lists.values()), np.float64),
    }
    arrays |= {name: getattr(reply, name) for name in WHY if getattr(reply, name).size}
    names = {"feature_names": reply.feature_names, "list_names": list(reply.lists)}
    return pack(REPLY, {**_facts(reply), **names}, arrays)


def decode_reply(body: bytes) -> RankReply:
    """Read a reply. Raises InvalidQuery where it is not one; values are the caller's to judge."""
    header, arrays = unpack(body, REPLY)
    fields = Fields(header)
    for name, dtype in DTYPES.items():
        if name not in arrays or arrays[name].dtype != dtype:
            raise InvalidQuery(f"arrays.{name}", None, f"{np.dtype(dtype)}", "send it")
    return RankReply(
        fields.text("request_id", MAX_NAME),
        fields.text("snapshot_id", MAX_NAME),
        fields.whole("log_seq"),
        fields.text_or_none("tables_id", MAX_NAME),
        fields.text("release_id", MAX_NAME),
        fields.number("elapsed_ms", 0, 1e9),
        arrays["scores"],
        fields.texts("feature_names", MAX_FEATURES, MAX_NAME),
        arrays["places"],
        arrays["features"],
        _lists(fields.texts("list_names", MAX_FEATURES, MAX_NAME), arrays["lists"]),
        fields.number("base_score", -1e30, 1e30, 0.0),
        *(_why(name, arrays) for name in WHY),
    )


def reply_as_json(reply: RankReply) -> dict[str, Any]:
    """The same for people: scores as a list, each row's features by name."""
    tables = {"values": reply.features}
    tables |= {name: getattr(reply, name) for name in WHY if getattr(reply, name).size}
    features = [
        {
            "place": int(at),
            **{n: dict(zip(reply.feature_names, t[i], strict=True)) for n, t in tables.items()},
        }
        for i, at in enumerate(reply.places)
    ]
    return {**_facts(reply), "scores": reply.scores, "features": features}


def _why(name: str, arrays: Mapping[str, Array]) -> F64:
    array = arrays.get(name)
    if array is None:
        return _no_why()
    if array.dtype != np.float64:
        raise InvalidQuery(f"arrays.{name}", array.dtype.str, "float64", "send it")
    return array


def _lists(names: tuple[str, ...], values: Array) -> dict[str, float]:
    if values.shape != (len(names),):
        raise InvalidQuery("arrays.lists", values.shape, f"{len(names)} values", "name each once")
    return dict(zip(names, values.tolist(), strict=True))


def versions_of(reply: RankReply) -> dict[str, Any]:
    """Name the request and what answered it: snapshot, log_seq, tables, release."""
    return {
        "request_id": reply.request_id,
        "snapshot_id": reply.snapshot_id,
        "log_seq": reply.log_seq,
        "tables_id": reply.tables_id,
        "release_id": reply.release_id,
    }


def _facts(reply: RankReply) -> dict[str, Any]:
    return {
        **versions_of(reply),
        "elapsed_ms": round(reply.elapsed_ms, 3),
        **({"base_score": reply.base_score} if reply.contributions.size else {}),
    }
