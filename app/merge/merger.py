"""The merger's role: many lists of hits in, one candidate set out."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from app.domain.arrays import F64, Rows
from app.domain.candidates import CandidateSet, ChannelHits


class Merger(Protocol):
    """Pure and deterministic: equal hits give equal candidates, ties broken by row."""

    def merge(self, hits: Sequence[ChannelHits], limit: int) -> CandidateSet:
        """Return at most `limit` candidates, ordered by (-fused, row)."""
        ...


@runtime_checkable
class SummingMerger(Merger, Protocol):
    """A merger whose fused score is a sum over channels, and can be taken apart."""

    def parts(self, hits: Sequence[ChannelHits]) -> tuple[Rows, F64]:
        """Return all rows, ascending, and what each channel adds to each. (n,), (n, c)"""
        ...
