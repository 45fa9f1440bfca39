"""The calls that every search makes, past the framework's layers.

Why, and what it saves: docs/adr/0043-turns-and-direct-calls.md.
They are routes as all others, in the API's description too; only requests of web pages of another
origin take the whole way, where their headers are dealt with.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import chain

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.online.problems import problem_of
from app.online.telemetry import note


class Direct:
    """ASGI middleware: calls the endpoint of a route itself. It takes the request, nothing else."""

    def __init__(
        self, app: ASGIApp, owner: FastAPI, routers: Iterable[APIRouter], paths: Collection[str]
    ) -> None:
        """`owner` is the application of the `routers`, from which the routes of `paths` come."""
        self.app = app
        self._owner = owner
        every = chain.from_iterable(router.routes for router in routers)
        routes = [route for route in every if isinstance(route, APIRoute)]
        self._routes = {(m, r.path): r for r in routes if r.path in paths for m in r.methods or ()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._routes.get((scope["method"], scope["path"])) if _is_plain(scope) else None
        if route is None:
            await self.app(scope, receive, send)
            return
        scope["app"], scope["route"] = self._owner, route
        try:
            response: Response = await route.endpoint(Request(scope, receive))
        except Exception as error:
            problem = problem_of(error)
            note(scope, problem=problem.kind)
            await problem.response()(scope, receive, send)
            if problem.status == 500:
                raise  # to the log
        else:
            await response(scope, receive, send)


def _is_plain(scope: Scope) -> bool:
    return scope["type"] == "http" and all(name != b"origin" for name, _ in scope["headers"])
