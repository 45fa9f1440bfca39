"""Displays counted: how often a query's document stood at a position, and how often was chosen.

All that the click models read. Lists whose positions are unknown are left out, and counted.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from app.domain.arrays import I32, I64, Bools
from app.domain.events import Session


@dataclass(frozen=True, slots=True)
class Displays:
    """One cell a query × document and position, ordered by them. (c,)"""

    pair: I64  # code of query × document
    position: I32  # from 1
    shown: I64  # times
    chosen: I64  # times clicked, carted or bought, at most `shown`
    lists: int = 0  # shown lists that were counted
    refused: int = 0  # lists left out, for nobody knows where their documents stood

    def __len__(self) -> int:
        return self.pair.size

    @property
    def positions(self) -> int:
        """The lowest position that anything stood at."""
        return int(self.position.max(initial=0))

    def take(self, keep: Bools) -> Displays:
        return Displays(
            self.pair[keep], self.position[keep], self.shown[keep], self.chosen[keep],
            self.lists, self.refused,
        )  # fmt: skip

    @classmethod
    def count(
        cls, pair: I64, position: I32, chosen: Bools, lists: int = 0, refused: int = 0
    ) -> Displays:
        """Count single displays, (n,) each."""
        order = np.lexsort((position, pair))
        pair, position = pair[order], position[order]
        is_new = np.ones(pair.size, np.bool_)
        is_new[1:] = (np.diff(pair) != 0) | (np.diff(position) != 0)
        starts = np.flatnonzero(is_new)
        times = np.diff(np.append(starts, pair.size))
        kept = np.add.reduceat(chosen[order], starts, dtype=np.int64) if starts.size else times
        return cls(
            pair[starts], position[starts].astype(np.int32),
            times.astype(np.int64), kept.astype(np.int64), lists, refused,
        )  # fmt: skip


def displays_of(sessions: Iterable[Session], max_position: int, only_random: bool) -> Displays:
    """Count the lists' displays; what stood below `max_position` is counted there.

    `only_random` leaves out what was not shown in random order.
    """
    pairs: dict[tuple[str, str], int] = {}
    cells = array("q")  # pair, position, chosen; pair, position, chosen; …
    lists = refused = 0
    for session in sessions:
        if only_random and not session.is_random:
            continue
        if not session.positions_known:
            refused += 1
            continue
        lists += 1
        chosen = {*session.clicked, *session.carted, *session.purchased}
        for position, document in enumerate(session.shown, session.offset + 1):
            pair = pairs.setdefault((session.query, document), len(pairs))
            cells.extend((pair, min(position, max_position), document in chosen))
    flat = np.frombuffer(cells, np.int64).reshape(-1, 3)
    code = _sorted_codes(list(pairs))[flat[:, 0]]
    return Displays.count(code, flat[:, 1].astype(np.int32), flat[:, 2] > 0, lists, refused)


def _sorted_codes(pairs: list[tuple[str, str]]) -> I64:
    """Number pairs by their text: the order of the lists then leaves no trace."""
    code = np.empty(len(pairs), np.int64)
    code[sorted(range(len(pairs)), key=pairs.__getitem__)] = np.arange(len(pairs))
    return code
