"""A recall channel: one way of finding candidates.

To add a channel, write one file under channels/ with a class that satisfies `RecallChannel`
and one [channels.NAME] table in config/search.toml. The contract tests find it by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, Self

from app.corpus.documents import Documents
from app.domain.candidates import ChannelHits
from app.snapshot.context import SearchContext
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables

ChannelConfig = Mapping[str, Any]
"""The channel's own keys of its table in config/search.toml."""


class RecallChannel(Protocol):
    """Finds at most k rows. Blocking and thread-safe; checks the deadline in any long loop."""

    @classmethod
    def build(cls, documents: Documents, part: Path, config: ChannelConfig) -> None:
        """Write what `open` will map under `part` (an empty directory). May write nothing."""
        ...

    @classmethod
    def open(cls, snapshot: Snapshot, tables: Tables, part: Path, config: ChannelConfig) -> Self:
        """Open what `build` wrote. The layout on disk is private to the two."""
        ...

    def accepts(self, ctx: SearchContext) -> bool:
        """Tell whether the request carries what this channel reads (text, vector, place, user)."""
        ...

    def recall(self, ctx: SearchContext, k: int) -> ChannelHits:
        """Return up to k hits that ctx.mask allows, best first; equal scores by row.

        No hits is an answer, not an error. A smaller k gives a prefix of a larger one.
        """
        ...
