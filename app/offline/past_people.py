"""What everybody had done at any moment of the past: live behaviour, told from the event log.

A logged request names the event up to which it knew people (`event_seq`): what is told is what was
told then. Imported history has no such number; it counts as received at its own time.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

import numpy as np

from app.corpus.event_columns import EventColumns
from app.domain.arrays import I32
from app.domain.events import GAINS, LINK_IDENTITY, UNLINK_IDENTITY
from app.domain.live import MOST_LINKS, Action, Asker, Interaction, Link, Told, said_by

One = TypeVar("One", Interaction, Link)

EVERYTHING = 2**62
"""Beyond every seq."""


@dataclass(slots=True)
class _Kept(Generic[One]):
    """What one alias did, or was told to be."""

    by_seq: list[One] = field(default_factory=list)
    _by_time: list[One] | None = None

    def up_to(self, seq: int, newest: int) -> tuple[One, ...]:
        end = bisect_right(self.by_seq, seq, key=lambda one: one.seq)
        return tuple(self.by_seq[max(end - newest, 0) : end])

    def before(self, moment_ms: int, newest: int) -> tuple[One, ...]:
        if self._by_time is None:
            self._by_time = sorted(self.by_seq, key=lambda one: (one.ts_ms, one.seq))
        end = bisect_left(self._by_time, moment_ms, key=lambda one: one.ts_ms)
        return tuple(self._by_time[max(end - newest, 0) : end])


_Cut: TypeAlias = Callable[[_Kept[Any], int], tuple[Any, ...]]
"""Returns the newest of what was known at a moment, at most so many."""


class PastPeople:
    """All interactions of the log, by who did them."""

    def __init__(self, events: EventColumns, newest: int) -> None:
        self._newest = newest
        self._acts: dict[str, _Kept[Interaction]] = defaultdict(_Kept)
        self._links: dict[str, _Kept[Link]] = defaultdict(_Kept)
        for action in _actions(events):
            for alias, one in said_by(action):
                if isinstance(one, Interaction):
                    self._acts[alias].by_seq.append(one)
                else:
                    self._links[alias].by_seq.append(one)

    def tell_up_to(self, asker: Asker, seq: int) -> None:
        """Answer what is asked as a store that had followed the log up to `seq`."""
        self._tell(asker, seq, lambda kept, newest: kept.up_to(seq, newest))

    def tell_before(self, asker: Asker, moment_ms: int) -> None:
        """Answer as if every event had been received at its own time."""
        self._tell(asker, EVERYTHING, lambda kept, newest: kept.before(moment_ms, newest))

    def _tell(self, asker: Asker, seq: int, cut: _Cut) -> None:
        while wanted := asker.wanted:
            asker.take({alias: self._told(alias, cut) for alias in wanted}, seq)

    def _told(self, alias: str, cut: _Cut) -> Told:
        acts, links = self._acts.get(alias), self._links.get(alias)
        return Told(
            cut(acts, self._newest) if acts else (), cut(links, MOST_LINKS) if links else ()
        )


def _actions(events: EventColumns) -> Iterable[Action]:
    """Yield what tells of people, in order of seq."""
    telling = [events.code_of(name) for name in (*GAINS, LINK_IDENTITY, UNLINK_IDENTITY)]
    chosen = np.flatnonzero(np.isin(events.action.codes, telling))
    chosen = chosen[np.argsort(events.seq[chosen], kind="stable")]
    names = (events.action, events.client, events.user, events.document)
    action, client, user, document = (_named(c.codes[chosen], c.names) for c in names)
    seqs, times = events.seq[chosen].tolist(), events.ts_ms[chosen].tolist()
    for row in zip(seqs, action, times, client, user, document, strict=True):
        yield Action(*row)


def _named(codes: I32, names: Sequence[str]) -> list[str | None]:
    known: Mapping[int, str] = dict(enumerate(names))
    return [known.get(code) for code in codes.tolist()]
