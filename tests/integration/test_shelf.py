"""The shelf of open releases: what makes a release ready, and when that was done before."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from app.rank.names import ReleaseNames
from app.rank.shelf import RankerShelf
from app.snapshot.attempts import Attempts
from app.snapshot.opening import open_snapshot
from app.snapshot.store import ArtifactStore
from app.snapshot.tables import Tables
from tests.builders import city_rows
from tests.builders.releases import WIDE, make_wide_release
from tests.builders.servers import SNAPSHOT_ID, publish_snapshot

FIRST, AGAIN, OTHER = (f"20260101T00000{n}Z-r" for n in (1, 2, 3))


@pytest.fixture
def models(tmp_path):
    publish_snapshot(city_rows(60), tmp_path)
    snapshot = open_snapshot(tmp_path / "snapshots" / SNAPSHOT_ID)
    store = ArtifactStore(tmp_path / "models" / "lambdarank", "release")
    for seed, (release_id, names) in enumerate(((FIRST, WIDE), (AGAIN, WIDE), (OTHER, WIDE[:4]))):
        make_wide_release(snapshot, store, release_id, names, seed)
    return snapshot, tmp_path / "models"


def test_what_another_release_warmed_for_the_snapshot_is_warm(models):
    snapshot, directory = models
    warmed: list[tuple[str, ...]] = []
    with ThreadPoolExecutor(1) as threads:
        shelf = RankerShelf(
            ReleaseNames(directory, "lambdarank"), Attempts(), threads,
            lambda ranker, *_: warmed.append(ranker.features.names),
        )  # fmt: skip
        for release_id in (FIRST, AGAIN, OTHER, AGAIN):
            assert shelf.ready(release_id, snapshot, Tables.empty(60)).release.id == release_id
        shelf.close()
    assert warmed == [WIDE, WIDE[:4]]
