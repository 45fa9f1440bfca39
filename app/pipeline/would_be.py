"""Where a document stands in each channel, whether the channel returned it or not.

A channel that did not is asked twice more: about this row alone, which gives its score, and for
its best MAX_K, which gives its rank. Both go through the fan-out, with its threads and deadlines.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from app.domain.candidates import ChannelHits, ChannelStatus
from app.domain.filters import RowMask
from app.recall.fanout import Fanout, Hits
from app.snapshot.context import SearchContext

MAX_K = 1_000
"""The most that a channel is asked for: a document behind has no rank, only a score."""


class Standing(StrEnum):
    RETURNED = "returned"
    BEYOND_K = "beyond_k"  # it matches; k others are better
    PASSED_OVER = "passed_over"  # alone it scores above the last returned: an inexact search
    NO_MATCH = "no_match"
    SKIPPED = "skipped"  # the query carries nothing that the channel reads
    TIMED_OUT = "timed_out"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class InChannel:
    """One document in one channel."""

    name: str
    k: int  # hits that the channel is asked for
    standing: Standing
    rank: int | None = None  # from 1; None where it is none of the best MAX_K
    score: float | None = None  # in the channel's own unit; None where it does not match
    last: float | None = None  # score of the last hit that was returned


async def in_channels(
    fanout: Fanout, ctx: SearchContext, hits: Sequence[ChannelHits], rows: Sequence[int]
) -> list[tuple[InChannel, ...]]:
    """Return for each of a few rows, which ctx.mask allows, where it stands in each channel.

    `hits` is what the channels returned to the search.
    """
    alone = [await _alone(fanout, ctx, _lacking(hits, row), row) for row in rows]
    wanted = {name for found in alone for name, hits in found.items() if hits.rows.size}
    wide = {h.channel: h for h in await _ask(fanout, ctx, wanted, MAX_K)} if wanted else {}
    ks = {lane.name: lane.k for lane in fanout.lanes}
    return [
        tuple(_in_channel(h, ks[h.channel], row, found, wide.get(h.channel)) for h in hits)
        for row, found in zip(rows, alone, strict=True)
    ]


def _lacking(hits: Sequence[ChannelHits], row: int) -> set[str]:
    """Return the channels that answered without the row."""
    return {h.channel for h in hits if h.status is ChannelStatus.OK and row not in h.rows}


async def _alone(
    fanout: Fanout, ctx: SearchContext, channels: Collection[str], row: int
) -> dict[str, ChannelHits]:
    """Return what each channel says of the row alone: a hit with its score, or none."""
    if not channels:
        return {}
    allowed = np.zeros(len(ctx.snapshot), np.bool_)
    allowed[row] = True
    told = await _ask(fanout, replace(ctx, mask=RowMask(allowed, 1)), channels, 1)
    return {h.channel: h for h in told}


async def _ask(fanout: Fanout, ctx: SearchContext, channels: Collection[str], k: int) -> Hits:
    lanes = [replace(lane, k=k) for lane in fanout.lanes if lane.name in channels]
    return await Fanout(lanes).recall(ctx)


def _in_channel(
    hits: ChannelHits,
    k: int,
    row: int,
    alone: dict[str, ChannelHits],
    wide: ChannelHits | None,
) -> InChannel:
    name, last = hits.channel, float(hits.scores[-1]) if hits.scores.size else None
    if hits.status is not ChannelStatus.OK:
        return InChannel(name, k, Standing(hits.status.value))
    if (at := _place(hits, row)) is not None:
        return InChannel(name, k, Standing.RETURNED, at + 1, float(hits.scores[at]), last)
    if alone[name].status is not ChannelStatus.OK:
        return InChannel(name, k, Standing(alone[name].status.value), last=last)
    if not alone[name].rows.size:
        return InChannel(name, k, Standing.NO_MATCH, last=last)
    score = float(alone[name].scores[0])
    if wide is None or wide.status is not ChannelStatus.OK:  # how many are better is not known
        standing = Standing.TIMED_OUT if wide is None else Standing(wide.status.value)
        return InChannel(name, k, standing, None, score, last)
    if (at := _place(wide, row)) is not None:
        return InChannel(name, k, Standing.BEYOND_K, at + 1, float(wide.scores[at]), last)
    is_better = last is None or score > last
    standing = Standing.PASSED_OVER if is_better else Standing.BEYOND_K
    return InChannel(name, k, standing, None, score, last)


def _place(hits: ChannelHits, row: int) -> int | None:
    found = np.flatnonzero(hits.rows == row)
    return int(found[0]) if found.size else None
