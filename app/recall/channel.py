"""A recall channel: one way of finding candidates.

To add a channel, write one file under channels/ with a class that satisfies `RecallChannel`
and one [channels.NAME] table in config/search.toml. The contract tests find it by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

from app.corpus.documents import Documents
from app.domain.arrays import Bools
from app.domain.candidates import ChannelHits
from app.snapshot.context import SearchContext
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables

if TYPE_CHECKING:
    from typing_extensions import TypeIs

ChannelConfig = Mapping[str, Any]
"""The channel's own keys of its table in config/search.toml."""


class Recalls(Protocol):
    """Finds at most k rows. Blocking and thread-safe; checks the deadline in any long loop."""

    def accepts(self, ctx: SearchContext) -> bool:
        """Tell whether the request carries what this channel reads (text, vector, place, user).

        At once, from what is in memory: no place of the channel's is held meanwhile (crew.py).
        """
        ...

    def recall(self, ctx: SearchContext, k: int) -> ChannelHits:
        """Return up to k ≥ 1 hits that ctx.mask allows, best first; equal scores by row.

        No hits is an answer, not an error. A smaller k gives a prefix of a larger one.
        """
        ...


class RecallChannel(Recalls, Protocol):
    """Recalls from what it built of the documents."""

    @classmethod
    def build(cls, documents: Documents, part: Path, config: ChannelConfig) -> None:
        """Write what `open` will map under `part` (an empty directory). May write nothing."""
        ...

    @classmethod
    def open(cls, snapshot: Snapshot, tables: Tables, part: Path, config: ChannelConfig) -> Self:
        """Open what `build` wrote. The layout on disk is private to the two."""
        ...


@runtime_checkable
class MatchingChannel(RecallChannel, Protocol):
    """A channel that knows every match of a query, not its best alone."""

    def matching(self, ctx: SearchContext) -> Bools:
        """Tell which rows of the snapshot match and are allowed by ctx.mask. (n,)"""
        ...

    def has_match(self, ctx: SearchContext) -> bool:
        """Tell whether there is any, mostly in microseconds: asked before every search."""
        ...


def knows_all_matches(channel: Recalls) -> TypeIs[MatchingChannel]:
    """Tell which is one; isinstance of a protocol takes longer than to look for a match."""
    return hasattr(channel, "has_match")


@runtime_checkable
class FollowingChannel(RecallChannel, Protocol):
    """A channel that also finds what is newer than its snapshot."""

    def follow(self, view: Snapshot, tables: Tables) -> Self:
        """Return the channel of a later view of its snapshot: `recall` finds its rows too.

        Called once a visibility point, on the thread that follows the document log, on the channel
        of the view before (at first on what `open` gave), which goes on answering meanwhile: what
        the two share may only grow behind what the older one reads. A view's rows from
        `view.overlay.first_row` on are new; ctx.mask leaves out what is dead. A channel without
        this method finds the snapshot's own rows alone. One that raises here answers no search,
        and is named as failed, until it follows a later view.
        """
        ...


@runtime_checkable
class ExtendingChannel(RecallChannel, Protocol):
    """A channel whose part takes long to build and can be gone on from instead."""

    @classmethod
    def extend(
        cls, documents: Documents, part: Path, config: ChannelConfig, before: Path, first_row: int
    ) -> None:
        """Write what `build` would, from the part `before`: rows below first_row are the same.

        Except that some of them are dead by now, and empty.
        """
        ...
