"""What comes over a socket that is no request of a well-behaved client."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from app.online import bypass, protocol
from tests.builders import city_rows
from tests.builders.servers import gateway, publish_snapshot, ranker


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    data = tmp_path_factory.mktemp("data")
    publish_snapshot([*city_rows(20), {"id": "hot", "title": "老灶火锅"}], data)
    return data


@pytest.fixture(scope="module", params=[gateway, ranker], ids=["gateway", "ranker"])
def client(request, data) -> Iterator[httpx.Client]:
    with request.param(data) as client:
        yield client


@contextmanager
def connected(client: httpx.Client) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", client.base_url.port), timeout=30) as opened:
        yield opened


def said(client: httpx.Client, *sent: bytes) -> bytes:
    """Send, and read until the service hangs up."""
    with connected(client) as opened:
        for part in sent:
            opened.sendall(part)
        return b"".join(iter(lambda: opened.recv(65536), b""))


def request(line: str, body: bytes = b"", *headers: str) -> bytes:
    length = [f"Content-Length: {len(body)}", "Connection: close"]
    return "\r\n".join([line, "Host: x", *headers, *length, "", ""]).encode() + body


def problem(answer: bytes) -> dict[str, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    told: dict[str, str] = json.loads(body)
    assert {*told} >= {"type", "title", "status", "detail", "field", "limit", "remedy"}
    return told


def test_a_url_may_be_typed_as_it_is_read(data):
    with gateway(data) as client:
        answer = said(client, request("GET /v1/search?q=火锅&channels=lexical HTTP/1.1"))
    assert answer.startswith(b"HTTP/1.1 200")
    assert b'"id":"hot"' in answer


def test_only_the_first_line_of_a_request_is_put_into_ascii(data):
    body = '{"title": "茶馆"}'.encode()
    whole = request("PUT /v1/documents/茶 HTTP/1.1", body, "Content-Type: application/json")
    in_a_word = len(whole) - len('茶馆"}'.encode())
    with gateway(data) as client:
        answer = said(client, whole[:in_a_word], whole[in_a_word:])
        assert client.get("/v1/documents/茶").json()["document"]["title"] == "茶馆"
    assert answer.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(300),  # who speaks TLS
        b"GET /v1/search?q=tea house HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v1/search?q=" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /v1/search HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        bytes(range(256)),
    ],
    ids=["tls", "space", "endless", "length", "noise"],
)
def test_what_is_no_http_is_told_so_and_what_to_do(client, sent):
    answer = said(client, sent)
    assert answer.startswith(b"HTTP/1.1 400")
    told = problem(answer)
    assert told["type"] == "urn:duolu:problem:malformed-request"
    assert len(told["detail"]) < 200


@pytest.mark.parametrize("sent", [b"", b"GET /livez HT", b"GET /livez HTTP/1.1\r\nHost: x\r\n"])
def test_who_never_ends_a_request_is_hung_up_on(client, monkeypatch, sent):
    for module in (protocol, bypass):
        monkeypatch.setattr(module, "HEAD_S", 0.2)
    assert said(client, sent) == b""


def test_who_never_ends_a_second_request_is_hung_up_on(client, monkeypatch):
    monkeypatch.setattr(protocol, "HEAD_S", 0.2)
    whole = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
    assert said(client, whole, whole[:20]).count(b"HTTP/1.1 200") == 1


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/docs"])
def test_head_is_answered_as_get_is_without_a_body(client, path):
    got, asked = client.get(path), client.head(path)
    assert asked.status_code == got.status_code == 200
    assert asked.headers["content-type"] == got.headers["content-type"]
    assert not asked.content


def test_a_compressed_body_is_told_so(client):
    path = "/v1/search" if client.get("/v1/search").status_code == 200 else "/v1/rerank"
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    answer = client.post(path, content=gzip.compress(b"{}"), headers=headers)
    assert answer.status_code == 415
    assert answer.json()["field"] == "Content-Encoding"
    assert "uncompressed" in answer.json()["remedy"]


def test_a_parameter_of_the_wrong_kind_is_named(client):
    answer = client.post("/v1/releases/any/activate", params={"force": "perhaps"})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert (told["field"], told["value"]) == ("force", "'perhaps'")
