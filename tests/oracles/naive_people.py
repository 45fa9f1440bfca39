"""Who somebody is and what they did, by plain loops over events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from app.domain.events import GAINS, LINK_IDENTITY, UNLINK_IDENTITY, Event
from app.domain.user import client_alias, user_alias
from app.offline.behaviour.config import TableConfig
from tests.oracles.naive_tables import Naive

Known = dict[str, tuple[int, float]]
"""Document → last time and sum of gains."""


@dataclass
class NaivePeople:
    """Tables of the first `received` events before a moment, and a log that is known up to `seq`.

    The seq of an event is its place in the log, from 1.
    """

    log: Sequence[Event]
    received: int
    as_of_ms: int
    seq: int
    newest: int
    tables: Naive = field(init=False)

    def __post_init__(self) -> None:
        held = self.log[: self.received]
        self.tables = Naive(held, self.as_of_ms, TableConfig())
        self.event_seq = max((i for i, e in self._numbered() if i <= self.received
                              and e.ts_ms < self.as_of_ms), default=0)  # fmt: skip
        sizes = Counter(self.tables.group.values())
        self.group = {
            alias: person
            for alias, person in self.tables.group.items()
            if person in self.tables.acted or sizes[person] > 1
        }
        self.words = self._last_words()

    def state(self, user_id: str | None, client_id: str | None, now_ms: int) -> Known:
        aliases = self._aliases(user_id, client_id)
        known: Known = {}
        for person in {self._person(alias) for alias in aliases} - {None}:
            for document, (ts_ms, gain) in self.tables.acted.get(person, {}).items():
                _add(known, document, ts_ms, gain)
        mine = sorted((one for a in aliases for one in self._acts_of(a)), key=lambda one: one[0])
        for _, e in mine[-self.newest :]:
            _add(known, e.object_id, min(e.ts_ms, now_ms), GAINS[e.action_name])
        return known

    def _acts_of(self, alias: str) -> list[tuple[int, Event]]:
        """The newest of an id, of which some may be in the tables."""
        acts = [
            (i, e)
            for i, e in self._numbered()
            if i <= self.seq and _actor(e) == alias and e.action_name in GAINS and e.object_id
        ]
        return [one for one in acts[-self.newest :] if one in self._news()]

    def _numbered(self) -> list[tuple[int, Event]]:
        return list(enumerate(self.log, 1))

    def _news(self) -> list[tuple[int, Event]]:
        """What the tables lack, as far as is known."""
        return [
            (i, e)
            for i, e in self._numbered()
            if i <= self.seq and not (i <= self.event_seq and e.ts_ms < self.as_of_ms)
        ]

    def _last_words(self) -> dict[frozenset[str], str]:
        said = {}
        for _, e in sorted(self._news(), key=lambda one: (one[1].ts_ms, one[0])):
            if e.action_name in (LINK_IDENTITY, UNLINK_IDENTITY) and e.user_id and e.client_id:
                pair = frozenset((user_alias(e.user_id), client_alias(e.client_id)))
                said[pair] = e.action_name
        return said

    def _is_apart(self, alias: str) -> bool:
        """A device that was unlinked from somebody of the tables' same person stands alone."""
        return alias.startswith("client:") and any(
            word == UNLINK_IDENTITY
            and alias in pair
            and len({self.group.get(one) for one in pair} - {None}) == 1
            and all(one in self.group for one in pair)
            for pair, word in self.words.items()
        )

    def _person(self, alias: str) -> str | None:
        return None if self._is_apart(alias) else self.group.get(alias)

    def _is_known(self, alias: str) -> bool:
        told = bool(self._acts_of(alias)) or any(alias in pair for pair in self.words)
        return self._person(alias) is not None or told

    def _aliases(self, user_id: str | None, client_id: str | None) -> set[str]:
        roots = [user_alias(user_id)] if user_id else []
        roots += [client_alias(client_id)] if client_id else []
        found = set([one for one in roots if self._is_known(one)][:1] or roots[:1])
        while True:
            more = {
                other
                for one in found
                for other in [*self.group, *(a for pair in self.words for a in pair)]
                if other not in found and self._are_joined(one, other)
            }
            if not more:
                return found
            found |= more

    def _are_joined(self, one: str, other: str) -> bool:
        by_tables = self._person(one) is not None and self._person(one) == self._person(other)
        return by_tables or self.words.get(frozenset((one, other))) == LINK_IDENTITY


def _actor(e: Event) -> str | None:
    if e.user_id:
        return user_alias(e.user_id)
    return client_alias(e.client_id) if e.client_id else None


def _add(known: Known, document: str | None, ts_ms: int, gain: float) -> None:
    assert document is not None
    before = known.get(document, (0, 0.0))
    known[document] = (max(before[0], ts_ms), before[1] + gain)
