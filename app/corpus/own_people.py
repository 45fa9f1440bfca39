"""What everybody did lately, in this process's memory: made again from the event log at a start."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from app.domain.live import NOTHING, NOWHERE, Action, Asker, Position, Told, said_by

ADDED_AT_ONCE = 50  # actions taken in while searches wait
FORGOTTEN_AT_ONCE = 500  # ids looked through meanwhile


class OwnPeople:
    """One follower writes, searches read. A moment's lock keeps a person whole."""

    def __init__(self, newest: int) -> None:
        self._newest = newest
        self._told: dict[str, Told] = {}
        self._position: Position | None = None
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._told)

    def position(self) -> Position | None:
        """Return how far the log was followed, None before the first `restart`."""
        return self._position

    def clear(self) -> None:
        """Forget everybody, and how far the log was followed."""
        with self._lock:
            self._told, self._position = {}, None

    def restart(self, since: int) -> None:
        """Forget everything and follow the log from an event on."""
        with self._lock:
            self._told, self._position = {}, Position(since, since)

    def add(self, actions: Sequence[Action], after: int, seq: int) -> None:
        """Take in what was done after one event and up to another."""
        for start in range(0, max(len(actions), 1), ADDED_AT_ONCE):
            some = actions[start : start + ADDED_AT_ONCE]
            is_last = start + ADDED_AT_ONCE >= len(actions)
            up_to = seq if is_last else some[-1].seq
            with self._lock:
                if self._position is None or self._position.seq != after:
                    return  # restarted meanwhile
                self._take(some)
                self._position = Position(self._position.since, up_to)
            after = up_to

    def _take(self, actions: Sequence[Action]) -> None:
        for action in actions:
            for alias, one in said_by(action):
                told = self._told.get(alias, NOTHING)
                self._told[alias] = told.with_(one, self._newest)

    def forget(self, up_to: int) -> None:
        """Let go of what every set of tables in use holds."""
        now = self._position
        if now is None or up_to <= now.since:
            return
        self._position = Position(min(up_to, now.seq), now.seq)
        aliases = list(self._told)
        for start in range(0, len(aliases), FORGOTTEN_AT_ONCE):
            with self._lock:
                for alias in aliases[start : start + FORGOTTEN_AT_ONCE]:
                    self._keep_after(alias, up_to)

    def drop(self, aliases: Sequence[str]) -> None:
        """Forget somebody, until the log is read again."""
        with self._lock:
            for alias in aliases:
                self._told.pop(alias, None)

    def aliases(self) -> list[str]:
        """Return everybody who is held in this process."""
        return list(self._told)

    async def tell(self, asker: Asker) -> Position:
        """Answer everything that is asked, as of one position."""
        with self._lock:
            position = self._position or NOWHERE
            while wanted := asker.wanted:
                asker.take({a: self._told.get(a, NOTHING) for a in wanted}, position.seq)
        return position

    async def close(self) -> None:
        """Nothing is open."""

    def _keep_after(self, alias: str, seq: int) -> None:
        told = self._told.get(alias)
        if told is None:
            return
        kept = Told(
            tuple(i for i in told.interactions if i.seq > seq),
            tuple(k for k in told.links if k.seq > seq),
        )
        if kept == NOTHING:
            del self._told[alias]
        else:
            self._told[alias] = kept
