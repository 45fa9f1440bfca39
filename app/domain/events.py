"""What people did: shown, clicked, bought. The words of the event log."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

IMPRESSION = "impression"
CLICK = "click"
ADD_TO_CART = "add_to_cart"
PURCHASE = "purchase"
DWELL = "dwell"  # event_attributes.dwell_ms says how long
LINK_IDENTITY = "link_identity"  # this device is this user's
UNLINK_IDENTITY = "unlink_identity"  # no longer

GAINS: Mapping[str, float] = {CLICK: 1.0, ADD_TO_CART: 2.0, PURCHASE: 3.0}
"""What an action on a document is worth; of other actions nobody's tastes are learned."""


@dataclass(frozen=True, slots=True)
class Event:
    """One action. Its event_id makes a second delivery of it harmless."""

    event_id: str
    action_name: str  # one of the names above, or any other: kept, and not learned from
    ts_ms: int  # Unix epoch, when it happened
    query_id: str | None = None  # request_id of the search that it belongs to
    client_id: str | None = None  # device
    user_id: str | None = None
    object_id: str | None = None  # external document id, whether the catalogue has it or not
    position: int | None = None  # from 1
    query: str | None = None  # as typed
    lat: float | None = None  # degrees, WGS84; both or none
    lon: float | None = None
    shown: tuple[str, ...] = ()  # an impression of a whole list, in display order
    positions_known: bool = True  # False: the order of `shown` is not the one displayed
    attributes: Mapping[str, Any] = field(default_factory=dict)  # everything else, kept as it came


@dataclass(frozen=True, slots=True)
class Session:
    """One shown list and what was done with it: an impression joined with its actions."""

    request_id: str
    ts_ms: int
    query: str
    shown: tuple[str, ...]  # in display order where positions_known
    clicked: tuple[str, ...] = ()  # distinct, in order of time
    purchased: tuple[str, ...] = ()
    user_id: str | None = None
    client_id: str | None = None
    lat: float | None = None
    lon: float | None = None
    positions_known: bool = True
    carted: tuple[str, ...] = ()
    dwell_ms: Mapping[str, int] = field(default_factory=dict)  # id → longest stay, where known
    offset: int = 0  # shown stood at positions offset + 1, offset + 2, …
    is_random: bool = False  # shown in random order, to learn what a position is worth
    moved: frozenset[str] = frozenset()  # of those shown: a rule put them where they stood
    drawn: frozenset[str] = frozenset()  # of those shown: exploration drew them


def event_id_of(*parts: object) -> str:
    """Return the same id for the same content, in every process. 128 bits: none collide.

    `parts` are JSON values. Keys are sorted, so that two spellings of one object agree.
    """
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
