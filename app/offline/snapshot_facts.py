"""What a snapshot's manifest says of it beside its files."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from app.corpus.documents import Documents
from app.settings import Settings

_LIBRARIES = ("duolu", "numpy", "faiss-cpu", "numba", "rjieba")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a snapshot's documents come from."""

    sources: Sequence[str]
    catalogue_id: str  # the full reindex that they go back to
    log_seq: int  # changes up to here are in them, or were replaced by the catalogue
    versions: Mapping[str, int] = field(default_factory=dict)  # id → seq of its last change


def snapshot_facts(
    snapshot_id: str,
    now_ms: int,
    origin: Origin,
    documents: Documents,
    analyzer_id: str,
    encoder: Mapping[str, str] | None,
    channels: Sequence[str],
    settings: Settings,
    errors: int,
) -> dict[str, Any]:
    """`encoder` has `kind` and `id`."""
    return {
        "id": snapshot_id,
        "built_at_ms": now_ms,
        "sources": list(origin.sources),
        "catalogue_id": origin.catalogue_id,
        "documents": documents.live_count,
        "errors": errors,
        "schema": documents.schema.to_json(),
        "analyzer_id": analyzer_id,
        "encoder": encoder,
        "channels": list(channels),
        "log_seq": origin.log_seq,
        "settings": settings.model_dump(mode="json"),
        "versions": library_versions(),
    }


def library_versions() -> dict[str, str]:
    return {"python": platform.python_version()} | {name: _version(name) for name in _LIBRARIES}


def _version(name: str) -> str:
    try:
        return version(name)
    except ImportError:
        return "not installed"
