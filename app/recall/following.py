"""The channels of a view, made from those of the view before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from app.domain.candidates import ChannelHits
from app.recall.channel import FollowingChannel, Recalls
from app.recall.fanout import Lane
from app.recall.newer import base_part
from app.snapshot.context import SearchContext
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables


def follow_lanes(lanes: Iterable[Lane], view: Snapshot, tables: Tables) -> list[Lane]:
    """Return the same lanes, each with the channel that answers for the view."""
    return [replace(lane, channel=_followed(lane.channel, view, tables)) for lane in lanes]


def _followed(channel: Recalls, view: Snapshot, tables: Tables) -> Recalls:
    if isinstance(channel, FollowingChannel):
        return channel.follow(view, tables)
    return channel if isinstance(channel, OwnRows) else OwnRows(channel, view.documents.counted)


@dataclass(frozen=True, slots=True)
class OwnRows:
    """A channel that does not follow: it is asked as if nothing were newer than the snapshot."""

    channel: Recalls
    n: int  # rows of the snapshot

    def accepts(self, ctx: SearchContext) -> bool:
        return self.channel.accepts(self._narrow(ctx))

    def recall(self, ctx: SearchContext, k: int) -> ChannelHits:
        return self.channel.recall(self._narrow(ctx), k)

    def _narrow(self, ctx: SearchContext) -> SearchContext:
        """Leave out newer rows, which the channel would take for places in its own arrays."""
        user, known = ctx.user, ctx.user.rows < self.n
        if not np.all(known):
            user = replace(
                user, rows=user.rows[known], times_ms=user.times_ms[known],
                weights=user.weights[known],
            )  # fmt: skip
        return replace(ctx, mask=base_part(ctx.mask, self.n), user=user)
