"""Documents over HTTP: on disk before the answer, numbered, checked as a catalogue's rows are."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from app.corpus.document_log import DocumentLog
from tests.builders import city_rows
from tests.builders.servers import gateway, publish_snapshot

NDJSON = {"Content-Type": "application/x-ndjson"}
JSON = {"Content-Type": "application/json"}
ROWS = city_rows(60)
UNTOUCHED = iter(ROWS[1:])
KNOWN = ROWS[0]["id"]  # only read, and written where it is refused


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of the gateway that most tests share; each has documents of its own."""
    data = tmp_path_factory.mktemp("data")
    publish_snapshot(ROWS, data)
    return data


@pytest.fixture(scope="module")
def client(shared: Path) -> Iterator[httpx.Client]:
    with gateway(shared) as client:
        yield client


@pytest.fixture
def since(shared: Path) -> int:
    """The last number given before the test."""
    return DocumentLog.open(shared).last_seq()


@pytest.fixture
def known() -> str:
    """A document of the snapshot that no other test touches."""
    return str(next(UNTOUCHED)["id"])


def doc(id_: str, **more: Any) -> dict[str, Any]:
    return {"id": id_, "title": "new", **more}


def lines(*rows: object) -> bytes:
    return b"\n".join(row if isinstance(row, bytes) else orjson.dumps(row) for row in rows)


def logged(data: Path, since: int) -> list[tuple[int, str, str]]:
    """What was written since, numbered from 1."""
    return [(e.seq - since, str(e.op), e.id) for e in DocumentLog.open(data).read(since)]


def test_a_document_is_in_the_log_before_the_answer(
    client: httpx.Client, shared: Path, since: int
) -> None:
    answer = client.put("/v1/documents/x", json={"title": "new", "price": 5})
    assert (answer.status_code, answer.json()) == (200, {"id": "x", "seq": since + 1})
    assert answer.headers["etag"] == f'"{since + 1}"'
    assert logged(shared, since) == [(1, "put", "x")]
    shown = client.get("/v1/documents/x")
    assert shown.json()["document"] == doc("x", price=5)
    assert shown.headers["etag"] == answer.headers["etag"]


def test_what_is_written_can_be_read_at_once(client: httpx.Client, known: str, since: int) -> None:
    url = f"/v1/documents/{known}"
    before = client.get(url).json()["document"]
    assert client.patch(url, json={"price": 3, "title": "other", "brand": None}).status_code == 200
    after = client.get(url).json()["document"]
    kept = {k: v for k, v in before.items() if k != "brand"}
    assert after == kept | {"price": 3, "title": "other"}
    assert client.delete(url).json()["seq"] == since + 2
    assert client.get(url).status_code == 404
    assert client.delete(url).status_code == 404
    assert client.patch(url, json={"price": 3}).status_code == 404


def test_a_bulk_takes_good_lines_and_says_what_is_wrong_with_each_bad_one(
    client: httpx.Client, shared: Path, since: int
) -> None:
    body = lines(
        doc("a"), doc("b", lat=91.0, lon=0), b"", b'{"id": "c", "title": "x", "price": NaN}',
        {"id": "d"}, doc("e", text="x" * 10_000_000), b'{"id": "f", "title": "\xff"}',
        doc("g" * 2048), doc("h"), b"nonsense",
    )  # fmt: skip
    answer = client.post("/v1/documents", content=body, headers=NDJSON)
    told = answer.json()
    assert (answer.status_code, told["accepted"], told["refused"], told["seq"]) == (
        200,
        2,
        7,
        since + 2,
    )
    taken = [r for r in told["results"] if "seq" in r]
    assert taken == [
        {"line": 1, "id": "a", "seq": since + 1},
        {"line": 9, "id": "h", "seq": since + 2},
    ]
    bad = {r["line"]: r["error"] for r in told["results"] if "error" in r}
    assert {line: e["field"] for line, e in bad.items()} == {
        2: "lat", 4: "", 5: "title", 6: "text", 7: "", 8: "id", 10: "",
    }  # fmt: skip
    assert all(e["reason"] and e["remedy"] for e in bad.values())
    assert bad[2]["value"] == "91.0"
    assert "NaN" in bad[4]["reason"]
    assert "UTF-8" in bad[7]["reason"]
    assert logged(shared, since) == [(1, "put", "a"), (2, "put", "h")]


def test_a_bulk_may_be_an_array_and_longer_than_a_part(
    client: httpx.Client, shared: Path, since: int
) -> None:
    answer = client.post("/v1/documents", json=[doc(str(i)) for i in range(2_500)] + [{}])
    assert (answer.json()["accepted"], answer.json()["seq"]) == (2500, since + 2500)
    assert answer.json()["results"][-1]["line"] == 2501
    assert DocumentLog.open(shared).last_seq() == since + 2500


def test_the_parts_of_a_bulk_do_not_depend_on_how_it_arrives(
    client: httpx.Client, shared: Path, since: int
) -> None:
    body = lines(*(doc(f"茶{i}", text="x" * (i % 50)) for i in range(1_500)))
    headers = NDJSON | {"Idempotency-Key": "k"}

    def pieces(size: int) -> Iterator[bytes]:
        return (body[at : at + size] for at in range(0, len(body), size))

    first = client.post("/v1/documents", content=pieces(7), headers=headers).json()
    again = client.post("/v1/documents", content=pieces(9_973), headers=headers).json()
    assert first == again
    assert (first["accepted"], DocumentLog.open(shared).last_seq()) == (1500, since + 1500)


def test_a_repeated_key_writes_once_and_another_body_is_refused(
    client: httpx.Client, shared: Path, since: int
) -> None:
    for method, url, body, other in (
        ("PUT", "/v1/documents/a", doc("a"), doc("a", price=1)),
        ("PATCH", "/v1/documents/a", {"price": 2}, {"price": 3}),
        ("POST", "/v1/documents", [doc("b"), doc("c")], [doc("b")]),
    ):
        headers = {"Idempotency-Key": method}
        first = client.request(method, url, json=body, headers=headers)
        again = client.request(method, url, json=body, headers=headers)
        assert first.status_code == again.status_code == 200, first.text
        assert first.json() == again.json()
        refused = client.request(method, url, json=other, headers=headers)
        assert (refused.status_code, refused.json()["type"][-10:]) == (422, "key-reused")
    assert [seq for seq, _, _ in logged(shared, since)] == [1, 2, 3, 4]
    assert client.put("/v1/documents/a", json=doc("a"), headers={"Idempotency-Key": ""}
                      ).status_code == 400  # fmt: skip


def test_a_write_upon_an_old_version_is_refused(client: httpx.Client, known: str) -> None:
    url = f"/v1/documents/{known}"
    for change in ({"price": 1}, {"price": 2}):  # of the snapshot, then of the log
        tag = client.get(url).headers["etag"]
        assert client.patch(url, json=change, headers={"If-Match": tag}).status_code == 200
        stale = client.patch(url, json=change, headers={"If-Match": tag})
        assert (stale.status_code, stale.json()["type"]) == (412, "urn:duolu:problem:stale-write")
    assert client.put("/v1/documents/y", json=doc("y"), headers={"If-Match": "*"}
                      ).status_code == 404  # fmt: skip
    for expected in (200, 412):
        made = client.put("/v1/documents/y", json=doc("y"), headers={"If-None-Match": "*"})
        assert made.status_code == expected
    for header, value in (("If-Match", "1"), ("If-Match", '"1", "2"'), ("If-None-Match", '"1"')):
        assert client.patch(url, json={"price": 1}, headers={header: value}).status_code == 400


def test_of_two_who_write_upon_one_version_one_wins(client: httpx.Client, known: str) -> None:
    url, start = f"/v1/documents/{known}", threading.Barrier(8)
    tag = client.get(url).headers["etag"]

    def write(price: int) -> int:
        start.wait()
        return client.patch(url, json={"price": price}, headers={"If-Match": tag}).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(write, range(8)))
    assert sorted(statuses) == [200] + [412] * 7


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"title": None}, "title"),
        ({"title": ""}, "title"),
        ({"prise": 3}, "prise"),
        ({"price": "3"}, "price"),
        ({"lat": 31.0}, "lat"),
        ({"lat": 91.0, "lon": 0}, "lat"),
        ({"id": "other"}, "id"),
        ({"in_stock": 1}, "in_stock"),
        ({"published_at": "yesterday"}, "published_at"),
    ],
)
def test_a_bad_patch_is_a_400_that_names_the_field(
    client: httpx.Client, body: dict[str, Any], field: str
) -> None:
    answer = client.patch(f"/v1/documents/{KNOWN}", json=body)
    told = answer.json()
    assert (answer.status_code, told["type"]) == (400, "urn:duolu:problem:invalid-document")
    assert told["field"] == field
    assert told["remedy"]


def test_a_key_that_only_this_document_has_may_be_patched(client: httpx.Client) -> None:
    client.put("/v1/documents/x", json=doc("x", photo=["u1"]))
    assert client.patch("/v1/documents/x", json={"photo": ["u2"]}).status_code == 200
    assert client.get("/v1/documents/x").json()["document"] == doc("x", photo=["u2"])


@pytest.mark.parametrize("method", ["PUT", "GET", "DELETE", "PATCH"])
def test_an_endless_id_is_refused(client: httpx.Client, method: str) -> None:
    body = {"json": {"title": "x"}} if method in ("PUT", "PATCH") else {}
    answer = client.request(method, f"/v1/documents/{'x' * 2048}", **body)
    assert (answer.status_code, answer.json()["field"]) == (400, "id")


@pytest.mark.parametrize(
    ("call", "status"),
    [
        (("PUT", "/v1/documents/x", b"title", JSON), 400),
        (("PUT", "/v1/documents/x", b"[]", JSON), 400),
        (("PUT", "/v1/documents/x", b'{"title": "x", "id": "y"}', JSON), 400),
        (("PUT", "/v1/documents/x", b'{"title": "x"}', {"Content-Type": "text/plain"}), 415),
        (("PUT", "/v1/documents/x", b'{"title": "x"}', {}), 415),
        (("PUT", "/v1/documents/x", b'{"title": "x"}', NDJSON), 415),
        (("POST", "/v1/documents", b"[{]", JSON), 400),
        (("POST", "/v1/documents", b"", NDJSON), 400),
        (("POST", "/v1/documents", b'{"id": "x"}', NDJSON), 400),
        (("POST", "/v1/documents", b"x" * ((16 << 20) + 1), NDJSON), 413),
        (("PUT", "/v1/documents/x", b" " * ((1 << 20) + 1), JSON), 413),
        (("PUT", "/v1/documents/x", b"{}", JSON | {"Origin": "http://evil.example"}), 403),
    ],
)
def test_a_bad_write_is_refused_and_writes_nothing(
    client: httpx.Client,
    shared: Path,
    since: int,
    call: tuple[str, str, bytes, dict[str, str]],
    status: int,
) -> None:
    method, url, body, headers = call
    answer = client.request(method, url, content=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.json()["type"].startswith("urn:duolu:problem:")
    assert logged(shared, since) == []
