"""How much of a body one process reads, and for how long it waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

MAX_BODY_BYTES = 1 << 20
MAX_BULK_BYTES = 16 << 20
MAX_DRAINED_BYTES = 16 << 20  # read and dropped, so that the client gets to read our answer
MAX_BODY_S, MAX_BULK_S = 10.0, 60.0


class BodyTooLarge(Exception):
    """The body is larger than the limit; nothing of it was kept."""

    def __init__(self, limit: int) -> None:
        self.field, self.value = "body", None
        self.limit = f"{limit} bytes"
        self.remedy = "send less at a time"
        super().__init__(f"the body is larger than {self.limit}; {self.remedy}")


class BodyTooSlow(Exception):
    """The body did not end in time; its sender holds a place that others wait for."""

    def __init__(self, limit_s: float) -> None:
        self.field, self.value = "body", None
        self.limit = f"{limit_s:g} seconds"
        self.remedy = "send all that Content-Length promises, without a pause"
        super().__init__(f"the body did not end within {self.limit}; {self.remedy}")


async def read_body(
    chunks: AsyncIterator[bytes], limit: int = MAX_BODY_BYTES, limit_s: float = MAX_BODY_S
) -> bytes:
    """Collect a body of at most `limit` bytes. Raises BodyTooLarge or BodyTooSlow."""
    try:
        async with asyncio.timeout(limit_s):
            return await _collected(chunks, limit)
    except TimeoutError:
        raise BodyTooSlow(limit_s) from None


async def _collected(chunks: AsyncIterator[bytes], limit: int) -> bytes:
    kept, size = [], 0
    async for chunk in chunks:
        size += len(chunk)
        if size <= limit:
            kept.append(chunk)
        elif size > MAX_DRAINED_BYTES:
            break
    if size > limit:
        raise BodyTooLarge(limit)
    return b"".join(kept)
