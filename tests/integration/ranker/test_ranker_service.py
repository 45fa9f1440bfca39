"""The ranker over HTTP: what it answers, what it refuses, and whom it lets in."""

from __future__ import annotations

from dataclasses import replace

import httpx
import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.candidates import CandidateSet
from app.online.ranker.main import create_app
from app.rank.call import encode_call
from app.rank.reply import decode_reply
from app.rank.wire import CALL
from app.snapshot.opening import open_snapshot
from tests.builders import city_rows
from tests.builders.rank_calls import make_call
from tests.builders.rank_places import BINARY, OTHER, RELEASE, publish_releases
from tests.builders.servers import SNAPSHOT_ID, make_engine, publish_snapshot, ranker, running
from tests.builders.waiting import until
from tests.builders.whole_frames import pack, unpack

FEW = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def with_header(body: bytes, **changed: object) -> bytes:
    header, arrays = unpack(body, CALL)
    return pack(CALL, {**header, **changed}, arrays)


def problem(answer: httpx.Response, status: int, kind: str) -> dict:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"urn:duolu:problem:{kind}"
    return answer.json()


def test_scores_come_back_with_the_versions_that_gave_them(client, asked):
    ctx, candidates, body = asked
    answer = client.post("/v1/rank", content=body, headers=BINARY)
    assert answer.status_code == 200, answer.text
    reply = decode_reply(answer.content)
    assert reply.scores.shape == (len(candidates),)
    assert (reply.request_id, reply.snapshot_id) == (ctx.request_id, SNAPSHOT_ID)
    assert (reply.log_seq, reply.tables_id, reply.release_id) == (0, None, RELEASE)


def test_a_person_may_ask_in_json_and_read_json(client, asked):
    body = asked[2]
    header, arrays = unpack(body, CALL)
    text = orjson.dumps({**header, "arrays": arrays}, option=orjson.OPT_SERIALIZE_NUMPY)
    binary = decode_reply(client.post("/v1/rank", content=body, headers=BINARY).content)
    told = client.post(
        "/v1/rank", content=text,
        headers={"Content-Type": "application/json", "Accept": "application/json"},
    ).json()  # fmt: skip
    assert np.array(told["scores"], np.float32).tobytes() == binary.scores.tobytes()
    assert told["features"] == []
    assert told["release_id"] == RELEASE


def test_features_of_the_best_and_of_named_rows_are_told_on_request(client, asked):
    _, candidates, body = asked
    named = int(candidates.rows[17])
    answer = client.post(
        "/v1/rank", content=with_header(body, features=5, rows=[named]),
        headers={**BINARY, "Accept": "application/json"},
    ).json()  # fmt: skip
    scores = np.array(answer["scores"])
    places = [f["place"] for f in answer["features"]]
    assert sorted(scores[places[:5]]) == sorted(np.sort(scores)[-5:])
    assert 17 in places
    assert "bm25(title)" in answer["features"][0]["values"]
    stranger = with_header(body, rows=[max(set(range(60)) - set(candidates.rows.tolist()))])
    problem(client.post("/v1/rank", content=stranger, headers=BINARY), 400, "invalid-query")


@pytest.mark.parametrize(
    "changed",
    [{"snapshot_id": "s9"}, {"log_seq": 7}, {"tables_id": "t9"}, {"release_id": "m9"},
     {"release_id": "../../etc"}],
)  # fmt: skip
def test_versions_that_are_not_held_are_a_conflict(client, asked, changed):
    body = with_header(asked[2], **changed)
    problem(client.post("/v1/rank", content=body, headers=BINARY), 409, "version-unknown")


def test_another_release_that_is_there_ranks_when_it_is_named(client, asked):
    ctx, candidates, _ = asked
    body = encode_call(replace(ctx, release_id=OTHER), candidates, 10_000)
    reply = decode_reply(client.post("/v1/rank", content=body, headers=BINARY).content)
    prices = ctx.snapshot.documents.numbers["price"][candidates.rows]
    assert reply.release_id == OTHER
    assert int(np.argmax(reply.scores)) == int(np.argmax(prices))


@pytest.mark.parametrize("name", ["rows", "user.rows", "query.vector", "preferences"])
def test_what_the_snapshot_does_not_have_is_refused_before_native_code(client, asked, name):
    header, arrays = unpack(asked[2], CALL)
    if name == "query.vector":
        arrays[name] = np.ones(1_000_000 // 4, np.float32)
    elif name == "preferences":
        header["user"]["preferences"] = {"nothing": arrays["preferences.codes"].size}
    else:
        arrays[name] = arrays[name].copy()
        arrays[name][0] = 60
    answer = client.post("/v1/rank", content=pack(CALL, header, arrays), headers=BINARY)
    assert name in problem(answer, 400, "invalid-query")["field"]


def test_values_that_the_snapshot_does_not_have_are_nobodys_preference(client, asked):
    header, arrays = unpack(asked[2], CALL)
    arrays["preferences.codes"] = arrays["preferences.codes"].copy()
    arrays["preferences.codes"][-1] = 1_000_000
    answer = client.post("/v1/rank", content=pack(CALL, header, arrays), headers=BINARY)
    assert "user.preferences." in problem(answer, 400, "invalid-query")["field"]


@pytest.mark.parametrize(
    ("name", "part"), [("mentions", [["price", 0]]), ("quantities", ["category", None, 3])]
)
def test_what_was_read_of_fields_that_the_snapshot_does_not_have_is_refused(
    client, asked, name, part
):
    header, arrays = unpack(asked[2], CALL)
    header["query"]["reading"] = {name: [part]}
    answer = client.post("/v1/rank", content=pack(CALL, header, arrays), headers=BINARY)
    assert problem(answer, 400, "invalid-query")["field"] == f"query.reading.{name}"


@FEW
@given(
    changes=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=6),
    end=st.floats(0, 1),
    kind=st.sampled_from(["application/octet-stream", "application/json", "text/html", ""]),
)
def test_altered_bodies_are_answered_and_never_by_a_5xx(client, asked, changes, end, kind):
    body = bytearray(asked[2])
    for at, value in changes:
        body[at % len(body)] = value
    cut = bytes(body[: int(end * len(body))]) if end < 0.9 else bytes(body)
    answer = client.post("/v1/rank", content=cut, headers={"Content-Type": kind} if kind else {})
    assert answer.status_code < 500, answer.text
    if answer.status_code != 200:
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_call_larger_than_the_limit_is_refused(client):
    problem(client.post("/v1/rank", content=bytes(5 << 20), headers=BINARY), 413, "body-too-large")


def test_a_caller_who_stopped_waiting_is_not_worked_for(client, asked):
    body = with_header(asked[2], timeout_ms=0)
    problem(client.post("/v1/rank", content=body, headers=BINARY), 503, "timed-out")


def test_documents_are_reranked_by_id_in_the_shape_of_cohere(client):
    ids = ["d5", "d1", "d9", "d1"]
    body = {"query": "火锅", "documents": ids}
    told = client.post("/v1/rerank", json=body).json()
    assert sorted(r["index"] for r in told["results"]) == [0, 1, 2, 3]
    scores = [r["relevance_score"] for r in told["results"]]
    assert scores == sorted(scores, reverse=True)
    by_index = {r["index"]: r["relevance_score"] for r in told["results"]}
    assert by_index[1] == by_index[3]
    assert len(client.post("/v1/rerank", json={**body, "top_n": 2}).json()["results"]) == 2
    for wrong, field in (
        ({"documents": ["d5", "nobody"]}, "documents.1"), ({"documents": []}, "documents"),
        ({"top_n": 0}, "top_n"), ({"colour": 1}, "colour"), ({"query": "x" * 600}, "query"),
    ):  # fmt: skip
        answer = client.post("/v1/rerank", json={**body, **wrong})
        assert problem(answer, 400, "invalid-query")["field"] == field


def test_more_calls_than_it_takes_on_are_turned_away(data, asked):
    engine = make_engine(data, "service.max_concurrent=1")
    app = create_app(engine, engine.settings, None)
    with running(app) as client:
        with app.state.service.admission.enter():
            answer = client.post("/v1/rank", content=asked[2], headers=BINARY)
            problem(answer, 503, "overloaded")
            assert answer.headers["retry-after"]
        assert client.post("/v1/rank", content=asked[2], headers=BINARY).status_code == 200
    engine.close()


def test_a_key_guards_every_call_but_health(data, asked):
    calls = {
        "/v1/rank": asked[2], "/v1/rerank": b"{}", f"/v1/releases/{RELEASE}/activate": b"{}",
    }  # fmt: skip
    with ranker(data, key="sesame") as client:
        for path, body in calls.items():
            for wrong in ({}, {"Authorization": "Bearer open"}):
                assert client.post(path, content=body, headers=wrong).status_code == 401
        right = {**BINARY, "Authorization": "Bearer sesame"}
        assert client.post("/v1/rank", content=asked[2], headers=right).status_code == 200
        for path in ("/livez", "/readyz", "/metrics"):
            assert client.get(path).status_code == 200


def test_pages_of_other_sites_are_refused(client, asked):
    for path in ("/v1/rank", "/v1/rerank"):
        answer = client.post(path, content=asked[2], headers={"Origin": "https://evil.example"})
        problem(answer, 403, "foreign-origin")


def test_gateways_that_still_hold_the_versions_before_get_their_answer(tmp_path):
    publish_releases(tmp_path)
    old = open_snapshot(tmp_path / "snapshots" / SNAPSHOT_ID)
    ctx, candidates = make_call(old, RELEASE)
    newer = "20260102T000000Z-0000test"
    with ranker(tmp_path) as client:
        body = encode_call(ctx, candidates, 10_000)
        before = client.post("/v1/rank", content=body, headers=BINARY)
        publish_snapshot(city_rows(30), tmp_path, newer)
        until(lambda: client.get("/readyz").json()["snapshot_id"] == newer)
        after = client.post("/v1/rank", content=body, headers=BINARY)
        assert decode_reply(after.content).scores.tobytes() == (
            decode_reply(before.content).scores.tobytes()
        )


def test_without_a_release_it_says_so(tmp_path):
    publish_snapshot(city_rows(20), tmp_path)
    snapshot = open_snapshot(tmp_path / "snapshots" / SNAPSHOT_ID)
    ctx, candidates = make_call(snapshot, None, n=5)
    with ranker(tmp_path) as client:
        body = encode_call(ctx, candidates, 10_000)
        answer = client.post("/v1/rank", content=body, headers=BINARY)
        assert "no release" in problem(answer, 503, "nothing-serves")["detail"]
        assert client.get("/readyz").status_code == 200


def test_no_candidates_are_no_scores(client, asked):
    ctx, candidates, _ = asked
    body = encode_call(ctx, CandidateSet.empty(candidates.channels), 10_000)
    answer = client.post("/v1/rank", content=body, headers=BINARY)
    assert decode_reply(answer.content).scores.size == 0
