"""Who may: one bearer key for administration, and nothing for other people's web pages."""

from __future__ import annotations

import hmac
import ipaddress
from urllib.parse import urlsplit

from starlette.requests import Request

from app.domain.errors import InvalidInput
from app.online.problems import Problem

JSON_TYPES = ("application/json", "application/x-ndjson", "application/ndjson")


def refuse_open_host(host: str, key: str | None) -> None:
    """Raise InvalidInput when `host` can be reached from other machines and no key is set."""
    if key or _is_loopback(host):
        return
    raise InvalidInput(
        f"--host {host} lets other machines in and DUOLU_KEY is not set; "
        "set DUOLU_KEY, or serve on 127.0.0.1"
    )


def require_key(request: Request, key: str | None) -> None:
    """Raise a 401 unless no key is set or the request carries it."""
    if key is None:
        return
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), key.encode()):
        return
    raise Problem(
        401, "key-needed", "this call needs the service's key", {"WWW-Authenticate": "Bearer"},
        field="Authorization", value=None, limit="Bearer KEY", remedy="send the value of DUOLU_KEY",
    )  # fmt: skip


def refuse_foreign_page(
    request: Request, allowed: tuple[str, ...], types: tuple[str, ...] = JSON_TYPES
) -> None:
    """Refuse a write that a browser sends for another site, or as a plain form."""
    origin = request.headers.get("origin")
    if origin is not None and origin not in allowed and not _same_host(origin, request):
        raise Problem(
            403, "foreign-origin", f"writes from pages of {origin[:80]!r} are refused",
            field="Origin", value=origin[:80], limit="this service's own pages",
            remedy="add it to service.cors_origins",
        )  # fmt: skip
    media = media_type(request)
    if media and media not in types:
        raise Problem(
            415, "unsupported-media-type", f"{media[:80]!r} is not read here", field="Content-Type",
            value=media[:80], limit=" or ".join(types), remedy=f"send {types[0]}",
        )  # fmt: skip


def media_type(request: Request) -> str:
    """Return what the body says it is, without parameters; "" where it says nothing."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _same_host(origin: str, request: Request) -> bool:
    return urlsplit(origin).netloc == request.headers.get("host")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
