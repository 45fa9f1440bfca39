"""Every shown list there is with what was done with it: logged impressions, and sessions imported.

The impression log says what our own service showed; lists that came in as events (from another
system, or before there was a log) say the rest. A search that is in both is taken from the log.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from app.corpus.event_columns import EventColumns
from app.corpus.impression_log import read_impressions
from app.domain.events import Session
from app.domain.impressions import Impression
from app.offline.join import JoinCounts, Joiner
from app.offline.judged import Judged
from app.offline.logged import LIGHT, request_of
from app.offline.sessions import sessions_of

BATCH = 4096


@dataclass(frozen=True, slots=True)
class ShownLists:
    """Sessions, and of those that the log has their impressions, without tables or documents."""

    sessions: list[Session]
    impressions: dict[str, Impression]  # by request id
    counts: JoinCounts

    def attach(self, judged: list[Judged]) -> list[Judged]:
        """Give each judged list its impression, and the request that was really asked."""
        return [self._attached(one) for one in judged]

    def _attached(self, one: Judged) -> Judged:
        impression = self.impressions.get(one.qid)
        if impression is None:
            return one
        return replace(one, impression=impression, request=request_of(impression))


def shown_lists(log: Path | None, events: EventColumns, window_ms: int, now_ms: int) -> ShownLists:
    """Join the whole impression log with the event log, then add the lists of events alone."""
    joiner = Joiner(events, window_ms, now_ms)
    stream = read_impressions(log, 0, now_ms + 1, LIGHT) if log is not None else iter(())
    sessions: list[Session] = []
    impressions: dict[str, Impression] = {}
    for batch in _batched(stream):
        for impression, session in joiner.join(batch):
            sessions.append(session)
            impressions[impression.request_id] = replace(impression, ids=())
    sessions += [s for s in sessions_of(events) if s.request_id not in impressions]
    return ShownLists(sessions, impressions, joiner.finish())


def _batched(stream: Iterator[Impression]) -> Iterator[list[Impression]]:
    while batch := list(islice(stream, BATCH)):
        yield batch
