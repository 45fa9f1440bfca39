"""The actions that teach, before the cut: who did what to which document, after which query."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.corpus.event_columns import EventColumns
from app.domain.arrays import F64, I32, I64, Array, Bools
from app.offline.behaviour.config import TableConfig
from app.offline.behaviour.people import People


@dataclass(frozen=True, slots=True)
class Actions:
    """One entry an action that gains, in order of (ts_ms, seq). (a,)"""

    document: I32  # document code
    person: I32  # -1: nobody that we know
    request: I32  # request code, -1: outside of any search
    query: I32  # query code, of the action or else of its request; -1: none
    ts_ms: I64
    gain: F64
    recent: F64  # gain × 2^(−age / half-life), at the cut

    def take(self, keep: Bools) -> Actions:
        return Actions(
            self.document[keep], self.person[keep], self.request[keep], self.query[keep],
            self.ts_ms[keep], self.gain[keep], self.recent[keep],
        )  # fmt: skip


def actions_of(events: EventColumns, people: People, as_of_ms: int, config: TableConfig) -> Actions:
    """Choose the events that gain. What an action leaves unsaid, its request's events say."""
    gain = _gains(events, config)
    chosen = np.flatnonzero((gain > 0) & (events.document.codes >= 0))
    person = said(people.of(events), events)[chosen]
    age = (as_of_ms - events.ts_ms[chosen]).astype(np.float64)
    return Actions(
        document=events.document.codes[chosen],
        person=person,
        request=events.request.codes[chosen],
        query=said(events.query.codes, events)[chosen],
        ts_ms=events.ts_ms[chosen],
        gain=gain[chosen],
        recent=gain[chosen] * np.exp2(-age / config.half_life_ms),
    )


def owner_of(actions: Actions) -> I64:
    """Number who acted: a person, or else the search itself. −1: neither is known. (a,)"""
    people = int(actions.person.max(initial=-1)) + 1
    searches = np.where(actions.request >= 0, people + actions.request.astype(np.int64), -1)
    return np.where(actions.person >= 0, actions.person, searches)


def _gains(events: EventColumns, config: TableConfig) -> F64:
    worth = np.array([*(config.gains.get(name, 0.0) for name in events.action.names), 0.0])
    return worth[events.action.codes]


def said(codes: Array, events: EventColumns) -> Array:
    """Fill -1 with the code that the earliest event of the same request has."""
    first = events.first_in_request(codes >= 0)[events.request.codes]
    return np.where((codes < 0) & (first >= 0), codes[first], codes)
