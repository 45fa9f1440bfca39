"""Impressions as Arrow columns and back, to the bit: one record a search, a list column a table.

A table (m, d) lies in its list row by row; its width is the length of `channels` or
`feature_names` beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import chain, pairwise
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from app.domain.arrays import F32, I16, Array, Bools
from app.domain.errors import InvalidInput
from app.domain.impressions import Impression
from app.domain.query import GeoPoint

WORDS = ("terms", "degraded", "ids", "channels", "feature_names", "moved_by")
ARRAYS: Mapping[str, Any] = {
    "fused": pa.float32(), "scores": pa.float32(),
    "shadow_scores": pa.float32(), "shadow_ranks": pa.int32(), "hit_scores": pa.float32(),
    "hit_ranks": pa.int16(), "features": pa.float32(), "has_features": pa.bool_(),
    "drawn": pa.float32(),
}  # fmt: skip
SCALARS: Mapping[str, Any] = {
    "request_id": pa.string(), "now_ms": pa.int64(), "text": pa.string(), "user_id": pa.string(),
    "client_id": pa.string(), "radius_km": pa.float64(), "limit": pa.int32(),
    "offset": pa.int32(), "snapshot_id": pa.string(), "tables_id": pa.string(),
    "release_id": pa.string(), "experiment": pa.string(), "shadow_release_id": pa.string(),
    "log_seq": pa.int64(), "event_seq": pa.int64(),
    "shown": pa.int32(),
}  # fmt: skip
SCHEMA = pa.schema(
    [
        *(pa.field(name, kind) for name, kind in SCALARS.items()),
        pa.field("lat", pa.float64()),  # degrees, WGS84
        pa.field("lon", pa.float64()),
        pa.field("filters", pa.string()),  # JSON
        *(pa.field(name, pa.list_(pa.string())) for name in WORDS),
        *(pa.field(name, pa.list_(kind)) for name, kind in ARRAYS.items()),
        pa.field("lists", pa.map_(pa.string(), pa.float64())),
    ]
)
_STORED_AS: Mapping[str, tuple[str, ...]] = {
    "origin": ("lat", "lon"),
    "hit_scores": ("hit_scores", "channels", "ids"),
    "hit_ranks": ("hit_ranks", "channels", "ids"),
    "features": ("features", "feature_names", "ids"),
}
"""Fields that are read from other columns than the one of their name."""


def to_table(impressions: Sequence[Impression]) -> pa.Table:
    """Lay impressions out by SCHEMA, in their order."""
    origins = [i.origin for i in impressions]
    columns: dict[str, Any] = {
        name: pa.array([getattr(i, name) for i in impressions], kind)
        for name, kind in SCALARS.items()
    }
    columns["lat"] = pa.array([o and o.lat for o in origins], pa.float64())
    columns["lon"] = pa.array([o and o.lon for o in origins], pa.float64())
    filters = [i.filters for i in impressions]
    columns["filters"] = pa.array([_json(f) for f in filters], pa.string())
    for name in WORDS:
        columns[name] = _words([getattr(i, name) for i in impressions])
    for name, kind in ARRAYS.items():
        columns[name] = _arrays([getattr(i, name) for i in impressions], kind)
    columns["lists"] = _lists([i.lists for i in impressions])
    return pa.Table.from_arrays([columns[field.name] for field in SCHEMA], schema=SCHEMA)


def columns_of(fields: Collection[str] | None) -> list[str]:
    """Return the stored columns that these fields of an Impression are made from; None: all."""
    if fields is None:
        return list(SCHEMA.names)
    known = Impression.__dataclass_fields__
    for name in fields:
        if name not in known:
            raise InvalidInput(f"no field {name!r} in an impression; known: {', '.join(known)}")
    stored = ("request_id", "now_ms", *(c for f in fields for c in _STORED_AS.get(f, (f,))))
    return [name for name in SCHEMA.names if name in stored]


def held_columns(schema: pa.Schema, wanted: Sequence[str]) -> list[str]:
    """Return those that a file has; one of an earlier version may lack some. Checks their types."""
    held = [name for name in wanted if name in schema.names]
    for name in ("request_id", "now_ms", *held):
        if name not in schema.names or schema.field(name).type != SCHEMA.field(name).type:
            raise InvalidInput(f"its column {name} is missing or of another type")
    for name in {c for n in held for c in _STORED_AS.get(n, ())} - set(held):
        raise InvalidInput(f"its column {name} is missing")
    return held


def from_batch(batch: pa.RecordBatch) -> Iterator[Impression]:
    """Make the impressions of a batch one by one. Columns that it lacks hold their defaults."""
    columns = {name: _reader(name)(batch.column(name)) for name in batch.schema.names}
    for i in range(batch.num_rows):
        yield _impression({name: values[i] for name, values in columns.items()})


def _impression(values: dict[str, Any]) -> Impression:
    lat, lon = values.pop("lat", None), values.pop("lon", None)
    if lat is not None and lon is not None:
        values["origin"] = GeoPoint(lat, lon)
    m = len(values.get("ids", ()))
    for name, width in (
        ("hit_scores", "channels"), ("hit_ranks", "channels"), ("features", "feature_names")
    ):  # fmt: skip
        if name in values:
            values[name] = values[name].reshape(m, len(values[width]))
    return Impression(**values)


def _reader(name: str) -> Callable[[Any], Sequence[Any]]:
    if name in ARRAYS:
        return _read_arrays
    return {"filters": _read_json, "lists": _read_lists}.get(
        name, _read_words if name in WORDS else _read_scalars
    )


def _read_scalars(column: Any) -> list[Any]:
    values: list[Any] = column.to_pylist()
    return values


def _read_words(column: Any) -> list[tuple[str, ...]]:
    return [tuple(words) for words in column.to_pylist()]


def _read_json(column: Any) -> list[Any]:
    return [None if text is None else orjson.loads(text) for text in column.to_pylist()]


def _read_lists(column: Any) -> list[dict[str, float]]:
    return [dict(entries) for entries in column.to_pylist()]


def _read_arrays(column: Any) -> list[F32 | I16 | Bools]:
    """Copy each list out, so that one impression does not keep its whole batch in memory."""
    offsets = column.offsets.to_numpy()
    values = column.values.to_numpy(zero_copy_only=False)
    return [values[a:b].copy() for a, b in pairwise(offsets)]


def _json(filters: Mapping[str, Any] | None) -> str | None:
    return None if filters is None else orjson.dumps(filters).decode()


def _words(entries: Sequence[Sequence[str]]) -> Any:
    flat = pa.array(list(chain.from_iterable(entries)), pa.string())
    return pa.ListArray.from_arrays(_offsets([len(e) for e in entries]), flat)


def _arrays(entries: Sequence[Array], kind: Any) -> Any:
    dtype = kind.to_pandas_dtype()
    flat = np.concatenate([np.empty(0, dtype), *(e.ravel() for e in entries)])
    if flat.dtype != dtype:
        raise TypeError(f"an array of {flat.dtype} where impressions hold {kind}")
    return pa.ListArray.from_arrays(_offsets([e.size for e in entries]), pa.array(flat, kind))


def _lists(entries: Sequence[Mapping[str, float]]) -> Any:
    names = pa.array([name for e in entries for name in e], pa.string())
    values = np.array([value for e in entries for value in e.values()], np.float64)
    return pa.MapArray.from_arrays(
        _offsets([len(e) for e in entries]), names, pa.array(values, pa.float64())
    )


def _offsets(sizes: Sequence[int]) -> Any:
    offsets = np.zeros(len(sizes) + 1, np.int32)
    np.cumsum(sizes, out=offsets[1:])
    return pa.array(offsets, pa.int32())
