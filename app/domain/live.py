"""What people did a moment ago, told by the event log one by one: tables learn of it much later."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from app.domain.events import GAINS, LINK_IDENTITY, UNLINK_IDENTITY
from app.domain.user import client_alias, user_alias

NEWEST = 200
"""Interactions that are kept of an id, unless the configuration says otherwise."""

MOST_LINKS = 64
"""Words on other ids that are kept of an id, the newest."""


class Action(NamedTuple):
    """What an event says of a person."""

    seq: int  # in order of arrival
    action_name: str
    ts_ms: int  # Unix epoch, as the event says
    client_id: str | None = None
    user_id: str | None = None
    object_id: str | None = None


class Interaction(NamedTuple):
    """Somebody acted on a document."""

    seq: int
    ts_ms: int
    gain: float  # what the action is worth
    document: str  # external id, whether the catalogue has it or not


class Link(NamedTuple):
    """Somebody said whether another id is the same person: the last word on a pair counts."""

    ts_ms: int  # the order of words is that of (ts_ms, seq)
    seq: int
    alias: str
    is_joined: bool  # link_identity; False: unlink_identity


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of one alias, the newest of each in order of seq."""

    interactions: tuple[Interaction, ...] = ()
    links: tuple[Link, ...] = ()

    def with_(self, one: Interaction | Link, newest: int) -> Told:
        """Return the same and one more, at most so many interactions."""
        if isinstance(one, Interaction):
            dropped = max(len(self.interactions) + 1 - newest, 0)
            return Told((*self.interactions[dropped:], one), self.links)
        return Told(self.interactions, (*self.links, one)[-MOST_LINKS:])


NOTHING = Told()


class Position(NamedTuple):
    """How far a store of live behaviour follows the event log."""

    since: int  # events after it were followed
    seq: int  # up to here


NOWHERE = Position(2**62, 0)
"""Nothing was followed."""


class Asker(Protocol):
    """Whoever finds out which ids are one person: says which to ask about, takes what is told."""

    @property
    def wanted(self) -> Sequence[str]:
        """Aliases to ask about next; empty when everything is known."""
        ...

    def take(self, told: Mapping[str, Told], seq: int) -> None:
        """Learn of aliases what the event log says up to and with `seq`."""
        ...


class LivePeople(Protocol):
    """What everybody did lately: in this process, or where several gateways share it."""

    async def tell(self, asker: Asker) -> Position:
        """Answer everything that is asked, as of one position. Raises StateUnavailable."""
        ...

    async def close(self) -> None:
        """Close what belongs to the running event loop."""
        ...


def said_by(action: Action) -> Iterable[tuple[str, Interaction | Link]]:
    """Say of which alias an action tells, and what. The user before the device, as tables have it.

    An event that names nobody tells nothing: what its search would say of it, tables learn.
    """
    seq, name, ts_ms, client_id, user_id, document = action
    if name in GAINS:
        alias = user_alias(user_id) if user_id else client_alias(client_id) if client_id else None
        if alias and document:
            # Many people act on one document: its id is held once.
            yield alias, Interaction(seq, ts_ms, GAINS[name], sys.intern(document))
    elif name in (LINK_IDENTITY, UNLINK_IDENTITY) and user_id and client_id:
        user, client = user_alias(user_id), client_alias(client_id)
        is_joined = name == LINK_IDENTITY
        yield user, Link(ts_ms, seq, client, is_joined)
        yield client, Link(ts_ms, seq, user, is_joined)
