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


async def told_and_true(engine, request, ids):
    """What is said of each document, and what brute force says."""
    framed = await engine.frame(request, NOW_MS)
    left = {row["id"]: row for row in ROWS if row["id"] != "d3"}
    force, history = (
        Force(framed, request, left, frozenset({"d3"})),
        history_of(engine.document_log),
    )
    return force, [
        (await explain_documents(framed, None, (id_,), history)).documents[0] for id_ in ids
    ]


def test_each_stage_and_each_would_be_rank_is_that_of_brute_force(engine):
    rng, stages = random.Random(7), Counter()
    for request in SEARCHES:
        ids = ["d3", "nowhere", *rng.sample([row["id"] for row in ROWS], 12)]
        force, verdicts = asyncio.run(told_and_true(engine, request, ids))
        for id_, told in zip(ids, verdicts, strict=True):
            stage = None if told.dropped is None else told.dropped.stage.value
            assert (stage, told.rank) == force.stage_of(id_), (request, id_)
            stages[stage] += 1
            for channel in told.channels:
                if channel.standing is not Standing.SKIPPED:
                    where = (request, id_, channel)
                    assert channel.rank == force.would_be(channel.name, id_), where
    assert set(stages) == {
        None, "below_page", "rule", "cut_before_rank", "not_recalled", "filtered", "deleted",
        "not_in_snapshot",
    }  # fmt: skip
