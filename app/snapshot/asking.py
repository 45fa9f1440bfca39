"""Who asks: which ids are one person, by the tables and by what was told since.

Tables join ids that were linked, and a device with the one user it was seen with. Since then only
link_identity joins. A device that unlink_identity took out stands alone, and what tables remember
of the person stays with the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from app.domain.errors import StateUnavailable
from app.domain.live import NOTHING, Interaction, Link, LivePeople, Told
from app.domain.user import client_alias, user_alias
from app.snapshot.tables import Tables

MOST_ALIASES = 32
"""Ids of one person that are followed; a crowd that calls itself one person costs no more."""

NOBODY = -1
UNAVAILABLE, BEHIND = "state:unavailable", "state:behind"
"""Nobody tells what people did lately; or not yet all that these tables lack."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks, as far as was found out."""

    name: str | None
    known: tuple[int, ...] = ()  # persons of the tables
    lately: tuple[Interaction, ...] = ()  # not in the tables, in order of seq
    seq: int = 0  # the event log up to which `lately` speaks


NOBODY_ASKS = Person(None)


class Asking:
    """Finds the ids of who asks, as an Asker. The user counts before the device, others' too."""

    def __init__(self, tables: Tables, user_id: str | None, client_id: str | None) -> None:
        self._tables = tables
        self._name = user_id or client_id
        self._roots = _aliases(user_id, client_id)
        self._joined: dict[str, tuple[int, tuple[str, ...]]] = {}  # alias → person, all aliases
        self._told: dict[str, Told] = {}
        self._apart: set[str] = set()  # devices that are no longer who the tables say
        self._seq = 0
        self.wanted: Sequence[str] = self._missing(self._roots)

    def take(self, told: Mapping[str, Told], seq: int) -> None:
        """Learn what the event log says of aliases, up to and with `seq`."""
        self._seq = seq
        self._told |= {alias: self._news(all_of_it) for alias, all_of_it in told.items()}
        if any(news.links for news in self._told.values()):
            self._apart = {device for alias in self._told for device in self._taken_out(alias)}
        self.wanted = self._missing(self._root())

    def aliases(self) -> list[str]:
        """Return every id of theirs, the one that was asked about first."""
        return self._reached(self._root())

    def person(self, newest: int) -> Person:
        """Return who it is, with the `newest` interactions over all ids."""
        aliases = self.aliases()
        known = dict.fromkeys(self._of(alias)[0] for alias in aliases)
        told = [acts for alias in aliases if (acts := self._said(alias).interactions)]
        lately = told[0] if len(told) == 1 else tuple(sorted(chain.from_iterable(told)))
        return Person(
            self._name, tuple(p for p in known if p != NOBODY), lately[-newest:], self._seq
        )

    def _news(self, told: Told) -> Told:
        """Leave out what tables hold, or what came later than the moment that is asked about."""
        acts, links = told.interactions, told.links
        if acts and not (acts[0].seq > self._tables.event_seq and acts[-1].seq <= self._seq):
            acts = tuple(i for i in acts if self._is_news(i.seq, i.ts_ms))
        if links:
            links = tuple(sorted(k for k in links if self._is_news(k.seq, k.ts_ms)))
        return Told(acts, links) if acts or links else NOTHING

    def _is_news(self, seq: int, ts_ms: int) -> bool:
        return seq <= self._seq and not self._tables.holds(seq, ts_ms)

    def _said(self, alias: str) -> Told:
        return self._told.get(alias, NOTHING)

    def _root(self) -> list[str]:
        known = (a for a in self._roots if self._of(a)[0] != NOBODY or self._said(a) != NOTHING)
        return [next(known, *self._roots[:1])] if self._roots else []

    def _missing(self, roots: Iterable[str]) -> list[str]:
        return [alias for alias in self._reached(roots) if alias not in self._told]

    def _reached(self, roots: Iterable[str]) -> list[str]:
        found = dict.fromkeys(roots)
        queue = list(found)
        for alias in queue:
            for other in self._next_to(alias):
                if other not in found and len(found) < MOST_ALIASES:
                    found[other] = None
                    queue.append(other)
        return queue

    def _next_to(self, alias: str) -> Iterator[str]:
        """Yield the aliases that are the same person as this one, by one step."""
        yield from (other for other in self._of(alias)[1] if other not in self._apart)
        for link in self._last_words(alias):
            if link.is_joined:
                yield link.alias

    def _taken_out(self, alias: str) -> Iterator[str]:
        for link in self._last_words(alias):
            device = alias if alias.startswith("client:") else link.alias
            if not link.is_joined and link.alias in self._by_tables(alias)[1]:
                yield device

    def _last_words(self, alias: str) -> Iterable[Link]:
        links = self._said(alias).links
        return {link.alias: link for link in links}.values() if links else ()

    def _of(self, alias: str) -> tuple[int, tuple[str, ...]]:
        """Return the tables' person of an alias, and all aliases of theirs, it among them."""
        return (NOBODY, (alias,)) if alias in self._apart else self._by_tables(alias)

    def _by_tables(self, alias: str) -> tuple[int, tuple[str, ...]]:
        if alias not in self._joined:
            persons = self._tables.persons
            person = persons.find(alias) if persons else NOBODY
            everybody = persons.aliases_of(person) if persons and person >= 0 else (alias,)
            self._joined |= dict.fromkeys(everybody, (person, everybody))
        return self._joined[alias]


def _aliases(user_id: str | None, client_id: str | None) -> list[str]:
    """Return what a user and a device are called among all ids."""
    user = [user_alias(user_id)] if user_id else []
    return [*user, client_alias(client_id)] if client_id else user


async def who_asks(
    live: LivePeople | None, tables: Tables, user_id: str | None, client_id: str | None, newest: int
) -> tuple[Person, tuple[str, ...]]:
    """Return who it is, and what could not be found out, as an answer's `degraded` says it."""
    if not (user_id or client_id):
        return NOBODY_ASKS, ()
    if live is None:
        return long_term(tables, user_id, client_id), ()
    asking = Asking(tables, user_id, client_id)
    try:
        position = await live.tell(asking)
    except StateUnavailable:
        return long_term(tables, user_id, client_id), (UNAVAILABLE,)
    if position.since > tables.whole_seq:
        return long_term(tables, user_id, client_id), (BEHIND,)
    return asking.person(newest), ()


async def devices_of(live: LivePeople | None, tables: Tables, user_id: str) -> list[str]:
    """Return the devices that are known as this user's alone; none where others share them."""
    asking = Asking(tables, user_id, None)
    try:
        if live is None:
            asking.take({}, 0)
        else:
            await live.tell(asking)
    except StateUnavailable:
        asking.take({}, 0)
    mine, prefix = user_alias(user_id), client_alias("")
    others = [alias for alias in asking.aliases() if alias != mine]
    if not all(alias.startswith(prefix) for alias in others):
        return []
    return [alias.removeprefix(prefix) for alias in others]


def long_term(tables: Tables, user_id: str | None, client_id: str | None) -> Person:
    """Return who it is as far as tables know."""
    persons = tables.persons
    if persons is not None:
        for alias in _aliases(user_id, client_id):
            if (person := persons.find(alias)) != NOBODY:
                return Person(user_id or client_id, (person,))
    return Person(user_id or client_id)
