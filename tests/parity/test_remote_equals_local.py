"""Which process ranks makes no difference: the same scores, to the bit."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import numpy as np
import pytest

from app.domain.errors import VersionUnknown
from app.domain.query import Deadline
from app.domain.user import UserState
from app.online.ranker.schemas import RerankBody
from app.online.ranker.work import rerank
from app.pipeline.select import best_first
from app.rank.local import LocalRanker
from app.rank.ranker import Keep
from app.rank.release import open_release
from app.rank.remote import RemoteRanker
from app.snapshot.opening import open_snapshot
from app.snapshot.store import ArtifactStore
from tests.builders import city_rows
from tests.builders.rank_calls import make_call
from tests.builders.rank_places import BINARY
from tests.builders.releases import WIDE, make_wide_release
from tests.builders.requests import NOW_MS
from tests.builders.servers import SNAPSHOT_ID, make_engine, publish_snapshot, ranker

RELEASE = "20260101T000001Z-wide"
ASKED = "20260101T000005Z-asked"
OTHERS = (
    "20260101T000002Z-narrow", "20260101T000003Z-words", "20260101T000004Z-lists", ASKED,
)  # fmt: skip
PARTS = ("asked_parts", "mentions_met", "quantities_met", "outside(price)", "attr(price)")
READ = (("attr(price)", "cosine"), WIDE[:5], WIDE[5:11], PARTS)  # none of them reads the clock


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    directory = tmp_path_factory.mktemp("data")
    publish_snapshot(city_rows(120), directory)
    store = ArtifactStore(directory / "models" / "lambdarank", "release")
    snapshot = open_snapshot(directory / "snapshots" / SNAPSHOT_ID)
    for seed, (release_id, names) in enumerate(zip(OTHERS, READ, strict=True)):
        make_wide_release(snapshot, store, release_id, names, seed)
    make_wide_release(snapshot, store, RELEASE)
    return directory


@pytest.fixture(scope="module")
def url(data) -> Iterator[str]:
    with ranker(data) as client:
        yield str(client.base_url)


@pytest.fixture(scope="module")
def local(data) -> Iterator[LocalRanker]:
    release = open_release(data / "models" / "lambdarank" / RELEASE)
    with ThreadPoolExecutor(1) as threads:
        yield LocalRanker.of(release, threads)


@pytest.fixture(scope="module")
def snapshot(data):
    return open_snapshot(data / "snapshots" / SNAPSHOT_ID)


def ask(url: str, ctx, candidates, keep: Keep | None = None):
    """The scores; with `keep` the whole ranking."""

    async def once():
        remote = RemoteRanker(url, 5_000)
        try:
            if keep is not None:
                return await remote.rank_keeping(ctx, candidates, keep)
            return await remote.rank(ctx, candidates)
        finally:
            remote.close()

    return asyncio.run(once())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("text", ["老灶 火锅", "north garden tea", "unheard of", ""])
def test_a_remote_ranker_scores_as_a_local_one(url, local, snapshot, text, seed):
    ctx, candidates = make_call(snapshot, RELEASE, text, seed)
    here = local.score(ctx, candidates)
    assert np.unique(here).size > 10
    assert ask(url, ctx, candidates).tobytes() == here.tobytes()


@pytest.mark.parametrize("number", range(len(OTHERS)))
def test_every_model_scores_alike_there_and_here_and_keeps_the_same_features(
    url, data, snapshot, number
):
    release_id = OTHERS[number]
    release = open_release(data / "models" / "lambdarank" / release_id)
    ctx, candidates = make_call(snapshot, release_id, seed=number, n=90)
    with ThreadPoolExecutor(1) as threads:
        here = LocalRanker.of(release, threads).ranking(ctx, candidates)
    told = ask(url, ctx, candidates, Keep(best=5, drawn=5))
    assert told.scores.tobytes() == here.scores.tobytes()
    assert told.feature_names == release.features.names
    assert told.features.tobytes() == here.features[told.places].tobytes()


@pytest.mark.parametrize("text", ["火锅 不超过80元", "评分4以上 茶", "tea"])
def test_a_call_with_the_text_alone_is_read_there_as_it_was_read_here(url, data, snapshot, text):
    from app.rank.call import encode_call
    from app.rank.reply import decode_reply
    from app.rank.wire import CALL
    from tests.builders.whole_frames import pack, unpack

    ctx, candidates = make_call(snapshot, ASKED, text)
    header, arrays = unpack(encode_call(ctx, candidates, 1e4, Keep(drawn=0)), CALL)
    assert bool(header["query"].pop("reading")) == (text != "tea")
    told = httpx.post(f"{url}/v1/rank", content=pack(CALL, header, arrays), headers=BINARY)
    there, here = decode_reply(told.content), ask(url, ctx, candidates, Keep(drawn=0))
    assert there.scores.tobytes() == here.scores.tobytes()
    assert there.features.tobytes() == here.features.tobytes()


@pytest.mark.parametrize("release_id", OTHERS)
def test_reranking_gives_the_scores_of_the_release_that_is_named(url, data, snapshot, release_id):
    ids = [f"d{number}" for number in (5, 1, 9, 77, 1)]
    told = httpx.post(
        f"{url}/v1/rerank", json={"query": "火锅", "documents": ids, "model": release_id}
    ).json()
    engine = make_engine(data)
    body = RerankBody(query="火锅", documents=ids, model=release_id)
    engine.local_ranker(release_id, engine.acquire().snapshot)
    here = rerank(engine, body, body.search(), NOW_MS, Deadline.after_ms(1e4))
    engine.close()
    assert told["release_id"] == here["release_id"] == release_id
    assert [(r["index"], np.float32(r["relevance_score"])) for r in told["results"]] == [
        (r["index"], r["relevance_score"]) for r in here["results"]
    ]


def test_a_stranger_without_a_place_is_scored_alike(url, local, snapshot):
    ctx, candidates = make_call(snapshot, RELEASE)
    ctx = replace(ctx, user=UserState.stranger(), query=replace(ctx.query, origin=None))
    assert ask(url, ctx, candidates).tobytes() == local.score(ctx, candidates).tobytes()


def test_a_single_candidate_and_every_candidate_are_scored_alike(url, local, snapshot):
    for n in (1, 120):
        ctx, candidates = make_call(snapshot, RELEASE, n=n)
        assert len(candidates) == n
        assert ask(url, ctx, candidates).tobytes() == local.score(ctx, candidates).tobytes()


def test_features_travel_as_they_were_computed(url, local, snapshot, data):
    from app.online.ranker.work import rank
    from app.rank.call import decode_call, encode_call
    from tests.builders.servers import make_engine

    ctx, candidates = make_call(snapshot, RELEASE)
    engine = make_engine(data)
    call = replace(decode_call(encode_call(ctx, candidates, 1e3)), features=50)
    reply = rank(engine, call, ctx.deadline)
    engine.close()
    matrix = local.matrix(ctx, candidates)
    assert reply.feature_names == local.features.names
    assert reply.features.tobytes() == matrix[reply.places].tobytes()


def test_rows_never_meet_another_snapshot(url, snapshot):
    ctx, candidates = make_call(snapshot, RELEASE)
    for other in (
        replace(ctx, snapshot=replace(snapshot, id="20250101T000000Z-other")),
        replace(ctx, snapshot=replace(snapshot, log_seq=9)),
        replace(ctx, tables=replace(ctx.tables, id="20250101T000000Z-other")),
        replace(ctx, release_id="20250101T000000Z-other"),
    ):
        with pytest.raises(VersionUnknown, match=r"other|at 9"):
            ask(url, other, candidates)


def test_the_features_that_are_kept_travel_as_they_were_computed(url, local, snapshot):
    ctx, candidates = make_call(snapshot, RELEASE, n=120)
    keep = Keep(best=7, drawn=9)
    told = ask(url, ctx, candidates, keep)
    here = local.ranking(ctx, candidates)
    assert told.scores.tobytes() == here.scores.tobytes()
    assert told.feature_names == here.feature_names
    assert told.features.tobytes() == here.features[told.places].tobytes()
    assert np.array(list(told.lists.values())).tobytes() == (
        np.array(list(here.lists.values())).tobytes()
    )
    assert list(told.lists) == list(here.lists)
    assert here.lists
    best = best_first(here.scores)[:7].tolist()
    drawn = keep.draw(ctx.request_id, 120)
    assert told.places.tolist() == list(dict.fromkeys([*best, *drawn]))


def test_a_request_that_is_not_chosen_brings_no_features(url, snapshot):
    ctx, candidates = make_call(snapshot, RELEASE)
    told = ask(url, ctx, candidates, Keep(share=0.0))
    assert told.scores.size == 50
    assert not told.places.size


@pytest.mark.parametrize("against", [None, 4])
def test_a_remote_ranker_explains_as_a_local_one(url, local, snapshot, against):
    ctx, candidates = make_call(snapshot, RELEASE)
    places = np.array([9, 0, 31])

    async def once():
        remote = RemoteRanker(url, 5_000)
        try:
            return await remote.explain(ctx, candidates, places, against)
        finally:
            remote.close()

    told, here = asyncio.run(once()), local.explanation(ctx, candidates, places, against)
    for field in ("places", "scores", "features", "contributions", "differences"):
        assert getattr(told, field).tobytes() == getattr(here, field).tobytes(), field
    assert (told.feature_names, told.base_score) == (here.feature_names, here.base_score)
    sums = here.base_score + here.contributions.sum(axis=1)
    np.testing.assert_allclose(sums, here.scores, rtol=1e-6, atol=1e-6)
    if against is not None:
        other = local.score(ctx, candidates)[against].astype(float)
        np.testing.assert_allclose(here.differences.sum(axis=1), here.scores - other, atol=1e-6)
