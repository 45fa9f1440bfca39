"""Bodies on their way in: how many bytes of them are held, and which of them is given up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from app.online.incoming import BodyGivenUp, Incoming
from app.online.limits import BodyTooLarge


async def sent(chunks: Sequence[bytes], ends: asyncio.Event | None = None) -> AsyncIterator[bytes]:
    """Chunks at once, and the end of the body when it comes."""
    for chunk in chunks:
        yield chunk
    if ends is not None:
        await ends.wait()


def test_beyond_the_room_the_oldest_body_is_given_up_and_every_other_is_read():
    async def run() -> list[bytes | BaseException]:
        incoming, ends = Incoming(most=10), asyncio.Event()
        bodies = [b"aaaa", b"bbbb", b"c", b"dddd", b"eeeee"]
        reading = [asyncio.create_task(incoming.read(sent([b], ends))) for b in bodies]
        await asyncio.wait(reading[:2])
        assert incoming.size == 10
        ends.set()
        done = await asyncio.gather(*reading, return_exceptions=True)
        assert incoming.size == 0
        return done

    first, second, *others = asyncio.run(run())
    assert isinstance(first, BodyGivenUp)
    assert isinstance(second, BodyGivenUp)
    assert others == [b"c", b"dddd", b"eeeee"]


def test_a_body_that_is_whole_passes_whatever_waits():
    async def run() -> None:
        incoming, never = Incoming(most=10), asyncio.Event()
        slow = [asyncio.create_task(incoming.read(sent([b"xxxx"], never))) for _ in range(20)]
        for _ in range(5):
            await asyncio.sleep(0)
            assert await incoming.read(sent([b"who", b"le"])) == b"whole"
            assert incoming.size <= 10
        for one in slow:
            one.cancel()
        await asyncio.wait(slow)
        assert incoming.size == 0

    asyncio.run(run())


def test_alone_a_body_may_be_larger_than_the_room():
    body = b"x" * 99
    assert asyncio.run(Incoming(most=10).read(sent([body]))) == body


@pytest.mark.parametrize("error", [BodyTooLarge, ConnectionError])
def test_what_is_refused_or_breaks_off_holds_nothing(error):
    async def broken() -> AsyncIterator[bytes]:
        yield b"123456"
        if error is ConnectionError:
            raise error

    async def run() -> None:
        incoming = Incoming(most=10)
        with pytest.raises(error):
            await incoming.read(broken(), limit=5)
        assert incoming.size == 0

    asyncio.run(run())
