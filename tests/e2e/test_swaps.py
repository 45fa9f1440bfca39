"""Releases swap under load: no request fails, and none is answered by two of them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import aiohttp
import numpy as np
import pytest

from app.online.admin import activate_release
from app.query.understand import SearchRequest
from app.rank.local import LocalRanker
from app.rank.release import open_release
from app.snapshot.opening import open_snapshot
from app.snapshot.store import ArtifactStore
from tests.builders import city_rows
from tests.builders.processes import KEY, free_port, services
from tests.builders.rank_calls import make_call
from tests.builders.releases import make_release
from tests.builders.servers import SNAPSHOT_ID, make_engine, publish_snapshot

DEAR, CHEAP = "20260101T000001Z-dear", "20260101T000002Z-cheap"
REQUESTS, SWAPS, AT_ONCE = 2_000, 20, 24
QUERIES = ("火锅", "tea", "老灶 火锅", "north garden", "noodles")

Scores = dict[str, float]
Ask = Callable[[str], Awaitable[tuple[str | None, Scores]]]
Swap = Callable[[str], Awaitable[None]]


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("data")
    publish_snapshot(city_rows(60), directory)
    snapshot = open_snapshot(directory / "snapshots" / SNAPSHOT_ID)
    store = ArtifactStore(directory / "models" / "lambdarank", "release")
    for release_id, sign in ((DEAR, 1.0), (CHEAP, -1.0)):
        make_release(snapshot, store, release_id, "price", sign)
    store.publish(DEAR)
    return directory


@pytest.fixture(scope="module")
def truth(data) -> dict[str, Scores]:
    """Every document's score by each release, to the bit."""
    snapshot = open_snapshot(data / "snapshots" / SNAPSHOT_ID)
    ctx, candidates = make_call(snapshot, None, n=60)
    ids = [snapshot.documents.ids.strings[int(row)] for row in candidates.rows]
    with ThreadPoolExecutor(1) as threads:
        rankers = {
            i: LocalRanker.of(open_release(data / "models" / "lambdarank" / i), threads)
            for i in (DEAR, CHEAP)
        }
        return {
            release_id: dict(zip(ids, ranker.score(ctx, candidates).tolist(), strict=True))
            for release_id, ranker in rankers.items()
        }


async def drive(ask: Ask, swap: Swap, truth: dict[str, Scores]) -> Counter[str]:
    """Ask REQUESTS times while releases swap SWAPS times; count answers by release."""
    answered: Counter[str] = Counter()
    places = asyncio.Semaphore(AT_ONCE)

    async def once(number: int) -> None:
        async with places:
            release_id, scores = await ask(QUERIES[number % len(QUERIES)])
        assert release_id in truth, release_id
        assert scores, "an empty page"
        assert scores == {i: truth[release_id][i] for i in scores}
        answered[release_id] += 1

    async def swaps() -> None:
        for number in range(SWAPS):
            while answered.total() < (number + 1) * REQUESTS // (SWAPS + 2):
                await asyncio.sleep(0.001)
            await swap((CHEAP, DEAR)[number % 2])

    async with asyncio.TaskGroup() as group:
        group.create_task(swaps())
        for number in range(REQUESTS):
            group.create_task(once(number))
    return answered


def test_twenty_swaps_of_gateway_and_ranker_under_two_thousand_requests(data, truth):
    ranker_port, port = free_port(), free_port()
    url = f"http://127.0.0.1:{port}/v1"
    headers = {"Authorization": f"Bearer {KEY}"}

    async def under_load() -> Counter[str]:
        connector = aiohttp.TCPConnector(limit=AT_ONCE + 1)
        async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

            async def ask(query: str) -> tuple[str | None, Scores]:
                async with session.post(f"{url}/search", json={"query": query}) as answer:
                    told = await answer.json()
                assert answer.status == 200, told
                assert not told["degraded"]
                scores = {r["id"]: float(np.float32(r["score"])) for r in told["results"]}
                return told["release_id"], scores

            async def swap(release_id: str) -> None:
                async with session.post(f"{url}/releases/{release_id}/activate", json={}) as done:
                    assert done.status == 200, await done.text()

            return await drive(ask, swap, truth)

    roles = [("ranker", ranker_port), ("gateway", port)]
    with services(data, roles, [f"rank.url=http://127.0.0.1:{ranker_port}"]):
        answered = asyncio.run(under_load())
    assert answered.total() == REQUESTS
    assert min(answered[DEAR], answered[CHEAP]) > REQUESTS / 10


def test_twenty_swaps_in_one_process_under_two_thousand_requests(data, truth):
    engine = make_engine(data)

    async def ask(query: str) -> tuple[str | None, Scores]:
        result = (await engine.search(SearchRequest(text=query))).result
        assert not result.degraded
        return result.release_id, dict(
            zip(result.ids, np.asarray(result.scores).tolist(), strict=True)
        )

    async def swap(release_id: str) -> None:
        await asyncio.to_thread(activate_release, engine, release_id, False)

    answered = asyncio.run(drive(ask, swap, truth))
    engine.close()
    assert answered.total() == REQUESTS
    assert min(answered[DEAR], answered[CHEAP]) > REQUESTS / 10
