"""Candidates as columns: one row a document, one column a channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from app.domain.arrays import F32, I16, Array, Rows, no_rows, no_scores

_NO_ROWS, _NO_SCORES = no_rows(), no_scores()  # nothing in them can be written


class ChannelStatus(StrEnum):
    OK = "ok"
    SKIPPED = "skipped"  # the query carries nothing that this channel reads
    TIMED_OUT = "timed_out"
    FAILED = "failed"


class ChannelHits(NamedTuple):
    """What one channel found, best first. Empty unless status is OK.

    A tuple, for every search makes a dozen: a frozen dataclass takes three times as long to make.
    """

    channel: str
    rows: Rows  # (k,) unique
    scores: F32  # (k,) non-increasing, in the channel's own unit
    status: ChannelStatus = ChannelStatus.OK
    elapsed_ms: float = 0.0
    total: int | None = None  # documents matching in all, where the channel counts them
    certainty: float = 1.0  # what the channel makes of its own scores here, 0 to 1

    @classmethod
    def nothing(
        cls, channel: str, status: ChannelStatus = ChannelStatus.OK, elapsed_ms: float = 0.0
    ) -> ChannelHits:
        return cls(channel, _NO_ROWS, _NO_SCORES, status, elapsed_ms)

    @property
    def is_missing(self) -> bool:
        """The answer lacks what this channel would have said."""
        return self.status in (ChannelStatus.TIMED_OUT, ChannelStatus.FAILED)


@dataclass(frozen=True, slots=True)
class CandidateSet:
    """The union of all channels' hits, deduplicated, ordered by (-fused, row)."""

    rows: Rows  # (n,) unique
    fused: F32  # (n,) non-increasing
    channels: tuple[str, ...]  # (c,) column names, in configuration order
    scores: F32  # (n, c) the channel's own score, NaN where it did not return the row
    ranks: I16  # (n, c) position from 1, 0 where it did not return the row

    def __len__(self) -> int:
        return int(self.rows.size)

    def take(self, keep: Array) -> CandidateSet:
        """Select by index or mask; every column moves together."""
        return CandidateSet(
            self.rows[keep], self.fused[keep], self.channels, self.scores[keep], self.ranks[keep]
        )

    @classmethod
    def empty(cls, channels: Sequence[str]) -> CandidateSet:
        c = len(channels)
        return cls(
            np.empty(0, np.int32),
            np.empty(0, np.float32),
            tuple(channels),
            np.empty((0, c), np.float32),
            np.empty((0, c), np.int16),
        )
