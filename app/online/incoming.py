"""Bodies on their way in. They hold bytes of this process, and nothing that others wait for.

Where they are too many bytes, the body that began first is given up: one that is sent without a
pause is in long before it is the oldest, however many there are that never end.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from app.online.limits import MAX_BODY_BYTES, read_body

MAX_INCOMING_BYTES = 64 << 20


class BodyGivenUp(Exception):
    """Bodies that began later need the room of this one."""

    def __init__(self, most: int) -> None:
        self.field, self.value = "body", None
        self.limit = f"{most} bytes of bodies that are coming in"
        self.remedy = "try again in a second, and send it without a pause"
        super().__init__(f"no room for more than {self.limit}, this one longest; {self.remedy}")


class Incoming:
    """Reads the bodies of one process, on its event loop."""

    def __init__(self, most: int = MAX_INCOMING_BYTES) -> None:
        """`most`: bytes read of all bodies that have not come to their end; of one, any number."""
        self.most = most
        self.size = 0
        self._sizes: dict[asyncio.Timeout, int] = {}  # by what ends the wait; the oldest first

    async def read(self, chunks: AsyncIterator[bytes], limit: int = MAX_BODY_BYTES) -> bytes:
        """Collect a body. Raises BodyTooLarge, BodyTooSlow, BodyGivenUp."""
        try:
            async with asyncio.timeout(None) as wait:
                self._sizes[wait] = 0
                try:
                    return await read_body(self._counted(chunks, wait), limit)
                finally:
                    self._forget(wait)
        except TimeoutError:  # which `read_body` calls BodyTooSlow where it is its own
            raise BodyGivenUp(self.most) from None

    async def _counted(
        self, chunks: AsyncIterator[bytes], wait: asyncio.Timeout
    ) -> AsyncIterator[bytes]:
        async for chunk in chunks:
            if wait in self._sizes:  # else it was given up, and ends as soon as it waits again
                self._sizes[wait] += len(chunk)
                self.size += len(chunk)
                self._make_room()
            yield chunk

    def _make_room(self) -> None:
        while self.size > self.most and len(self._sizes) > 1:
            oldest = next(iter(self._sizes))
            self._forget(oldest)
            oldest.reschedule(0.0)  # now

    def _forget(self, wait: asyncio.Timeout) -> None:
        self.size -= self._sizes.pop(wait, 0)
