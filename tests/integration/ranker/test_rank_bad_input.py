"""Rank calls that are wrong: a 4xx with field, limit and remedy, before anything is scored."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx
import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from app.online.limits import BodyTooSlow, read_body
from app.rank.local import LocalRanker
from app.rank.wire import CALL, DTYPES
from tests.builders.rank_places import BINARY
from tests.builders.servers import ranker
from tests.builders.waiting import until
from tests.builders.whole_frames import pack, unpack

MILLION = np.arange(1_000_000, dtype=np.int32)
TEXT = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def call(asked) -> tuple[dict[str, Any], dict[str, Any]]:
    """The header and arrays of a call that is right."""
    return unpack(asked[2], CALL)


@pytest.fixture
def scored(monkeypatch) -> list[int]:
    """One entry for each call that came as far as the model."""
    calls: list[int] = []
    whole = LocalRanker.ranking

    def counted(self, ctx, candidates):
        calls.append(len(candidates))
        return whole(self, ctx, candidates)

    monkeypatch.setattr(LocalRanker, "ranking", counted)
    return calls


def refused(answer: httpx.Response, scored: list[int]) -> dict[str, Any]:
    """What a refusal says; that it is one, and that nothing was scored for it."""
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    for member in ("field", "limit", "remedy"):
        assert told[member], told
    assert not scored
    return told


def with_value(array: np.ndarray, value: float) -> np.ndarray:
    changed = array.copy()
    changed.flat[0] = value
    return changed


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("rows", 60), ("rows", -1), ("rows", 2**31 - 1), ("user.rows", 60), ("fused", np.nan),
        ("fused", np.inf), ("scores", np.inf), ("user.weights", np.nan), ("ranks", -1),
        ("query.vector", np.nan), ("query.vector", -np.inf), ("preferences.weights", np.nan),
        ("user.log_price", np.inf), ("user.times_ms", -1),
    ],
)  # fmt: skip
def test_a_number_that_cannot_be_is_refused_by_the_name_of_its_array(
    client, call, scored, field, value
):
    header, arrays = call
    body = pack(CALL, header, {**arrays, field: with_value(arrays[field], value)})
    told = refused(client.post("/v1/rank", content=body, headers=BINARY), scored)
    assert field in told["field"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("snapshot_id", "s9"), ("log_seq", 7), ("tables_id", "t9"), ("release_id", "m9")],
)
def test_an_unknown_version_is_a_conflict_by_its_name(client, call, scored, field, value):
    header, arrays = call
    body = pack(CALL, {**header, field: value}, arrays)
    answer = client.post("/v1/rank", content=body, headers=BINARY)
    assert answer.status_code == 409
    told = refused(answer, scored)
    assert told["field"] == field
    assert str(value) in told["value"]


def test_a_million_candidates_are_refused_in_every_form(client, call, scored):
    header, arrays = call
    bare = {**header, "channels": []}
    for content, headers, field in (
        (pack(CALL, bare, {"rows": MILLION}), BINARY, "arrays.rows"),
        (pack(CALL, bare, {"rows": MILLION, "fused": MILLION.astype("f4")}), BINARY, "body"),
        (orjson.dumps({**bare, "arrays": {"rows": [7] * 1_000_000}}), TEXT, "arrays.rows"),
        (orjson.dumps({"query": "x", "documents": ["d1"] * 100_000}), TEXT, "documents"),
    ):
        path = "/v1/rerank" if field == "documents" else "/v1/rank"
        told = refused(client.post(path, content=content, headers=headers), scored)
        assert told["field"] == field
    assert client.post("/v1/rank", content=pack(CALL, header, arrays), headers=BINARY).is_success


def test_a_body_cut_anywhere_is_refused(client, call, scored):
    body = pack(CALL, *call)
    for end in [*range(0, len(body), 61), len(body) - 1]:
        refused(client.post("/v1/rank", content=body[:end], headers=BINARY), scored)


def test_a_sender_who_hangs_up_halfway_is_no_error_of_ours(data, call, scored):
    body = pack(CALL, *call)
    head = f"POST /v1/rank HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with ranker(data) as client:
        where = (client.base_url.host, client.base_url.port)
        for _ in range(3):
            with socket.create_connection(where) as line:
                line.sendall(head + body[: len(body) // 2])
        until(lambda: 'route="/v1/rank",status="400"} 3.0' in client.get("/metrics").text)
        page = client.get("/metrics").text
        assert 'status="5' not in page
        assert "duolu_searches_in_flight 0.0" in page
    assert not scored


def test_a_body_that_does_not_end_is_given_up():
    async def endless() -> AsyncIterator[bytes]:
        yield b"half"
        await asyncio.sleep(60)

    with pytest.raises(BodyTooSlow, match="Content-Length"):
        asyncio.run(read_body(endless(), limit_s=0.01))


VALUES = st.sampled_from(list(DTYPES.values())).flatmap(
    lambda dtype: hnp.arrays(
        dtype, hnp.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=60)
    )
)
LEAVES = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**60) | st.floats() | st.text(max_size=9)
)
JUNK = (
    LEAVES | st.lists(LEAVES, max_size=4) | st.dictionaries(st.text(max_size=5), LEAVES, max_size=3)
)
SOME = settings(
    max_examples=150, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip


@SOME
@given(data_=st.data())
def test_whatever_an_array_or_a_field_holds_the_answer_is_scores_or_a_refusal(
    client, call, scored, data_
):
    header, arrays = dict(call[0]), dict(call[1])
    for name in data_.draw(st.lists(st.sampled_from(sorted(arrays)), max_size=2, unique=True)):
        arrays[name] = data_.draw(VALUES)
    for name in data_.draw(st.lists(st.sampled_from(sorted(header)), max_size=2, unique=True)):
        header[name] = data_.draw(JUNK)
    scored.clear()
    answer = client.post("/v1/rank", content=pack(CALL, header, arrays), headers=BINARY)
    if answer.status_code == 503:  # timeout_ms or limits may be drawn as nothing
        assert answer.json()["type"].endswith("timed-out")
    elif answer.status_code != 200:
        refused(answer, [])
        assert len(scored) <= 1
    else:
        assert len(scored) == 1
