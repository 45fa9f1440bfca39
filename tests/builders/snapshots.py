"""A real snapshot from a few rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from app.corpus.analyzer import Analyzer
from app.corpus.chunk import columnise, merge_chunks
from app.corpus.documents import Documents
from app.corpus.ragged import save_array
from app.corpus.schema import FieldSpec, FieldType, Schema
from app.corpus.synonyms import Synonyms
from app.domain.dotted import load
from app.offline.build import add_names
from app.settings import Settings
from app.snapshot.artifact import seal
from app.snapshot.opening import open_snapshot
from app.snapshot.snapshot import Snapshot

CONFIG = Path(__file__).parents[2] / "config" / "search.toml"
NO_SYNONYMS = Synonyms()
NOTHING_TYPED: Mapping[str, int] = MappingProxyType({})
DEFAULT_FIELDS = Settings.load(CONFIG, environment={}).fields


def make_schema(fields: Mapping[str, Mapping[str, Any]] | None = None) -> Schema:
    """The default configuration's fields, with `fields` added or replaced."""
    specs = {name: f.model_dump() for name, f in DEFAULT_FIELDS.items()} | dict(fields or {})
    typed = ((n, {**f, "type": FieldType(f["type"])}) for n, f in specs.items())
    return Schema({name: FieldSpec(name=name, **f) for name, f in typed})


def make_documents(
    rows: Sequence[Mapping[str, Any]],
    path: Path,
    fields: Mapping[str, Mapping[str, Any]] | None = None,
) -> Documents:
    """Documents alone, without channels."""
    schema, analyzer = make_schema(fields), Analyzer.build([])
    merge_chunks([columnise(list(rows), schema, analyzer)], schema, path)
    return Documents.open(path, schema)


def make_snapshot(
    rows: Sequence[Mapping[str, Any]],
    path: Path,
    fields: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    channels: Sequence[str] | None = None,
    dim: int = 8,
    snapshot_id: str = "20260101T000000Z-0000test",
    synonyms: Synonyms = NO_SYNONYMS,
    typed: Mapping[str, int] = NOTHING_TYPED,
) -> Snapshot:
    """A sealed, verified snapshot with every enabled channel's part (or those named)."""
    settings = Settings.load(CONFIG, environment={})
    schema, analyzer = make_schema(fields), Analyzer.build([])
    path.mkdir(parents=True, exist_ok=True)
    merge_chunks([columnise(list(rows), schema, analyzer)], schema, path / "documents")
    analyzer.save(path / "analyzer")
    documents = Documents.open(path / "documents", schema)
    encoder = load(settings.encoder.kind).train(documents, dim, settings.encoder.seed)
    encoder.save(path / "encoder")
    vectors = np.asarray(encoder.encode_documents(documents), np.float32)
    save_array(path / "documents" / "vectors", vectors)
    documents = Documents.open(path / "documents", schema)
    add_names(documents, path, synonyms, typed)
    for name, channel in settings.channels.items():
        if channel.enabled if channels is None else name in channels:
            (path / name).mkdir()
            load(channel.kind).build(documents, path / name, channel.own)
    facts = {
        "id": snapshot_id,
        "schema": schema.to_json(),
        "analyzer_id": analyzer.id,
        "encoder": {"kind": settings.encoder.kind, "id": encoder.id},
        "log_seq": 0,
        "channels": [n for n in settings.channels if (path / n).is_dir()],
        "documents": len(documents),
    }
    seal(path, "snapshot", facts)
    return open_snapshot(path)
