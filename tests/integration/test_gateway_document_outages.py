"""Who may not write, what a full disk and a dead server refuse, and that reading goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from app.online.gateway.main import create_app
from tests.builders import city_rows
from tests.builders.databases import PostgreSQL
from tests.builders.servers import gateway, make_engine, publish_snapshot, running

ROWS = city_rows(5)
KNOWN = ROWS[0]["id"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder for a gateway of one's own."""
    publish_snapshot(ROWS, tmp_path)
    return tmp_path


def doc(id_: str, **more: Any) -> dict[str, Any]:
    return {"id": id_, "title": "new", **more}


def test_with_a_key_set_only_who_has_it_writes(data: Path) -> None:
    with gateway(data, key="secret") as client:
        for method, url in (("PUT", "/v1/documents/x"), ("POST", "/v1/documents")):
            assert client.request(method, url, json=doc("x")).status_code == 401
        assert client.delete(f"/v1/documents/{KNOWN}").status_code == 401
        known = {"Authorization": "Bearer secret"}
        assert client.put("/v1/documents/x", json=doc("x"), headers=known).status_code == 200
        assert client.get("/v1/documents/x").status_code == 200


def test_a_full_disk_refuses_writes_lets_read_and_heals_by_itself(data: Path) -> None:
    engine = make_engine(data)
    pool = engine.document_log._database._engine
    room = {"pages": 1 << 30}
    event.listen(pool, "connect", lambda c, _: c.execute(f"PRAGMA max_page_count={room['pages']}"))
    with running(create_app(engine, engine.settings, None)) as client:
        assert client.put("/v1/documents/a", json=doc("a")).status_code == 200
        room["pages"] = 1
        pool.dispose()
        full = client.put("/v1/documents/b", json=doc("b", text="x" * 100_000))
        assert (full.status_code, full.json()["type"]) == (507, "urn:duolu:problem:store-full")
        assert client.get("/v1/documents/a").status_code == 200
        assert client.get("/v1/search?q=tea").status_code == 200
        room["pages"] = 1 << 30
        pool.dispose()
        assert client.put("/v1/documents/b", json=doc("b")).json()["seq"] == 2
    engine.close()


def test_without_its_server_writes_are_refused_and_what_was_acknowledged_stays(
    data: Path, postgresql: PostgreSQL, database_url: str
) -> None:
    with gateway(data, f"store.url={database_url}") as client:
        assert client.put("/v1/documents/a", json=doc("a")).status_code == 200
        postgresql.kill()
        refused = client.put("/v1/documents/b", json=doc("b"))
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert "does not answer" in refused.json()["detail"]
        assert client.get("/v1/search?q=tea").status_code == 200
        shown = client.get(f"/v1/documents/{KNOWN}")
        assert (shown.status_code, shown.json()["degraded"]) == (200, ["store"])
        postgresql.start()
        assert client.put("/v1/documents/b", json=doc("b")).json()["seq"] == 2
        assert client.get("/v1/documents/a").json()["document"] == doc("a")
