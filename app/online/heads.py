"""HEAD, for every path that has GET: what watches services over HTTP often asks so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

_ASKED = "duolu.head"


class Heads:
    """ASGI middleware: has HEAD answered as GET is. The server, which knows better, sends no body.

    To everything within it was a GET, in metrics and log lines too. A route that keeps what people
    were shown asks `is_head` first: nobody sees such an answer.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("method") == "HEAD":
            scope = {**scope, "method": "GET", _ASKED: True}
        await self.app(scope, receive, send)


def is_head(scope: Mapping[str, Any]) -> bool:
    """Tell whether only the head of the answer was asked for."""
    return _ASKED in scope
