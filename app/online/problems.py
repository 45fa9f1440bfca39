"""The one table from errors to HTTP, as RFC 9457 problem details."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from app.corpus.document_writes import KeyReused, NoSuchDocument, StaleWrite
from app.corpus.rows import BadRow
from app.domain.errors import (
    ClientError,
    CorruptArtifact,
    CursorGone,
    FeatureMismatch,
    GateRefused,
    InvalidQuery,
    NothingServes,
    ServerError,
    StoreFull,
    UnknownName,
    VersionUnknown,
)
from app.online.admission import Overloaded
from app.online.incoming import BodyGivenUp
from app.online.limits import BodyEncoded, BodyTooLarge, BodyTooSlow
from app.online.telemetry import note

MEDIA_TYPE = "application/problem+json"
RETRY = {"Retry-After": "1"}
FIELD_OF = {"channel": "channels"}  # what names such a thing in a request, where it differs

TABLE: tuple[tuple[type[Exception], int, str, dict[str, str]], ...] = (
    (InvalidQuery, 400, "invalid-query", {}),
    (UnknownName, 400, "unknown-name", {}),
    (BadRow, 400, "invalid-document", {}),
    (NoSuchDocument, 404, "unknown-name", {}),
    (StaleWrite, 412, "stale-write", {}),
    (KeyReused, 422, "key-reused", {}),
    (CursorGone, 410, "cursor-gone", {}),
    (ClientError, 400, "invalid-request", {}),
    (BodyEncoded, 415, "unsupported-media-type", {}),
    (BodyTooLarge, 413, "body-too-large", {"Connection": "close"}),
    (ClientDisconnect, 400, "body-cut-short", {"Connection": "close"}),  # for metrics and log
    (BodyTooSlow, 408, "body-too-slow", {"Connection": "close"}),
    (BodyGivenUp, 503, "overloaded", {**RETRY, "Connection": "close"}),
    (Overloaded, 503, "overloaded", RETRY),
    (CorruptArtifact, 409, "does-not-serve", {}),
    (FeatureMismatch, 409, "does-not-serve", {}),
    (GateRefused, 409, "kept-back", {}),
    (VersionUnknown, 409, "version-unknown", {}),
    (NothingServes, 503, "nothing-serves", RETRY),
    (StoreFull, 507, "store-full", {}),
    (ServerError, 503, "unavailable", RETRY),
    (TimeoutError, 503, "timed-out", RETRY),
)
"""The first row whose type the error is of wins. docs/api.md lists the kinds."""


class Problem(Exception):
    """An error as HTTP says it. Every member stands in the body."""

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        self.status = status
        self.kind = kind
        self.detail = detail
        self.headers = dict(headers or {})
        self.members = members
        super().__init__(detail)

    def response(self) -> Response:
        body = {
            "type": f"urn:duolu:problem:{self.kind}",
            "title": self.kind.replace("-", " ").capitalize(),
            "status": self.status,
            "detail": self.detail,
            **self.members,
        }
        return Response(orjson.dumps(body), self.status, self.headers, MEDIA_TYPE)


def refused_field(field: str, value: object, limit: str, remedy: str) -> Problem:
    """Build the 400 of one field."""
    return problem_of(InvalidQuery(field, value, limit, remedy))


def problem_of(error: Exception, in_path: bool = False) -> Problem:
    """Translate any error. An unknown name that the path holds is 404 instead of 400."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, HTTPException):
        return _of_framework(error)
    if isinstance(error, RequestValidationError):
        return _of_parameter(error)
    for kind_of_error, status, kind, headers in TABLE:
        if isinstance(error, kind_of_error):
            missing = in_path and kind == "unknown-name"
            return Problem(404 if missing else status, kind, str(error), headers, **_members(error))
    return Problem(500, "internal-error", "an unexpected error; the log of the service says which")


def install(app: FastAPI) -> None:
    """Answer every error of every route by the table above; no trace ever leaves the process."""

    async def answer(request: Request, error: Exception) -> Response:
        problem = problem_of(error, in_path=bool(request.path_params))
        note(request.scope, problem=problem.kind)
        if problem.status == 405:
            problem.headers["Allow"] = ", ".join(_methods_of(request))
        return problem.response()

    kinds: list[type[Exception]] = [
        Problem, *(row[0] for row in TABLE), HTTPException, RequestValidationError, Exception
    ]  # fmt: skip
    for kind in kinds:
        app.add_exception_handler(kind, answer)


def _members(error: Exception) -> dict[str, Any]:
    match error:
        case UnknownName():
            return {
                "field": FIELD_OF.get(error.kind, error.kind),
                "value": error.name,
                "limit": "a name that exists",
                "remedy": error.known,
            }
        case NoSuchDocument():
            return {
                "field": "document",
                "value": error.id,
                "limit": "a document that exists",
                "remedy": "PUT it to make it",
            }
        case BadRow():
            return {
                "field": error.field,
                "value": error.value,
                "limit": error.reason,
                "remedy": error.remedy,
            }
        case (
            InvalidQuery() | BodyEncoded() | BodyTooLarge() | BodyTooSlow() | BodyGivenUp()
            | Overloaded() | VersionUnknown()
        ):  # fmt: skip
            return {
                "field": error.field,
                "value": error.value,
                "limit": error.limit,
                "remedy": error.remedy,
            }
    return {}


def _methods_of(request: Request) -> list[str]:
    """Every method of the path; the framework names those of the first route alone."""
    path = getattr(request.scope.get("route"), "path_format", "")
    return sorted(m.upper() for m in request.app.openapi()["paths"].get(path, {}))


def _of_parameter(error: RequestValidationError) -> Problem:
    """Build the 400 of a parameter that a route declares, and the framework reads."""
    first = error.errors()[0]
    name, limit = str(first["loc"][-1]), first["msg"].lower()
    return refused_field(name, first.get("input"), limit, "GET /docs shows every parameter")


def _of_framework(error: HTTPException) -> Problem:
    kind = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "refused")
    return Problem(
        error.status_code, kind, str(error.detail), error.headers,
        remedy="GET /docs lists every call",
    )  # fmt: skip
