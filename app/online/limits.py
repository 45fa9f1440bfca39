"""Which bodies one process reads, how much of one, and for how long it waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.requests import Request

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


class BodyEncoded(Exception):
    """The body is compressed; a small one could grow beyond every limit."""

    def __init__(self, coding: str) -> None:
        self.field, self.value = "Content-Encoding", coding
        self.limit = "bodies as they are"
        self.remedy = "send it uncompressed, without this header"
        super().__init__(f"Content-Encoding = {coding!r}: {self.limit}; {self.remedy}")


def plain(request: Request) -> AsyncIterator[bytes]:
    """Stream the body of a request. Raises BodyEncoded where it is compressed."""
    for name, value in request.scope["headers"]:
        if name == b"content-encoding" and value.lower() != b"identity":
            raise BodyEncoded(value.decode("latin-1")[:80])
    return request.stream()


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
