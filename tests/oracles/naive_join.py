"""The join, one event after another, as one would tell it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from app.domain.events import ADD_TO_CART, CLICK, DWELL, PURCHASE, Event
from app.domain.impressions import Impression

TEACHING = (CLICK, DWELL, ADD_TO_CART, PURCHASE)


@dataclass
class Done:
    """What was done with one list."""

    clicked: list[str] = field(default_factory=list)
    carted: list[str] = field(default_factory=list)
    purchased: list[str] = field(default_factory=list)
    dwell_ms: dict[str, int] = field(default_factory=dict)


def naive_join(
    impressions: Sequence[Impression], events: Iterable[Event], window_ms: int, now_ms: int
) -> tuple[dict[str, Done], Counter[str]]:
    """Map request → what was done, and count the events that were left out by reason."""
    shown = {i.request_id: i for i in reversed(impressions)}
    events = list(events)
    lists = [e for e in events if e.action_name == "impression" and (e.shown or e.object_id)]
    listed = {e.query_id for e in lists}
    done = {request: Done() for request in shown}
    left_out: Counter[str] = Counter()
    for event in sorted(events, key=lambda e: (e.ts_ms, e.object_id or "")):
        if event.action_name not in TEACHING:
            continue
        reason = _reason(event, shown, listed, window_ms, now_ms)
        if reason == "joined":
            _note(event, done[event.query_id])
        left_out[reason] += 1
    return done, left_out


def _reason(event, shown, listed, window_ms, now_ms):
    if event.object_id is None:
        return "without_document"
    if event.query_id is None:
        return "without_request"
    if event.ts_ms > now_ms:
        return "future"
    impression = shown.get(event.query_id)
    if impression is None:
        return "listed" if event.query_id in listed else "unknown_request"
    if event.ts_ms > impression.now_ms + window_ms:
        return "late"
    if event.ts_ms < impression.now_ms - 60_000:
        return "early"
    return "joined" if event.object_id in impression.ids[: impression.shown] else "not_shown"


def _note(event, done):
    lists = {CLICK: done.clicked, ADD_TO_CART: done.carted, PURCHASE: done.purchased}
    if event.action_name == DWELL:
        stay = event.attributes.get("dwell_ms")
        if stay is not None:
            done.dwell_ms[event.object_id] = max(stay, done.dwell_ms.get(event.object_id, 0))
    elif event.object_id not in lists[event.action_name]:
        lists[event.action_name].append(event.object_id)
