"""Do scores from the ranker service equal those of this process, to the bit?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
from service_site import Site
from speed import patient
from speed_catalogue import CONFIG, Asked

from app.bootstrap import Engine, make_context
from app.domain.arrays import F32
from app.domain.candidates import CandidateSet
from app.domain.errors import RankerUnavailable
from app.domain.query import Deadline
from app.query.understand import understand
from app.rank.ranker import Ranker
from app.settings import Settings
from app.snapshot.context import SearchContext

PATIENCE_MS = 60_000.0
TRIES, PAUSE_S = 5, 2.0


def compare(site: Site, asked: Sequence[Asked]) -> tuple[int, int]:
    """Return how many scores were compared, and how many of them differ in any bit."""
    url = f"http://127.0.0.1:{site.ranker_port}"
    here = patient(Settings.load(CONFIG, (f"rank.url={url}", "rank.timeout_ms=60000"), {}))
    engine = Engine(here, site.data, site.models)
    engine.refresh()
    try:
        return asyncio.run(_compare(engine, asked))
    finally:
        engine.close()


async def _patiently(ranker: Ranker, ctx: SearchContext, candidates: CandidateSet) -> F32:
    """Ask again where the service was too busy: this is about bits, not about time."""
    for _ in range(TRIES):
        try:
            return await ranker.rank(ctx, candidates)
        except (TimeoutError, RankerUnavailable):
            await asyncio.sleep(PAUSE_S)
    return await ranker.rank(ctx, candidates)


async def _compare(engine: Engine, asked: Sequence[Asked]) -> tuple[int, int]:
    serving, compared, different = engine.acquire(), 0, 0
    assert serving.ranker is not None
    assert serving.release_id is not None
    local = engine.local_ranker(serving.release_id, serving.snapshot, serving.tables)
    for one in asked:
        query = understand(one.request, serving.snapshot, one.now_ms)
        deadline = Deadline.after_ms(PATIENCE_MS)
        ctx = make_context(serving, query, deadline, serving.release_id)
        _, candidates = await serving.search.candidates(ctx)
        there = await _patiently(serving.ranker, ctx, candidates)
        ours = local.score(ctx, candidates)
        compared += ours.size
        different += int((ours.view(np.int32) != there.view(np.int32)).sum())
    await engine.disconnect()
    return compared, different
