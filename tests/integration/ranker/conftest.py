"""One ranker for the tests of its calls, right and wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.domain.candidates import CandidateSet
from app.rank.call import encode_call
from app.snapshot.context import SearchContext
from app.snapshot.opening import open_snapshot
from tests.builders.rank_calls import make_call
from tests.builders.rank_places import RELEASE, publish_releases
from tests.builders.servers import SNAPSHOT_ID, ranker


@pytest.fixture(scope="package")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("data")
    publish_releases(directory)
    return directory


@pytest.fixture(scope="package")
def client(data: Path) -> Iterator[httpx.Client]:
    with ranker(data) as client:
        yield client


@pytest.fixture(scope="package")
def asked(data: Path) -> tuple[SearchContext, CandidateSet, bytes]:
    """A context, its candidates and the body that says both."""
    snapshot = open_snapshot(data / "snapshots" / SNAPSHOT_ID)
    ctx, candidates = make_call(snapshot, RELEASE)
    return ctx, candidates, encode_call(ctx, candidates, 10_000)
