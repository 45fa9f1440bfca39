"""Releases kept open beside the one that serves: experiments' arms, and the shadow.

None of them is opened while a request waits. Until one is open, here and in the ranker service
where there is one, whoever would have had it is served as if there were no experiment.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from app.domain.errors import UnknownName
from app.rank.names import ReleaseNames
from app.rank.shelf import RankerShelf, Ready
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables

log = logging.getLogger(__name__)

Lacks = Callable[[str], str | None]
"""Says why the ranker service cannot rank by a release yet; None where it can."""


@dataclass(frozen=True, slots=True)
class State:
    """What a name means now."""

    release_id: str | None  # None: nothing of that name
    problem: str | None  # why it does not rank; None where it does


class Standby:
    """Some names and the releases that they mean. `follow` on one thread, the rest on any."""

    def __init__(self, wanted: Collection[str], names: ReleaseNames, shelf: RankerShelf) -> None:
        self.wanted = tuple(dict.fromkeys(wanted))
        self._names = names
        self._shelf = shelf
        # Replaced whole: other threads read it.
        self.states: Mapping[str, State] = {}

    def follow(self, snapshot: Snapshot, tables: Tables, lacks: Lacks) -> None:
        """Open what the names mean now, for this snapshot; what is open already takes no time."""
        states = {name: self._state(name, snapshot, tables, lacks) for name in self.wanted}
        for name, state in states.items():
            before = self.states.get(name)
            if state.problem and (before is None or before.problem != state.problem):
                log.warning("release %s stands by and cannot rank: %s", name, state.problem)
        self.states = states

    def find(self, name: str, snapshot: Snapshot) -> Ready | None:
        """Return what a name means, where it could rank this snapshot at once."""
        state = self.states.get(name)
        if state is None or state.release_id is None or state.problem is not None:
            return None
        return self._shelf.find(state.release_id, snapshot)

    def _state(self, name: str, snapshot: Snapshot, tables: Tables, lacks: Lacks) -> State:
        try:
            release_id = self._names.resolve(name)
        except UnknownName as error:
            return State(None, str(error))
        if self._shelf.ready_or_none(release_id, snapshot, tables) is None:
            return State(release_id, self._shelf.problem_of(release_id) or "it is refused")
        before = self.states.get(name)
        if before == State(release_id, None):
            return before  # the ranker service had it
        return State(release_id, lacks(release_id))
