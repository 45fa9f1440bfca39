"""What our own service showed, told to the event log: counters then know how often it was shown.

Without it the log would hold clicks on lists that it never saw. In the event log an impression has
a number like any event, so that tables can be rebuilt as of any of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from app.corpus.event_log import EventLog
from app.corpus.impression_log import read_impressions
from app.domain.events import IMPRESSION, Event, event_id_of
from app.domain.impressions import Impression
from app.snapshot.artifact import write_pointer

TOLD = "TOLD"
"""File beside the days of the log: now_ms up to which the event log has been told, one line."""

OVERLAP_MS = 3_600_000
"""Read again each time: a writer may be late with its file. Telling twice adds nothing."""

FIELDS = ("text", "user_id", "client_id", "origin", "offset", "ids", "shown")


def tell(impressions: Path, log: EventLog) -> int:
    """Append an event for each logged list that showed something. Returns how many were new."""
    if not impressions.is_dir():
        return 0
    since_ms = max(0, _told(impressions) - OVERLAP_MS)
    newest = since_ms

    def events() -> Iterator[Event]:
        nonlocal newest
        for impression in read_impressions(impressions, since_ms, columns=FIELDS):
            newest = max(newest, impression.now_ms)
            if impression.shown:
                yield event_of(impression)

    accepted = log.append(events()).accepted
    write_pointer(impressions / TOLD, str(newest))
    return accepted


def event_of(impression: Impression) -> Event:
    """Return the event that a session of this request would have: the same id tells them one."""
    origin = impression.origin
    return Event(
        event_id=event_id_of(impression.request_id, IMPRESSION),
        action_name=IMPRESSION,
        ts_ms=impression.now_ms,
        query_id=impression.request_id,
        client_id=impression.client_id,
        user_id=impression.user_id,
        position=impression.offset + 1 if impression.offset else None,
        query=impression.text or None,
        lat=origin.lat if origin else None,
        lon=origin.lon if origin else None,
        shown=impression.shown_ids,
    )


def _told(impressions: Path) -> int:
    try:
        return int((impressions / TOLD).read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return 0
