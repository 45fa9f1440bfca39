"""Why, why not: stages, ranks and would-be ranks against brute force over the whole catalogue.

`make bench-whynot` does the same on a city of 20,000 documents.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections import Counter
from pathlib import Path

import pytest

from app.corpus.document_writes import Write
from app.domain.changes import Change, Op
from app.pipeline.whynot import explain_documents, history_of
from app.pipeline.would_be import Standing
from app.query.understand import SearchRequest, place
from app.snapshot.opening import open_snapshot
from app.snapshot.store import ArtifactStore
from tests.builders import city_rows
from tests.builders.releases import make_wide_release
from tests.builders.requests import NOW_MS
from tests.builders.servers import SNAPSHOT_ID, make_engine, publish_snapshot

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
from whynot_force import Force

ROWS = city_rows(500)
FIRST, LAST = "20260101T000001Z-wide", {"limit": 5, "offset": 5}
CHANNELS = ("lexical", "vector", "behaviour", "geo", "profile", "popular", "structured")
NARROW = [f"channels.{name}.{key}" for name in CHANNELS for key in ("k=60", "timeout_ms=60000")]
SEARCHES = [
    SearchRequest("火锅"), SearchRequest("tea 老灶", origin=place(31.2, 121.4), limit=50),
    SearchRequest("brand3 咖啡", filters={"price": {"lte": 80}, "in_stock": True}),
    SearchRequest("牛肉 noodle", group_by="brand", **LAST),
    SearchRequest("", filters={"or": [{"category": "酒店"}, {"rating": {"gte": 4}}]}),
    SearchRequest("garden", filters={"not": {"tags": ["wifi"]}}, origin=place(31.3, 121.5)),
    SearchRequest("100元以内 火锅"), SearchRequest("海景 亲子 酒店", limit=20),
]  # fmt: skip


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    data = tmp_path_factory.mktemp("data")
    publish_snapshot(ROWS, data)
    store = ArtifactStore(data / "models" / "lambdarank", "release")
    make_wide_release(open_snapshot(data / "snapshots" / SNAPSHOT_ID), store, FIRST)
    patient = ("service.timeout_ms=60000", "merge.max_candidates=100")
    engine = make_engine(data, *NARROW, *patient)
    engine.document_log.append([Write((Change(Op.DELETE, "d3", b""),), 0)])
    engine.read_log()
    engine.publish_view()
    yield engine
    engine.close()


async def asked(engine, request, rng):
    """Return what brute force knows of a search, and what is said of documents from all over it."""
    framed = await engine.frame(request, NOW_MS)
    left = {row["id"]: row for row in ROWS if row["id"] != "d3"}
    force = Force(framed, request, left, frozenset({"d3"}))
    end = request.offset + request.limit
    edges = [force.order[end - 1], *force.order[end : end + 1], force.order[-1]]
    ids = ["d3", "nowhere", *edges, *rng.sample(sorted(left), 8)]
    history = history_of(engine.document_log)
    told = [(await explain_documents(framed, None, (i,), history)).documents[0] for i in ids]
    return force, told


def test_each_stage_and_each_would_be_rank_is_that_of_brute_force(engine):
    rng, stages = random.Random(7), Counter()
    for request in SEARCHES:
        force, told = asyncio.run(asked(engine, request, rng))
        for verdict in told:
            stage = None if verdict.dropped is None else verdict.dropped.stage.value
            assert (stage, verdict.rank) == force.stage_of(verdict.id), (request, verdict.id)
            stages[stage] += 1
            for channel in verdict.channels:
                if channel.standing is not Standing.SKIPPED:
                    where = (request, verdict.id, channel)
                    assert channel.rank == force.would_be(channel.name, verdict.id), where
    assert set(stages) == {
        None, "below_page", "rule", "cut_before_rank", "not_recalled", "filtered", "deleted",
        "not_in_snapshot",
    }  # fmt: skip
