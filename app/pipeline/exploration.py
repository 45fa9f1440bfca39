"""Exploration: now and then one place of a first page is for a document that hardly anybody saw.

What is never shown is never clicked, and what is never clicked is never shown. Who is drawn follows
from the request's id, so that the same request is answered alike; how likely it was is logged.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from app.domain.arrays import I64, Rows
from app.snapshot.context import SearchContext


@dataclass(frozen=True, slots=True)
class Exploration:
    share: float  # of first pages
    position: int  # from 1, pinned documents not counted
    max_impressions: float  # of a document that counts as new; decayed as the tables' counters
    within: int  # best results among which it is drawn


@dataclass(frozen=True, slots=True)
class Drawn:
    at: int  # where it stood in the list
    probability: float  # with which it came to stand where it is shown


def draw(ctx: SearchContext, rows: Rows, how: Exploration) -> Drawn | None:
    """Draw from a list the document to be shown, None where this page explores nothing.

    rows: (n,) best first. Each new document below the page is as likely as the others.
    """
    query = ctx.query
    if query.offset or query.limit < how.position:
        return None
    chance, which = _numbers(ctx.request_id)
    if chance >= how.share:
        return None
    below = np.arange(query.limit, min(rows.size, how.within))
    seen = ctx.tables.counters["impressions"][rows[below]]
    new = below[seen <= how.max_impressions]
    if not new.size:
        return None
    return Drawn(int(new[int(which * new.size)]), how.share / new.size)


def shown_at(order: I64, drawn: Drawn, position: int) -> I64:
    """Put the drawn one at its position; those between move down by one. (n,)"""
    rest = np.delete(order, drawn.at)
    return np.insert(rest, position - 1, order[drawn.at])


def _numbers(request_id: str) -> tuple[float, float]:
    """Return two numbers in [0, 1) that this request alone has."""
    digest = hashlib.blake2b(request_id.encode(), digest_size=16, person=b"explore").digest()
    chance, which = (int.from_bytes(half, "little") for half in (digest[:8], digest[8:]))
    return (chance >> 11) / 2**53, (which >> 11) / 2**53
