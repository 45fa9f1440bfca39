"""A place with two releases for rankers, and what calls of them say."""

from __future__ import annotations

from pathlib import Path

from app.snapshot.opening import open_snapshot
from app.snapshot.store import ArtifactStore
from tests.builders.releases import make_release, make_wide_release
from tests.builders.servers import SNAPSHOT_ID, publish_snapshot
from tests.builders.worlds import city_rows

RELEASE, OTHER = "20260101T000001Z-wide", "20260101T000002Z-dear"
BINARY = {"Content-Type": "application/octet-stream"}


def publish_releases(data: Path) -> None:
    """Publish a snapshot of 60 documents and RELEASE, with OTHER beside it."""
    publish_snapshot(city_rows(60), data)
    snapshot = open_snapshot(data / "snapshots" / SNAPSHOT_ID)
    store = ArtifactStore(data / "models" / "lambdarank", "release")
    make_release(snapshot, store, OTHER, "price")
    make_wide_release(snapshot, store, RELEASE)
