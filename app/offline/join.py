"""Joins impressions with what was done after them, by request id, within a window of time.

Nothing an event says can stop the join: what does not fit is counted under the name of what was
wrong with it. The result depends on which events there are, never on the order they arrived in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.corpus.event_columns import EventColumns
from app.domain.arrays import I32, I64, Bools
from app.domain.events import ADD_TO_CART, CLICK, DWELL, PURCHASE, Session
from app.domain.impressions import Impression

SKEW_MS = 60_000
"""A device's clock may run behind ours by so much; what is earlier still, another search did."""
ACTIONS = (CLICK, DWELL, ADD_TO_CART, PURCHASE)


@dataclass(slots=True)
class JoinCounts:
    """Of the actions that teach: how many were joined, and why the others were not."""

    impressions: int = 0
    repeated_impressions: int = 0  # a request id that was logged before: the first counts
    impressions_with_action: int = 0
    joined: int = 0
    repeated: int = 0  # of the joined: the same action on the same document of a list, again
    late: int = 0  # after the window
    early: int = 0  # more than a minute before the search
    future: int = 0  # after the moment of the join
    without_request: int = 0
    without_document: int = 0
    unknown_request: int = 0  # neither an impression nor a list in the event log has that id
    not_shown: int = 0  # the list of that request did not show this document

    def lines(self) -> list[str]:
        """One line a count that is not 0, for people."""
        told = ((f.name.replace("_", " "), getattr(self, f.name)) for f in fields(self))
        return [f"{count:>12,}  {name}" for name, count in told if count]

    def to_json(self) -> dict[str, int]:
        return {f.name: getattr(self, f.name) for f in fields(self)}


@dataclass(frozen=True, slots=True)
class _Actions:
    """Actions that carry a request and a document, ordered by (request, ts, document, kind). (a,)

    An order of their content: the one in which they arrived does not show.
    """

    kind: I64  # place in ACTIONS
    ts_ms: I64
    document: I32  # document code of the events
    dwell_ms: I64  # -1 where unknown
    starts: I64  # (requests + 1,) first action of each request

    def of_requests(self, codes: I64) -> tuple[I64, I64]:
        """Return (place among `codes`, place among the actions) of all actions of the requests."""
        lengths = self.starts[codes + 1] - self.starts[codes]
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return (
            np.repeat(np.arange(codes.size), lengths),
            np.repeat(self.starts[codes], lengths) + within,
        )


class _Done:
    """What was done with one list: action → documents in order of time, and the longest stays."""

    def __init__(self) -> None:
        self.documents: dict[str, dict[str, None]] = {}
        self.dwell_ms: dict[str, int] = {}

    def add(self, action: str, document: str, dwell_ms: int) -> bool:
        """Note one action; tell whether it was there before."""
        acted = self.documents.setdefault(action, {})
        is_repeated = document in acted
        acted[document] = None
        if action == DWELL and dwell_ms >= 0:
            self.dwell_ms[document] = max(dwell_ms, self.dwell_ms.get(document, 0))
        return is_repeated

    def of(self, action: str) -> tuple[str, ...]:
        return tuple(self.documents.get(action, ()))


class Joiner:
    """The actions of one event log, ready to be joined with impressions, batch by batch."""

    def __init__(self, events: EventColumns, window_ms: int, now_ms: int) -> None:
        self.counts = JoinCounts()
        self.window_ms = window_ms
        self._actions = _actions_of(events, now_ms, self.counts)
        self._requests = pa.array(events.request.names, pa.string())
        self._documents = pa.array(events.document.names, pa.string())
        self._names = events.document.names
        self._is_listed = np.zeros(len(events.request.names), np.bool_)
        self._is_listed[_listed_requests(events)] = True
        self._is_met = np.zeros_like(self._is_listed)

    def join(self, impressions: Sequence[Impression]) -> list[tuple[Impression, Session]]:
        """Return each impression with its session, in the same order; a repeated id is left out."""
        ids = pa.array([i.request_id for i in impressions], pa.string())
        request = _codes(ids, self._requests)
        fresh = self._fresh(impressions, request)
        chosen = [impressions[i] for i in fresh]
        request = request[fresh]
        self._is_met[request[request >= 0]] = True
        done = self._done(chosen, request)
        self.counts.impressions += len(chosen)
        self.counts.repeated_impressions += len(impressions) - len(chosen)
        self.counts.impressions_with_action += len(done)
        return [(one, _session(one, done.get(i))) for i, one in enumerate(chosen)]

    def finish(self) -> JoinCounts:
        """Count the actions that no impression asked for. After the last batch."""
        nobody = ~self._is_met & ~self._is_listed
        self.counts.unknown_request += int(np.diff(self._actions.starts)[nobody].sum())
        return self.counts

    def is_logged(self, request_id: str) -> bool:
        """Tell whether an impression of that id has passed by, of those the event log knows."""
        found = pc.index(self._requests, request_id).as_py()
        return found >= 0 and bool(self._is_met[found])

    def _fresh(self, impressions: Sequence[Impression], request: I64) -> list[int]:
        """Places of those not seen before; between batches only the event log remembers ids."""
        first: dict[str, int] = {}
        for i, one in enumerate(impressions):
            first.setdefault(one.request_id, i)
        return [i for i in first.values() if request[i] < 0 or not self._is_met[request[i]]]

    def _done(self, impressions: Sequence[Impression], request: I64) -> dict[int, _Done]:
        """Map place in the batch → what was done there, for lists with which anything was."""
        known = np.flatnonzero(request >= 0)
        of, at = self._actions.of_requests(request[known])
        lists = known[of]
        keep = self._in_time(impressions, lists, self._actions.ts_ms[at])
        lists, at = lists[keep], at[keep]
        keep = self._are_shown(impressions, lists, self._actions.document[at])
        lists, at = lists[keep], at[keep]
        self.counts.joined += at.size
        done: dict[int, _Done] = {}
        a = self._actions
        columns = (lists, a.kind[at], a.document[at], a.dwell_ms[at])
        for place, kind, document, dwell_ms in zip(*(c.tolist() for c in columns), strict=True):
            acted = done.setdefault(place, _Done())
            self.counts.repeated += acted.add(ACTIONS[kind], self._names[document], dwell_ms)
        return done

    def _in_time(self, impressions: Sequence[Impression], lists: I64, ts_ms: I64) -> Bools:
        asked = np.array([i.now_ms for i in impressions], np.int64)[lists]
        late, early = ts_ms > asked + self.window_ms, ts_ms < asked - SKEW_MS
        self.counts.late += int(late.sum())
        self.counts.early += int(early.sum())
        return ~late & ~early

    def _are_shown(self, impressions: Sequence[Impression], lists: I64, document: I32) -> Bools:
        shown = [i.shown_ids for i in impressions]
        flat = pa.array([one for ids in shown for one in ids], pa.string())
        codes, width = _codes(flat, self._documents), len(self._documents) + 1
        of = np.repeat(np.arange(len(shown)), [len(ids) for ids in shown])
        found = np.isin(lists * width + document, of * width + codes)
        self.counts.not_shown += int(found.size - found.sum())
        return found


def _session(impression: Impression, done: _Done | None) -> Session:
    """The shown list of an impression, and what was done with it."""
    origin, done = impression.origin, done or _Done()
    return Session(
        request_id=impression.request_id,
        ts_ms=impression.now_ms,
        query=impression.text,
        shown=impression.shown_ids,
        clicked=done.of(CLICK),
        purchased=done.of(PURCHASE),
        user_id=impression.user_id,
        client_id=impression.client_id,
        lat=origin.lat if origin else None,
        lon=origin.lon if origin else None,
        carted=done.of(ADD_TO_CART),
        dwell_ms=done.dwell_ms,
        offset=impression.offset,
        moved=_shown_where(impression, [bool(rule) for rule in impression.moved_by]),
        drawn=_shown_where(impression, ~np.isnan(impression.drawn)),
    )


def _shown_where(impression: Impression, flags: Iterable[bool]) -> frozenset[str]:
    """Return the shown documents that are flagged; nothing is told of a page that has none."""
    shown = zip(impression.shown_ids, flags, strict=False)
    return frozenset(id_ for id_, is_so in shown if is_so)


def _actions_of(events: EventColumns, now_ms: int, counts: JoinCounts) -> _Actions:
    kind = np.full(len(events), -1, np.int64)
    for place, name in enumerate(ACTIONS):
        kind[events.action.codes == events.code_of(name)] = place
    has_request, has_document = events.request.codes >= 0, events.document.codes >= 0
    teaches, past = kind >= 0, events.ts_ms <= now_ms
    counts.without_document += int((teaches & ~has_document).sum())
    counts.without_request += int((teaches & has_document & ~has_request).sum())
    counts.future += int((teaches & has_document & has_request & ~past).sum())
    chosen = np.flatnonzero(teaches & has_document & has_request & past)
    request, document = events.request.codes[chosen], events.document.codes[chosen]
    order = np.lexsort((kind[chosen], document, events.ts_ms[chosen], request))
    chosen = chosen[order]
    return _Actions(
        kind[chosen],
        events.ts_ms[chosen],
        events.document.codes[chosen],
        events.dwell_ms[chosen],
        np.searchsorted(request[order], np.arange(len(events.request.names) + 1)).astype(np.int64),
    )


def _listed_requests(events: EventColumns) -> I64:
    """Codes of the requests of which the event log itself holds a shown list."""
    codes = events.request.codes[events.impressions().event]
    return np.unique(codes[codes >= 0]).astype(np.int64)


def _codes(values: Any, names: Any) -> I64:
    """Place of each value among the names, -1 where it is none of them."""
    found = pc.index_in(values, names).fill_null(-1)
    return np.asarray(found.to_numpy(zero_copy_only=False), np.int64)
