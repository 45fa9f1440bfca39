"""A circuit breaker: after some failures in a row, ask nobody for a while, then one to see."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Breaker:
    """Used from one event loop, so it needs no lock. `now_s` is any monotonic clock."""

    failures: int = 5  # in a row, until it opens
    rest_s: float = 1.0
    _failed: int = 0
    _closed_from_s: float = 0.0

    def lets_through(self, now_s: float) -> bool:
        """Say whether to ask. While open, True once every `rest_s`: the one that finds out."""
        if self._failed < self.failures:
            return True
        if now_s < self._closed_from_s:
            return False
        self._closed_from_s = now_s + self.rest_s
        return True

    def succeeded(self) -> None:
        self._failed = 0

    def failed(self, now_s: float) -> None:
        self._failed += 1
        self._closed_from_s = now_s + self.rest_s
