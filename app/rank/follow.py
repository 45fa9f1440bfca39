"""Asks the ranker service what it has open, so that a gateway swaps when the ranker can follow."""

from __future__ import annotations

import urllib.request
from collections.abc import Mapping
from http import HTTPStatus
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote

import orjson

LIMIT_S = 0.5
MAX_BYTES = 4 << 20


def lacking(url: str, key: str | None, release_id: str) -> str | None:
    """Say why the ranker at `url` cannot rank by a release yet; None where it can.

    Also None where nobody answers: search is in fused order then, whichever release is named.
    """
    try:
        entry = _entry(url, key, release_id)
        if entry is None:
            return f"the ranker at {url} does not have it"
        why = entry["problem"] or "it is being opened"
        return None if entry["ready"] else f"the ranker at {url}: {why}"
    except (OSError, HTTPException, ValueError, LookupError, TypeError):
        return None


def _entry(url: str, key: str | None, release_id: str) -> Mapping[str, Any] | None:
    """What the ranker tells of one release: a listing would read the manifests of all of them.

    Of another model it knows what stands by.
    """
    try:
        told: Mapping[str, Any] = _told(url, key, f"/v1/releases/{quote(release_id, safe='')}")
    except HTTPError as error:
        if error.code != HTTPStatus.NOT_FOUND:
            raise
        listed = _told(url, key, "/v1/releases").get("standby", ())
        return next((e for e in listed if e["id"] == release_id), None)
    return told


def _told(url: str, key: str | None, path: str) -> Any:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    asked = urllib.request.Request(url + path, headers=headers)
    with opener.open(asked, timeout=LIMIT_S) as answer:
        return orjson.loads(answer.read(MAX_BYTES))
