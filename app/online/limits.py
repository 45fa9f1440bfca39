"""What one process takes on at most: the size of a body, and searches at the same time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

MAX_BODY_BYTES = 1 << 20
MAX_BULK_BYTES = 16 << 20
MAX_DRAINED_BYTES = 16 << 20  # read and dropped, so that the client gets to read our answer


class BodyTooLarge(Exception):
    """The body is larger than the limit; nothing of it was kept."""

    def __init__(self, limit: int) -> None:
        self.field, self.value = "body", None
        self.limit = f"{limit} bytes"
        self.remedy = "send less at a time"
        super().__init__(f"the body is larger than {self.limit}; {self.remedy}")


class Overloaded(Exception):
    """More work is in flight than this process takes on."""

    def __init__(self, limit: int, what: str) -> None:
        self.field, self.value = "service.max_concurrent", str(limit)
        self.limit = f"{limit} {what} at the same time"
        self.remedy = "try again in a second"
        super().__init__(f"this process answers {self.limit}; {self.remedy}")


async def read_body(chunks: AsyncIterator[bytes], limit: int = MAX_BODY_BYTES) -> bytes:
    """Collect a body of at most `limit` bytes. Raises BodyTooLarge."""
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


class Admission:
    """Counts work in flight. Used from one event loop, so a plain integer is enough."""

    def __init__(self, limit: int, what: str = "searches") -> None:
        self.limit = limit
        self.what = what
        self.in_flight = 0

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Hold one place. Raises Overloaded at once: a queue would only add latency."""
        if self.in_flight >= self.limit:
            raise Overloaded(self.limit, self.what)
        self.in_flight += 1
        try:
            yield
        finally:
            self.in_flight -= 1
