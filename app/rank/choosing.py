"""Who ranks a request: the release that it names, else its experiment's, else what serves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from app.domain.query import Deadline
from app.rank.experiments import CURRENT, Assigned, Experiment, assign
from app.rank.names import ReleaseNames
from app.rank.ranker import Ranker
from app.rank.remote import RemoteRanker
from app.rank.shelf import RankerShelf
from app.rank.standby import Standby
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables


class Chosen(NamedTuple):
    """Who ranks one request, and why."""

    ranker: Ranker | None = None  # None: fused order
    release_id: str | None = None
    assigned: Assigned | None = None  # the experiment that chose


@dataclass(frozen=True, slots=True)
class Choosing:
    """All that may rank, beside what serves."""

    names: ReleaseNames
    shelf: RankerShelf
    standby: Standby
    experiments: Sequence[Experiment]
    remote: RemoteRanker | None  # ranks in place of whatever is open here

    def follow(self, snapshot: Snapshot, tables: Tables) -> None:
        """Open what experiments and the shadow name. Takes its time where anything is new."""
        self.standby.follow(snapshot, tables, self.remote.lacks if self.remote else _nothing)

    async def named(
        self, name: str, snapshot: Snapshot, tables: Tables, deadline: Deadline
    ) -> Chosen:
        """Take the release that a request names, opened first where it is not open.

        Raises UnknownName saying what exists, and what `RankerShelf.opened` raises.
        """
        release_id = self.names.resolve(name)
        held = await self.shelf.opened(release_id, snapshot, tables, deadline)
        return Chosen(self.remote or held.ranker, release_id)

    def drawn(self, unit: str, serves: Chosen, snapshot: Snapshot) -> Chosen:
        """Take what the experiments draw for whoever asks, `serves` where they draw nothing.

        A release that is not open yet is waited for by nobody, and nobody counts as in its arm.
        """
        assigned = assign(self.experiments, unit)
        if assigned is None:
            return serves
        if assigned.arm == CURRENT:
            return serves._replace(assigned=assigned)
        arm = self.standby.find(assigned.arm, snapshot)
        if arm is None:
            return serves
        return Chosen(self.remote or arm.ranker, arm.release.id, assigned)


def _nothing(_: str) -> None:
    """Without a ranker service nothing is lacking."""
