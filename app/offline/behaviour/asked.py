"""Who asked what, when and where, as far as events tell; and what they chose after it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.corpus.event_columns import EventColumns
from app.corpus.text import normalise
from app.domain.arrays import I32, I64, Array, Bools
from app.domain.events import GAINS
from app.offline.behaviour.actions import said
from app.offline.behaviour.people import People
from app.snapshot.suggested import area_of

LONGEST = 64  # characters of a query that others may be told
NOWHERE = -1


@dataclass(frozen=True, slots=True)
class Asked:
    """One entry an event of somebody known, in order of (ts_ms, seq). (a,)

    What an event leaves unsaid, others of its request say.
    """

    text: I32  # code into `texts`, -1: no query, or one that is never told
    person: I32
    ts_ms: I64
    area: I64  # see area_of; NOWHERE if unknown
    chosen: I32  # code of the document that was clicked, put in a cart or bought; -1: none
    texts: tuple[str, ...]  # in normal form, ascending

    @classmethod
    def of(cls, events: EventColumns, people: People) -> Asked:
        texts, code_of = _texts(events)
        person = said(people.of(events), events)
        known = np.flatnonzero(person >= 0)
        text = code_of[said(events.query.codes, events)]
        chosen = np.where(_gains(events), events.document.codes, -1)
        return cls(
            text[known], person[known], events.ts_ms[known], _areas(events)[known],
            chosen[known].astype(np.int32), texts,
        )  # fmt: skip

    def take(self, keep: I64) -> Asked:
        return Asked(
            self.text[keep], self.person[keep], self.ts_ms[keep], self.area[keep],
            self.chosen[keep], self.texts,
        )  # fmt: skip


def distinct(owners: Array, people: I32, n: int) -> I64:
    """Count the distinct people of each of n owners. (n,)"""
    width = int(people.max(initial=0)) + 1
    pairs = np.unique(owners.astype(np.int64) * width + people)
    return np.bincount(pairs // width, minlength=n)


def _texts(events: EventColumns) -> tuple[tuple[str, ...], I32]:
    """Return the normal forms of queries and the code of each query's; the last is no query's."""
    normal = [normalise(text) for text in events.query.names]
    wanted = [t if len(t) <= LONGEST and any(c.isalnum() for c in t) else None for t in normal]
    texts = sorted({t for t in wanted if t is not None})
    code = {text: i for i, text in enumerate(texts)}
    codes = [-1 if t is None else code[t] for t in wanted]
    return tuple(texts), np.array([*codes, -1], np.int32)


def _areas(events: EventColumns) -> I64:
    has_place = np.isfinite(events.lat) & np.isfinite(events.lon)
    area = np.full(len(events), NOWHERE, np.int64)
    area[has_place] = area_of(events.lat[has_place], events.lon[has_place])
    return np.asarray(said(area, events), np.int64)


def _gains(events: EventColumns) -> Bools:
    """Tell which events chose a document."""
    gains = np.array([*(name in GAINS for name in events.action.names), False])
    return np.asarray(gains[events.action.codes], np.bool_)
