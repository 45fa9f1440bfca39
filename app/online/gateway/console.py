"""The web console at `/`: files that are shipped with the package, under a strict policy.

Nothing on the page may come from another host, and no script or style may stand inside a document:
the policy below says so to the browser, whatever a catalogue or a query holds.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.online.gateway.about import about_body
from app.online.json_body import JSON, to_json
from app.online.problems import Problem
from app.online.service import service_of

FOLDER = Path(__file__).parents[2] / "console"
INDEX = "index.html"
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
POLICY = (
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",  # asked again each time, answered 304 while it is the same
}

router = APIRouter(default_response_class=Response, include_in_schema=False)


@dataclass(frozen=True, slots=True)
class File:
    """One file of the console, as it is sent."""

    body: bytes
    media_type: str
    etag: str


def load() -> Mapping[str, File]:
    """Read the console's files. They are few and small, and no path is looked up later on."""
    return {
        path.relative_to(FOLDER).as_posix(): _file(path)
        for path in sorted(FOLDER.rglob("*"))
        if path.suffix in MEDIA_TYPES
    }


@router.get("/")
async def index(request: Request) -> Response:
    """Show the console."""
    return _answer(request, INDEX)


@router.get("/console/about")
async def about(request: Request) -> Response:
    """Tell the page what can be searched, filtered and drawn here."""
    calls = request.app.openapi()["paths"]
    body = await asyncio.to_thread(about_body, service_of(request), calls)
    return Response(to_json(body), media_type=JSON)


@router.get("/console/{path:path}")
async def file(request: Request, path: str) -> Response:
    """Send one of the console's files."""
    return _answer(request, path)


def _answer(request: Request, path: str) -> Response:
    found: File | None = request.app.state.console.get(path)
    if found is None:
        raise Problem(404, "not-found", "the console has no such file", remedy="GET / shows it")
    headers = {**HEADERS, "ETag": found.etag}
    if request.headers.get("if-none-match") == found.etag:
        return Response(status_code=304, headers=headers)
    return Response(found.body, media_type=found.media_type, headers=headers)


def _file(path: Path) -> File:
    body = path.read_bytes()
    return File(body, MEDIA_TYPES[path.suffix], f'"{hashlib.sha256(body).hexdigest()[:32]}"')
