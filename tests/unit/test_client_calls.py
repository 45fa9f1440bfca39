"""What the client sends, when it calls again, and how it reads problems."""

from __future__ import annotations

import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.client import (
    Busy,
    Invalid,
    NotFound,
    Refused,
    Retries,
    ServiceFailed,
    TimedOut,
    Unreachable,
    calls,
)
from app.client.answers import Bulk, Refusal
from app.client.asynchronous import AsyncClient
from app.client.blocking import Client
from app.client.options import SearchOptions, as_body
from app.online.gateway.schemas import SearchBody

SHARES = st.floats(0, 1, exclude_max=True)


def test_the_client_knows_every_field_of_a_search():
    fields = set(SearchBody.model_fields) - {"query"}
    assert fields == set(SearchOptions.__annotations__), "add it to app/client/options.py"


def test_both_clients_have_the_same_calls():
    def names(cls: type) -> set[str]:
        return {name for name in vars(cls) if not name.startswith("_")}

    assert names(Client) == names(AsyncClient)


@given(st.integers(0, 9), st.integers(0, 30), SHARES)
def test_a_busy_service_is_given_the_time_that_it_asks_for(attempt, asked_s, drawn):
    retries = Retries(most=5, first_s=0.1, longest_s=20.0)
    wait_s = retries.wait_s(attempt, Busy(503, {}, float(asked_s)), drawn)
    if attempt >= 5 or asked_s > 20:
        assert wait_s is None
    else:
        assert wait_s is not None
        assert asked_s <= wait_s <= 20


@given(SHARES)
def test_waits_grow_and_callers_spread(drawn):
    waits = [Retries(most=4).wait_s(n, Unreachable("down"), drawn) for n in range(5)]
    assert waits[4] is None
    assert waits[:4] == sorted(waits[:4])
    assert waits[0] == pytest.approx(0.2 * (1 + drawn / 2))


@pytest.mark.parametrize("error", [TimedOut("slow"), Invalid(400, {}), ServiceFailed(500, {})])
def test_what_another_call_would_not_mend_is_not_called_again(error):
    assert Retries().wait_s(0, error, 0.0) is None


@pytest.mark.parametrize(
    ("status", "kind"), [(400, Invalid), (404, NotFound), (503, Busy), (502, ServiceFailed)]
)
def test_a_page_of_a_proxy_is_told_by_its_status(status, kind):
    call = calls.search("tea", {})
    with pytest.raises(kind, match="Bad luck") as caught:
        calls.answered(call, httpx.Response(status, html="<h1>Bad luck</h1>"))
    assert caught.value.kind == "no-problem-json"


def test_a_page_under_the_wrong_url_is_no_answer():
    page = httpx.Response(200, html="<h1>It works!</h1>", request=httpx.Request("GET", "http://x/"))
    with pytest.raises(Refused, match="is this Duolu's URL"):
        calls.answered(calls.search("tea", {}), page)


def test_a_place_is_written_as_the_service_reads_it():
    assert as_body("tea", {"location": (31.2, 121.5), "limit": 3}) == {
        "query": "tea", "location": {"lat": 31.2, "lon": 121.5}, "limit": 3,
    }  # fmt: skip


def test_ids_with_slashes_and_spaces_stay_one_part_of_the_path():
    assert calls.get_document("a/b c?d").path == "/v1/documents/a%2Fb%20c%3Fd"


@given(st.lists(st.integers(0, 3_000_000), max_size=12), st.integers(1, 4))
def test_many_documents_are_cut_into_bodies_that_are_taken(sizes, times):
    documents = [{"id": str(i), "title": "x" * size} for i, size in enumerate(sizes)] * times
    parts = list(calls.put_documents(documents))
    sent = [orjson.loads(line) for _, call in parts for line in (call.body or b"").split(b"\n")]
    assert sent == documents
    assert [n for n, _ in parts] == [(c.body or b"").count(b"\n") + 1 for _, c in parts]
    assert all(n == 1 or len(c.body or b"") <= 9 << 20 for n, c in parts)
    keys = {call.headers["Idempotency-Key"] for _, call in parts}
    assert len(keys) == len(parts)


def test_lines_of_later_bodies_are_counted_from_the_first():
    bad = Refusal(2, "x", "lat", 91, "is outside", "write degrees")
    both = Bulk(3, (), 7).and_then(Bulk(0, (bad,), None), lines_before=3)
    assert (both.accepted, both.refused[0].line, both.seq) == (3, 5, 7)


def test_an_event_is_given_an_id_once_however_often_it_is_sent():
    [call] = calls.add_events([{"action_name": "click"}, {"event_id": "mine"}])
    first, second = orjson.loads(call.body or b"")
    assert len(first["event_id"]) == 32
    assert second["event_id"] == "mine"
