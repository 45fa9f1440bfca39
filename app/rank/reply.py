"""The reply to a rank call: scores, the versions that gave them, and features where asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from app.domain.arrays import F32, I64, Array
from app.domain.errors import InvalidQuery
from app.rank.fields import Fields
from app.rank.wire import REPLY, pack, unpack

MAX_NAME = 256
MAX_FEATURES = 4_096


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


def encode_reply(reply: RankReply) -> bytes:
    arrays: dict[str, Array] = {
        "scores": reply.scores,
        "places": reply.places,
        "features": reply.features,
    }
    return pack(REPLY, {**_facts(reply), "feature_names": reply.feature_names}, arrays)


def decode_reply(body: bytes) -> RankReply:
    """Read a reply. Raises InvalidQuery where it is not one; values are the caller's to judge."""
    header, arrays = unpack(body, REPLY)
    fields = Fields(header)
    for name, dtype in (("scores", np.float32), ("places", np.int64), ("features", np.float32)):
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
    )


def reply_as_json(reply: RankReply) -> dict[str, Any]:
    """The same for people: scores as a list, each row's features by name."""
    features = [
        {"place": int(at), "values": dict(zip(reply.feature_names, line, strict=True))}
        for at, line in zip(reply.places, reply.features.tolist(), strict=True)
    ]
    return {**_facts(reply), "scores": reply.scores, "features": features}


def _facts(reply: RankReply) -> dict[str, Any]:
    return {
        "request_id": reply.request_id,
        "snapshot_id": reply.snapshot_id,
        "log_seq": reply.log_seq,
        "tables_id": reply.tables_id,
        "release_id": reply.release_id,
        "elapsed_ms": round(reply.elapsed_ms, 3),
    }
