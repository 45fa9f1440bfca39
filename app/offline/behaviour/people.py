"""Which ids are one person: a user and the devices that are that user's alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from app.corpus.event_columns import EventColumns, Names
from app.domain.arrays import I32, I64, Bools
from app.domain.events import LINK_IDENTITY, UNLINK_IDENTITY
from app.domain.user import client_alias, user_alias


@dataclass(frozen=True, slots=True)
class People:
    """Persons by number. An id that no event has is nobody: -1."""

    of_user: I32  # (users,)
    of_client: I32  # (clients,)
    count: int

    def of(self, events: EventColumns) -> I32:
        """Return who acted in each event, -1 where no id is known: the user before the device."""
        by_user = _look_up(self.of_user, events.user.codes)
        return np.where(by_user >= 0, by_user, _look_up(self.of_client, events.client.codes))

    @property
    def sizes(self) -> I64:
        """Ids of each person. (count,)"""
        ids = np.concatenate([self.of_user, self.of_client])
        return np.bincount(ids[ids >= 0], minlength=self.count)

    def aliases(self, events: EventColumns, alive: Bools) -> tuple[Names, I32]:
        """Return the ids of persons that are `alive`, and the person of each."""
        users, clients = (np.flatnonzero(_alive(p, alive)) for p in (self.of_user, self.of_client))
        names = [user_alias(events.user.names[u]) for u in users]
        names += [client_alias(events.client.names[c]) for c in clients]
        return tuple(names), np.concatenate([self.of_user[users], self.of_client[clients]])


def identify(events: EventColumns) -> People:
    """Join what `link_identity` joins, and each device with the one user that it was seen with.

    A device that several users share joins none of them, for that would make them one person;
    only link_identity, which says so, does. `unlink_identity` takes back a link, and what was seen
    together before it.
    """
    users, clients = len(events.user.names), len(events.client.names)
    pairs = _links(events)
    graph = coo_array(
        (np.ones(len(pairs), np.int8), (pairs[:, 0], users + pairs[:, 1])),
        shape=(users + clients, users + clients),
    )
    label = connected_components(graph, directed=False)[1]
    seen = np.zeros(users + clients, np.bool_)
    seen[events.user.codes[events.user.codes >= 0]] = True
    seen[users + events.client.codes[events.client.codes >= 0]] = True
    person = _renumbered(label, seen)
    return People(person[:users], person[users:], int(person.max(initial=-1)) + 1)


def _links(events: EventColumns) -> I32:
    """Return (user, client) pairs that are one person. (m, 2)"""
    both = np.flatnonzero((events.user.codes >= 0) & (events.client.codes >= 0))
    named = np.stack([events.user.codes[both], events.client.codes[both]], axis=1)
    pairs, pair = np.unique(named, axis=0, return_inverse=True)
    pair = pair.reshape(-1)
    action = events.action.codes[both]
    linking = action == events.code_of(LINK_IDENTITY)
    unlinking = action == events.code_of(UNLINK_IDENTITY)
    unlinked = _last(pair, unlinking, len(pairs))
    is_seen = _last(pair, ~unlinking, len(pairs)) > unlinked
    is_told = _last(pair, linking, len(pairs)) > unlinked
    devices, users_of_device = np.unique(pairs[is_seen, 1], return_counts=True)
    is_own = is_seen & np.isin(pairs[:, 1], devices[users_of_device == 1])
    return pairs[is_told | is_own]


def _last(pair: I64, chosen: Bools, pairs: int) -> I64:
    """Return the place of each pair's last chosen entry in order of time, -1 where it has none."""
    last = np.full(pairs, -1, np.int64)
    at = np.flatnonzero(chosen)
    np.maximum.at(last, pair[at], at)
    return last


def _renumbered(label: I32, seen: Bools) -> I32:
    """Number the components of ids that were seen, by their first id; -1 for the others."""
    person = np.full(label.size, -1, np.int32)
    chosen = np.flatnonzero(seen)
    _, first, inverse = np.unique(label[chosen], return_index=True, return_inverse=True)
    person[chosen] = np.argsort(np.argsort(first))[inverse]
    return person


def _look_up(table: I32, codes: I32) -> I32:
    known = codes >= 0
    out = np.full(codes.size, -1, np.int32)
    out[known] = table[codes[known]]
    return out


def _alive(person: I32, alive: Bools) -> Bools:
    out = person >= 0
    out[out] = alive[person[out]]
    return out
