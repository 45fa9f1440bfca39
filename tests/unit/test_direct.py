"""Which calls skip the framework, and that they end there as they do on the long way."""

from __future__ import annotations

import asyncio

import pytest
from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import Response

from app.domain.errors import InvalidQuery
from app.online.direct import Direct
from app.online.telemetry import FACTS

router = APIRouter()


@router.get("/often")
async def often(request: Request) -> Response:
    if request.query_params:
        raise InvalidQuery("limit", 0, "between 1 and 1000", "page with offset")
    return Response("direct")


@router.get("/seldom")
async def seldom(request: Request) -> Response:
    return Response("long way")


def call(path: str, *, query: bytes = b"", headers: tuple = (), method: str = "GET") -> tuple:
    """Return (who answered, status, facts noted)."""
    sent: list[dict] = []
    passed: list[str] = []

    async def framework(scope, receive, send) -> None:
        passed.append(scope["path"])

    async def receive() -> dict:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message) -> None:
        sent.append(message)

    owner = FastAPI()
    owner.include_router(router)
    direct = Direct(framework, owner, [router], ["/often"])
    scope = {
        "type": "http", "method": method, "path": path, "query_string": query,
        "headers": list(headers),
    }  # fmt: skip
    asyncio.run(direct(scope, receive, send))
    status = next((m["status"] for m in sent if "status" in m), None)
    return "framework" if passed else "direct", status, scope.get(FACTS, {})


def test_a_call_that_every_search_makes_skips_the_framework() -> None:
    assert call("/often") == ("direct", 200, {})


@pytest.mark.parametrize(
    "asked",
    [
        {"path": "/seldom"},
        {"path": "/nowhere"},
        {"path": "/often", "method": "DELETE"},
        {"path": "/often", "headers": ((b"origin", b"https://shop.example"),)},
    ],
)
def test_everything_else_takes_the_long_way(asked: dict) -> None:
    assert call(**asked) == ("framework", None, {})


def test_an_error_is_answered_and_noted_for_the_log_line() -> None:
    assert call("/often", query=b"limit=0") == ("direct", 400, {"problem": "invalid-query"})
