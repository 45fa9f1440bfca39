"""Judged lists: impressions, sessions and qrels all become one stream that training reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from app.domain.events import Session
from app.domain.impressions import Impression
from app.offline.clicks.correction import UNCORRECTED, Correction
from app.offline.labels import label
from app.offline.recipe import Grades
from app.offline.trec import Qrels, Topic
from app.query.understand import SearchRequest, place


@dataclass(frozen=True, slots=True)
class Judged:
    """A query in its context with the grades of some documents; all others count as 0."""

    qid: str
    request: SearchRequest
    now_ms: int
    grades: Mapping[str, int]  # document id → grade
    is_timed: bool  # asked at now_ms in a log: only what came before may be seen
    weights: Mapping[str, float] = field(default_factory=dict)  # what a grade counts for; else 1
    positions: Mapping[str, int] = field(default_factory=dict)  # displayed at, from 1; else unknown
    unobserved: frozenset[str] = frozenset()  # shown, perhaps never seen: not even a 0
    impression: Impression | None = None  # as it was logged; None: to be replayed

    @property
    def is_useful(self) -> bool:
        """Ranking learns only where something is better than something else."""
        return any(grade > 0 for grade in self.grades.values())


def from_qrels(topics: Iterable[Topic], qrels: Qrels, now_ms: int) -> list[Judged]:
    """Pair queries with their grades. `now_ms` stands in for queries without a time."""
    return [
        Judged(
            t.qid,
            request_of(t),
            now_ms if t.now_ms is None else t.now_ms,
            qrels.get(t.qid, {}),
            False,
        )
        for t in topics
    ]


def request_of(topic: Topic) -> SearchRequest:
    """The search that a topic asks for."""
    return SearchRequest(
        text=topic.text,
        user_id=topic.user_id,
        origin=place(topic.lat, topic.lon),
        filters=topic.filters,
    )


def from_sessions(
    sessions: Sequence[Session],
    grades: Grades,
    correction: Correction = UNCORRECTED,
    impressions: Mapping[str, Impression] | None = None,
) -> list[Judged]:
    """Shown lists in order of time, graded by what was done with them and corrected for position.

    `impressions`, by request id, are those that were logged.
    """
    logged = impressions or {}
    ordered = sorted(sessions, key=lambda s: (s.ts_ms, s.request_id))
    return [judge(s, grades, correction, logged.get(s.request_id)) for s in ordered]


def judge(
    session: Session, grades: Grades, correction: Correction, impression: Impression | None = None
) -> Judged:
    """Grade one list. Without known positions nothing of it is corrected."""
    labels = label(session, grades)
    positions: dict[str, int] = {}
    if session.positions_known and correction.is_positional:
        positions = {one: k for k, one in enumerate(session.shown, session.offset + 1)}
    won = [one for one, grade in labels.grades.items() if grade > 0 and one in positions]
    request = SearchRequest(
        text=session.query,
        user_id=session.user_id,
        client_id=session.client_id,
        origin=place(session.lat, session.lon),
    )
    return Judged(
        session.request_id,
        request,
        session.ts_ms,
        labels.grades,
        True,
        weights={one: correction.weight(positions[one]) for one in won},
        positions=positions if correction.gives_positions else {},
        unobserved=labels.unobserved,
        impression=impression,
    )
