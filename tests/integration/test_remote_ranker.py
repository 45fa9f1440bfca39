"""The gateway's client of the ranker: it believes nothing that is not its own answer."""

from __future__ import annotations

import asyncio
import socket
import threading
from dataclasses import replace

import numpy as np
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from app.domain.errors import InvalidInput, RankerBusy, RankerUnavailable
from app.domain.query import Deadline
from app.online.admission import Overloaded
from app.online.problems import problem_of
from app.rank.call import decode_call
from app.rank.remote import RemoteRanker
from app.rank.reply import RankReply, encode_reply
from tests.builders import city_rows, make_snapshot
from tests.builders.rank_calls import make_call
from tests.builders.servers import running

TWO_FEATURES = {"feature_names": ("f", "g"), "features": np.ones((1, 2), np.float32)}


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    snapshot = make_snapshot(city_rows(30), tmp_path_factory.mktemp("s") / "s", channels=())
    return make_call(snapshot, "m1", n=10)


def alien(**lies: object) -> tuple[FastAPI, list[str]]:
    """A service that answers as a ranker would, but for the lies. Also what it was sent."""
    app, calls = FastAPI(), []

    @app.post("/v1/rank")
    async def rank(request: Request) -> Response:
        call = decode_call(await request.body())
        calls.append(request.headers.get("authorization", ""))
        n = len(call.candidates)
        truth = RankReply(
            call.request_id, call.snapshot_id, call.log_seq, call.tables_id,
            str(call.release_id), 1.0, np.arange(n, dtype=np.float32),
        )  # fmt: skip
        delay, status = lies.get("delay", 0), lies.get("status", 200)
        await asyncio.sleep(delay)
        told = {k: v for k, v in lies.items() if k not in ("delay", "status")}
        return Response(encode_reply(replace(truth, **told)), status)

    return app, calls


def ask(url: str, asked, times: int = 1, timeout_ms: float = 5_000, key: str | None = None):
    """What each of the calls came to: scores or the error."""

    async def all_of_them():
        remote = RemoteRanker(url, timeout_ms, key)
        told = []
        for _ in range(times):
            try:
                told.append(await remote.rank(*asked))
            except Exception as error:
                told.append(error)
        remote.close()
        return told

    return asyncio.run(all_of_them())


def test_an_honest_answer_is_believed_and_the_key_is_sent(asked):
    app, calls = alien()
    with running(app) as client:
        (scores,) = ask(str(client.base_url), asked, key="sesame")
    assert scores.tolist() == list(range(10))
    assert calls == ["Bearer sesame"]


@pytest.mark.parametrize(
    "lie",
    [
        {"request_id": "another"}, {"snapshot_id": "another"}, {"log_seq": 9},
        {"tables_id": "another"}, {"release_id": "another"},
        {"scores": np.zeros(9, np.float32)}, {"scores": np.zeros((10, 1), np.float32)},
        {"scores": np.full(10, np.nan, np.float32)}, {"scores": np.zeros(10)},
        {"scores": np.zeros(1 << 19, np.float32)}, {"status": 500}, {"status": 307},
        {"places": np.array([10]), **TWO_FEATURES}, {"places": np.array([-1]), **TWO_FEATURES},
        {"places": np.array([1, 2]), **TWO_FEATURES}, {"places": np.array([[1]]), **TWO_FEATURES},
        {"places": np.array([1, 1]), "feature_names": ("f",), "features": np.ones((2, 1), "f4")},
    ],
    ids=str,
)  # fmt: skip
def test_an_answer_that_is_not_for_this_question_is_refused(asked, lie):
    app, _ = alien(**lie)
    with running(app) as client:
        (error,) = ask(str(client.base_url), asked)
    assert isinstance(error, RankerUnavailable)


def test_a_broken_service_is_asked_no_more_after_some_failures(asked):
    app, calls = alien(status=500)
    with running(app) as client:
        errors = ask(str(client.base_url), asked, times=30)
    assert all(isinstance(error, RankerUnavailable) for error in errors)
    assert len(calls) < 30


def test_a_busy_service_is_asked_again_and_again(asked):
    app, calls = FastAPI(), []

    @app.post("/v1/rank")
    async def rank() -> Response:
        calls.append(1)
        return problem_of(Overloaded(4)).response()

    with running(app) as client:
        errors = ask(str(client.base_url), asked, times=30)
    assert all(isinstance(error, RankerBusy) for error in errors)
    assert len(calls) == 30


def test_a_slow_service_times_out_and_is_then_left_alone(asked):
    app, calls = alien(delay=0.2)
    with running(app) as client:
        errors = ask(str(client.base_url), asked, times=12, timeout_ms=20)
    assert isinstance(errors[0], TimeoutError)
    assert isinstance(errors[-1], RankerUnavailable)
    assert len(calls) < 12


def test_a_name_that_is_looked_up_for_ever_keeps_nobody_past_the_deadline(asked, monkeypatch):
    ctx, candidates = asked
    ends = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: ends.wait(60) and [])

    async def hang():
        remote = RemoteRanker("http://ranker:8001", 60_000)
        hurried = replace(ctx, deadline=Deadline.after_ms(50))
        with pytest.raises(TimeoutError):
            await remote.rank(hurried, candidates)
        assert not ends.is_set()
        ends.set()

    asyncio.run(hang())


def test_impatient_requests_do_not_switch_ranking_off_for_the_others(asked):
    ctx, candidates = asked
    hurried = replace(ctx, deadline=Deadline(0))
    app, _ = alien()
    with running(app) as client:

        async def many_then_one():
            remote = RemoteRanker(str(client.base_url), 5_000)
            for _ in range(20):
                with pytest.raises(TimeoutError):
                    await remote.rank(hurried, candidates)
            scores = await remote.rank(ctx, candidates)
            remote.close()
            return scores

        assert asyncio.run(many_then_one()).size == 10


@pytest.mark.parametrize("url", ["", "ranker:8001", "ftp://ranker", "http://"])
def test_an_address_that_is_none_is_refused_at_once(url):
    with pytest.raises(InvalidInput, match=r"rank\.url"):
        RemoteRanker(url, 100)
