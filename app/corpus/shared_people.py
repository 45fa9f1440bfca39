"""What everybody did lately, in Redis: gateways share it, and any of them keeps it up to date.

    PREFIX:position          hash: since, seq (see Position)
    PREFIX:acts:ALIAS        sorted set by seq: "SEQ TS_MS GAIN DOCUMENT"
    PREFIX:links:ALIAS       sorted set by seq: "SEQ TS_MS 1|0 ALIAS"

To write the same twice changes nothing, so that gateways need not agree on who writes; the position
moves only by what follows on it. Position and people are read in one transaction: together they
say what the event log said at one number. Redis may lose all of it: the log gives it back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import redis
import redis.asyncio
from redis.exceptions import RedisError

from app.domain.errors import InvalidInput, StateUnavailable
from app.domain.live import (
    MOST_LINKS,
    NOWHERE,
    Action,
    Asker,
    Interaction,
    Link,
    Position,
    Told,
    said_by,
)

KEPT_S = 30 * 86_400
"""Nobody's last moments are kept longer: tables have learned of them by then."""

REST_S = 1.0
"""After a failure nobody waits for Redis so long; then one search tries again."""

WRITE_S = 5.0
_MOVE = """
local seq = tonumber(redis.call('HGET', KEYS[1], 'seq'))
if seq and seq >= tonumber(ARGV[1]) and seq < tonumber(ARGV[2]) then
  redis.call('HSET', KEYS[1], 'seq', ARGV[2])
end
"""


class SharedPeople:
    """One Redis and one event log. `tell` belongs to one event loop; the rest to a follower."""

    def __init__(self, url: str, prefix: str, newest: int, timeout_s: float) -> None:
        """Connects when used. Raises InvalidInput for a URL that is none."""
        self._prefix = prefix
        self._newest = newest
        self._timeout_s = timeout_s
        patience: dict[str, Any] = {"socket_timeout": WRITE_S, "socket_connect_timeout": WRITE_S}
        try:
            self._writer = redis.Redis.from_url(url, decode_responses=True, **patience)
            self._reader = redis.asyncio.Redis.from_url(url, decode_responses=True)
        except ValueError as error:
            raise InvalidInput(f"state.url: {error}; write redis://HOST:6379/0") from None
        self._rests_until_s = 0.0

    async def close(self) -> None:
        """Close the connections that belong to the running event loop."""
        await self._reader.aclose()

    async def tell(self, asker: Asker) -> Position:
        """Answer everything that is asked, as of one position. Raises StateUnavailable."""
        async with self._in_time():
            position, told = await self._read(asker.wanted, None)
            if _goes_beyond(position, told):  # it is followed once more from an earlier event
                position, told = await self._read(asker.wanted, position.seq)
            asker.take(told, position.seq)
            while wanted := asker.wanted:
                told = (await self._read(wanted, position.seq))[1]
                asker.take(told, position.seq)
            return position

    def position(self) -> Position | None:
        """Return how far the log was followed, None where Redis knows nothing."""
        return _position(self._calmly(lambda: self._writer.hgetall(self._key("position"))))

    def restart(self, since: int) -> None:
        """Follow the log from an event on, once more for those that are held."""
        now = (self._key("position"), "since", since, "seq", since)
        self._calmly(lambda: cast(Any, self._writer).execute_command("HSET", *now))

    def add(self, actions: Sequence[Action], after: int, seq: int) -> None:
        """Take in what was done after one event and up to another."""
        pipe = self._writer.pipeline(transaction=True)
        touched = {
            self._write(pipe, alias, one): None for a in actions for alias, one in said_by(a)
        }
        for key in touched:  # twice as many as are read: a search may be at an earlier seq
            pipe.zremrangebyrank(key, 0, -2 * max(self._newest, MOST_LINKS) - 1)
            pipe.expire(key, KEPT_S)
        pipe.eval(_MOVE, 1, self._key("position"), str(after), str(seq))
        self._calmly(pipe.execute)

    def forget(self, up_to: int) -> None:
        """Nothing: what nobody adds to expires."""

    def drop(self, aliases: Sequence[str]) -> None:
        """Forget somebody, until the log is read again. Raises StateUnavailable."""
        keys = [self._key(kind, alias) for kind in ("acts", "links") for alias in aliases]
        if keys:
            self._calmly(lambda: self._writer.unlink(*keys))

    def aliases(self) -> list[str]:
        """Return nobody: what is in Redis is held for all, and dropped there once."""
        return []

    def clear(self) -> None:
        """Forget everybody, and how far the log was followed. Raises StateUnavailable."""
        self._calmly(lambda: self._writer.delete(self._key("position")))
        self._calmly(self._unlink_all)

    def _unlink_all(self) -> None:
        for key in self._writer.scan_iter(self._key("*"), 1_000):
            self._writer.unlink(key)

    def _key(self, *parts: str) -> str:
        return ":".join((self._prefix, *parts))

    def _write(self, pipe: Any, alias: str, one: Interaction | Link) -> str:
        if isinstance(one, Interaction):
            key, text = self._key("acts", alias), f"{one.seq} {one.ts_ms} {one.gain} {one.document}"
        else:
            key = self._key("links", alias)
            text = f"{one.seq} {one.ts_ms} {int(one.is_joined)} {one.alias}"
        pipe.zadd(key, {text: one.seq})
        return key

    async def _read(
        self, aliases: Sequence[str], up_to: int | None
    ) -> tuple[Position, Mapping[str, Told]]:
        """Return position and what is known of aliases, up to a seq, in one transaction."""
        pipe = self._reader.pipeline(transaction=True)
        pipe.hgetall(self._key("position"))
        last = "+inf" if up_to is None else up_to
        for alias in aliases:
            for kind, most in (("acts", self._newest), ("links", MOST_LINKS)):
                key = self._key(kind, alias)
                pipe.zrevrangebyscore(key, last, "-inf", start=0, num=most)
        position, *found = await pipe.execute()
        pairs = zip(found[::2], found[1::2], strict=True)
        told = {alias: _told(*pair) for alias, pair in zip(aliases, pairs, strict=True)}
        return _position(position) or NOWHERE, told

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        """Fail at once while Redis rests; rest where it fails or takes too long."""
        if time.monotonic() < self._rests_until_s:
            raise StateUnavailable("the state in Redis failed a moment ago")
        try:
            async with asyncio.timeout(self._timeout_s):
                yield
        except (RedisError, OSError) as error:  # TimeoutError is an OSError
            self._rests_until_s = time.monotonic() + REST_S
            raise _unavailable(error) from error

    @staticmethod
    def _calmly(call: Callable[[], Any]) -> Any:
        try:
            return call()
        except (RedisError, OSError) as error:
            raise _unavailable(error) from error


def _goes_beyond(position: Position, told: Mapping[str, Told]) -> bool:
    return any(t.interactions and t.interactions[-1].seq > position.seq for t in told.values())


def _position(held: Mapping[str, str]) -> Position | None:
    return Position(int(held["since"]), int(held["seq"])) if len(held) >= 2 else None


def _told(acts: Sequence[str], links: Sequence[str]) -> Told:
    """Read what `_write` wrote, the newest first."""
    interactions = []
    for text in reversed(acts):
        seq, ts_ms, gain, document = text.split(" ", 3)
        interactions.append(Interaction(int(seq), int(ts_ms), float(gain), document))
    words = []
    for text in reversed(links):
        seq, ts_ms, is_joined, alias = text.split(" ", 3)
        words.append(Link(int(ts_ms), int(seq), alias, is_joined == "1"))
    return Told(tuple(interactions), tuple(words))


def _unavailable(error: Exception) -> StateUnavailable:
    why = str(error).partition("\n")[0][:200] or type(error).__name__
    return StateUnavailable(f"the state in Redis does not answer ({why})")
