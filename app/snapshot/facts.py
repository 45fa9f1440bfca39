"""What an artifact says of itself where artifacts are listed: a few parts of its manifest."""

from __future__ import annotations

from typing import Any

from app.snapshot.store import ArtifactStore

TOLD = (
    "documents", "built_at_ms", "metrics", "groups", "channels", "trained_on", "gate",
    "rank_p95_ms",
)  # fmt: skip


def facts_of(store: ArtifactStore, artifact_id: str) -> dict[str, Any]:
    """Return those of TOLD that its manifest has. Raises CorruptArtifact and UnknownName."""
    manifest = store.manifest(artifact_id)
    return {key: manifest[key] for key in TOLD if key in manifest}
