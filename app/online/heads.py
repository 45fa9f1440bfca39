"""HEAD, for every path that has GET: what watches services over HTTP often asks so."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send


class Heads:
    """ASGI middleware: has HEAD answered as GET is. The server, which knows better, sends no body.

    To everything within it was a GET, in metrics and log lines too.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("method") == "HEAD":
            scope = {**scope, "method": "GET"}
        await self.app(scope, receive, send)
