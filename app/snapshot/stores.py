"""Where everything lives under a data folder: three kinds of artifacts, and the logs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.corpus.impression_log import FOLDER
from app.snapshot.store import ArtifactStore


@dataclass(frozen=True, slots=True)
class Stores:
    """The artifacts' stores, and where the impressions of what they served are logged."""

    data: Path
    snapshots: ArtifactStore
    tables: ArtifactStore
    releases: ArtifactStore
    impressions: Path

    @classmethod
    def under(cls, data: Path, models: Path, model: str) -> Stores:
        """`model` is the folder under `models` whose releases serve (rank.model)."""
        return cls(
            data,
            ArtifactStore(data / "snapshots", "snapshot"),
            ArtifactStore(data / "tables", "tables"),
            ArtifactStore(models / model, "release"),
            data / FOLDER,
        )
