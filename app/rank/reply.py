"""The reply to a rank call: scores, the versions that gave them, and features where asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Annotated, Any

import numpy as np
from msgspec import Meta, Struct
from msgspec.json import Decoder

from app.domain.arrays import F32, F64, I64, Array
from app.domain.errors import InvalidQuery
from app.rank.typed import Whole, read
from app.rank.wire import (
    REPLY,
    Arrays,
    Described,
    Lengths,
    Listed,
    described,
    form_text,
    frame,
    opened,
)  # fmt: skip

MAX_NAME = 256
MAX_FEATURES = 4_096
STANDING = (
    "snapshot_id", "log_seq", "tables_id", "release_id", "feature_names", "list_names",
)  # fmt: skip
REMEMBERED = 64  # forms: of each release one, and one with features
WHY = ("contributions", "differences")
"""Arrays that come where they were asked for."""

FORMS = {
    "scores": (np.float32, 1), "places": (np.int64, 1), "features": (np.float32, 2),
    "lists": (np.float64, 1), **dict.fromkeys(WHY, (np.float64, 2)),
}  # fmt: skip
"""Dtype and dimensions of each array."""

_NO_WHY: F64 = np.empty((0, 0), np.float64)


def _no_why() -> F64:
    return _NO_WHY


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
    base_score: float = 0.0  # with contributions, which are added to it
    # (k, d) each, (0, 0) where not asked for
    contributions: F64 = field(default_factory=_no_why)
    differences: F64 = field(default_factory=_no_why)


def encode_reply(reply: RankReply) -> bytes:
    why = (reply.contributions, reply.differences)
    form = _written_form(
        reply.snapshot_id, reply.log_seq, reply.tables_id, reply.release_id, reply.feature_names,
        (*reply.lists,), *(array.size > 0 for array in why),
    )  # fmt: skip
    lists = np.array([*reply.lists.values()], np.float64)
    arrays: list[Array] = [reply.scores, reply.places, reply.features, lists]
    arrays += [array for array in why if array.size]
    header = {"request_id": reply.request_id, "elapsed_ms": round(reply.elapsed_ms, 3)}
    return frame(REPLY, form, header | _base(reply), arrays)


@lru_cache(REMEMBERED)
def _written_form(
    snapshot_id: str, log_seq: int, tables_id: str | None, release_id: str,
    feature_names: tuple[str, ...], list_names: tuple[str, ...], *has_why: bool,
) -> bytes:  # fmt: skip
    said = (snapshot_id, log_seq, tables_id, release_id, feature_names, list_names)
    left_out = {name for name, has in zip(WHY, has_why, strict=True) if not has}
    arrays = [
        Described(name, np.dtype(dtype), dimensions)
        for name, (dtype, dimensions) in FORMS.items()
        if name not in left_out
    ]
    return form_text(dict(zip(STANDING, said, strict=True)), arrays)


Name = Annotated[str, Meta(max_length=MAX_NAME)]
Names = Annotated[tuple[Name, ...], Meta(max_length=MAX_FEATURES)]


class Standing(Struct, frozen=True):
    """What replies say again and again, checked once."""

    snapshot_id: Name
    log_seq: Whole
    tables_id: Name | None
    release_id: Name
    feature_names: Names
    list_names: Names
    arrays: Listed


class Passing(Struct, frozen=True):
    """What each reply says for itself."""

    request_id: Name
    elapsed_ms: Annotated[float, Meta(ge=0, le=1e9)]
    base_score: Annotated[float, Meta(ge=-1e30, le=1e30)] = 0.0
    shapes: Lengths = []


FORM, REST = Decoder(Standing), Decoder(Passing)


def decode_reply(body: bytes) -> RankReply:
    """Read a reply. Raises InvalidQuery where it is not one; values are the caller's to judge."""
    standing, said, arrays = opened(body, REPLY, _read_form, partial(read, REST, whole="header"))
    return RankReply(
        said.request_id,
        standing.snapshot_id,
        standing.log_seq,
        standing.tables_id,
        standing.release_id,
        said.elapsed_ms,
        arrays["scores"],
        standing.feature_names,
        arrays["places"],
        arrays["features"],
        _lists(standing.list_names, arrays["lists"]),
        said.base_score,
        arrays.get("contributions", _NO_WHY),
        arrays.get("differences", _NO_WHY),
    )


@lru_cache(REMEMBERED)
def _read_form(text: bytes) -> tuple[Standing, Arrays]:
    standing = read(FORM, text, "form")
    arrays = described(standing.arrays)
    given = {array.name: array for array in arrays}
    for name, (dtype, dimensions) in FORMS.items():
        array = given.get(name)
        fits = array is not None and array.dtype == dtype and array.dimensions == dimensions
        if not fits and not (array is None and name in WHY):
            limit = f"{np.dtype(dtype)} of {dimensions} dimensions"
            raise InvalidQuery(f"arrays.{name}", None, limit, "send it")
    for name in ("feature_names", "list_names"):
        if len(set(names := getattr(standing, name))) < len(names):
            raise InvalidQuery(name, names, "different names", "say each once")
    return standing, arrays


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
        **_base(reply),
    }


def _base(reply: RankReply) -> dict[str, float]:
    return {"base_score": reply.base_score} if reply.contributions.size else {}
