"""The merger's role: many lists of hits in, one candidate set out."""

from collections.abc import Sequence
from typing import Protocol

from app.domain.candidates import CandidateSet, ChannelHits


class Merger(Protocol):
    """Pure and deterministic: equal hits give equal candidates, ties broken by row."""

    def merge(self, hits: Sequence[ChannelHits], limit: int) -> CandidateSet:
        """Return at most `limit` candidates, ordered by (-fused, row)."""
        ...
