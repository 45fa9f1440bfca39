"""What people did a moment ago, told by the event log one by one: tables learn of it much later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

NEWEST = 200
"""Interactions that are kept of an id, unless the configuration says otherwise."""


class Interaction(NamedTuple):
    """Somebody acted on a document."""

    seq: int  # of the event, in order of arrival
    ts_ms: int  # Unix epoch, as the event says
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
    """What is known of one alias, in order of seq."""

    interactions: tuple[Interaction, ...] = ()  # the newest
    links: tuple[Link, ...] = ()


NOTHING = Told()


class Asker(Protocol):
    """Whoever finds out which ids are one person: says which to ask about, takes what is told."""

    @property
    def wanted(self) -> Sequence[str]:
        """Aliases to ask about next; empty when everything is known."""
        ...

    def take(self, told: Mapping[str, Told], seq: int) -> None:
        """Learn of aliases what the event log says up to and with `seq`."""
        ...
