"""Asks the ranker service what it has open, so that a gateway swaps when the ranker can follow."""

from __future__ import annotations

import urllib.request
from http.client import HTTPException

import orjson

LIMIT_S = 0.5
MAX_BYTES = 4 << 20


def lacking(url: str, key: str | None, release_id: str) -> str | None:
    """Say why the ranker at `url` cannot rank by a release yet; None where it can.

    Also None where nobody answers: search is in fused order then, whichever release is named.
    """
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        asked = urllib.request.Request(f"{url}/v1/releases", headers=headers)
        with opener.open(asked, timeout=LIMIT_S) as answer:
            told = orjson.loads(answer.read(MAX_BYTES))
        listed = [*told["releases"], *told.get("standby", ())]
        entry = next((e for e in listed if e["id"] == release_id), None)
        if entry is None:
            return f"the ranker at {url} does not have it"
        why = entry["problem"] or "it is being opened"
        return None if entry["ready"] else f"the ranker at {url}: {why}"
    except (OSError, HTTPException, ValueError, LookupError, TypeError):
        return None
