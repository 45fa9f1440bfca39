"""The frame of one request: the query, the person, and the versions it is answered from."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.domain.filters import RowMask
from app.domain.query import Deadline, Query
from app.domain.user import UserState
from app.snapshot.remembered import Remembered
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables


@dataclass(frozen=True, slots=True)
class SearchContext:
    """Everything a stage may read while answering one query. Nothing in it changes."""

    request_id: str
    query: Query
    user: UserState
    snapshot: Snapshot
    tables: Tables
    deadline: Deadline
    mask: RowMask | None = None  # rows that the filters allow; None allows all
    release_id: str | None = None  # None serves fused order
    event_seq: int = 0  # the event log up to which `user` speaks, beyond the tables; 0: not at all
    missing: tuple[str, ...] = ()  # what this frame lacks, e.g. "state:unavailable"
    remembered: Remembered = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "remembered", Remembered(self.tables.queries, self.query.terms))
