"""Sessions, queries and device links as the rows of their files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from app.domain.arrays import I64, Bools
from app.offline.demo.chance import Stream, stream
from app.offline.demo.people import People
from app.offline.demo.rows import id_of
from app.offline.demo.visits import Visits, World


def session_rows(
    world: World,
    visits: Visits,
    texts: list[str],
    shown: I64,
    clicked: Bools,
    purchased: Bools,
    seed: int,
) -> Iterator[dict[str, Any]]:
    """Yield sessions in order of time; `shown`, `clicked`, `purchased` are (visits, positions)."""
    ids = id_of(world.documents, shown.ravel())
    width = shown.shape[1]
    flags = zip(clicked.tolist(), purchased.tolist(), strict=True)
    for s, (click, buy) in enumerate(flags):
        page = ids[s * width : (s + 1) * width]
        row: dict[str, Any] = {
            "request_id": f"synthetic-{seed}-{s:07d}",
            "ts": int(visits.ts_ms[s]),
            "query": texts[s],
            **_who(world.people, visits, s),
            **_where(visits, s),
            "shown": page,
            "clicked": [i for i, c in zip(page, click, strict=True) if c],
        }
        if any(buy):
            row["purchased"] = [i for i, b in zip(page, buy, strict=True) if b]
        yield row


def query_rows(world: World, visits: Visits, texts: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the held-out queries; those of unknown people carry no user."""
    for q, text in enumerate(texts):
        user = {"user_id": world.people.user_id(int(visits.user[q]))}
        yield {
            "qid": f"q{q:05d}",
            "text": text,
            **({} if world.people.is_anonymous[visits.user[q]] else user),
            **_where(visits, q),
            "now_ms": int(visits.ts_ms[q]),
        }


def link_rows(people: People, start_ms: int, days: int, seed: int) -> Iterator[dict[str, Any]]:
    """Yield the moments when a device turned out to be a known person's: they signed in on it."""
    users = np.flatnonzero(people.has_two_devices)
    moments = stream(seed, Stream.PEOPLE, 2).integers(days * 86_400_000 // 2, size=(len(users), 2))
    for user, both in zip(users.tolist(), (start_ms + moments).tolist(), strict=True):
        for device, ts in enumerate(both):
            client = people.client_id(user, device)
            yield {
                "event_id": f"synthetic-link-{seed}-{client}",
                "action_name": "link_identity",
                "timestamp": ts,
                "client_id": client,
                "user_id": people.user_id(user),
            }


def _who(people: People, visits: Visits, s: int) -> dict[str, str]:
    user = int(visits.user[s])
    who = {}
    if visits.is_signed_in[s]:
        who["user_id"] = people.user_id(user)
    if people.has_two_devices[user] or not visits.is_signed_in[s]:
        who["client_id"] = people.client_id(user, int(visits.device[s]))
    return who


def _where(visits: Visits, s: int) -> dict[str, float]:
    if not visits.is_located[s]:
        return {}
    return {"lat": float(visits.lat[s]), "lon": float(visits.lon[s])}
