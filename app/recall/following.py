"""The channels of a view, made from those of the view before."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import TypeGuard

import numpy as np

from app.domain.candidates import ChannelHits, ChannelStatus
from app.domain.pause import Pause, go_on
from app.recall.channel import FollowingChannel, Recalls
from app.recall.fanout import Lane
from app.recall.newer import base_part
from app.snapshot.context import SearchContext
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables

log = logging.getLogger(__name__)


def follow_lanes(
    lanes: Iterable[Lane], view: Snapshot, tables: Tables, pause: Pause = go_on
) -> list[Lane]:
    """Return the same lanes, each with the channel that answers for the view.

    One that raises costs itself, not the view: it is `Behind`.
    """
    followed = []
    for lane in lanes:
        followed.append(replace(lane, channel=_followed(lane, view, tables)))
        pause()
    return followed


def _followed(lane: Lane, view: Snapshot, tables: Tables) -> Recalls:
    was_behind = isinstance(lane.channel, Behind)
    channel = lane.channel.last if isinstance(lane.channel, Behind) else lane.channel
    if not _follows(channel):
        return channel if isinstance(channel, OwnRows) else OwnRows(channel, view.documents.counted)
    try:
        followed = channel.follow(view, tables)
    except Exception:
        if not was_behind:  # once, not with every write
            log.exception("channel %s fails from document change %d on", lane.name, view.log_seq)
        return Behind(channel, view.documents.counted)
    if was_behind:
        log.warning("channel %s answers again from document change %d", lane.name, view.log_seq)
    return followed


def _follows(channel: Recalls) -> TypeGuard[FollowingChannel]:
    return _has_follow(type(channel))


@cache  # 50 µs each time, for what a class says once
def _has_follow(kind: type[Recalls]) -> bool:
    return issubclass(kind, FollowingChannel)


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


@dataclass(frozen=True, slots=True)
class Behind:
    """A channel that could not follow: it fails, by name, where it would answer with what is old.

    Each later view is tried again, from the last one that it followed.
    """

    last: Recalls
    n: int  # rows of the snapshot

    def accepts(self, ctx: SearchContext) -> bool:
        return OwnRows(self.last, self.n).accepts(ctx)

    def recall(self, ctx: SearchContext, k: int) -> ChannelHits:
        return ChannelHits.nothing("", ChannelStatus.FAILED)  # the lane has the name
