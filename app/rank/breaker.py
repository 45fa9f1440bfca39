"""A circuit breaker: after some failures in a row, ask nobody for a while, then one to see.

closed ──failures──▶ open ──rest_s──▶ half-open: one call is let through
   ▲                  ▲                 │ succeeded        │ failed     │ abandoned
   └──────────────────┼─────────────────┘                  │            └▶ the next one is
                      └────────────────────────────────────┘
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field


@dataclass(slots=True)
class Breaker:
    """Any number of threads ask it. `now_s` is any monotonic clock.

    Every call that was let through ends in succeeded, failed or abandoned.
    """

    failures: int = 5  # in a row, until it opens
    rest_s: float = 1.0
    _failed: int = 0
    _asks_from_s: float = 0.0
    _is_probing: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_open(self) -> bool:
        return self._failed >= self.failures

    def lets_through(self, now_s: float, is_patient: bool = True) -> bool:
        """Say whether to ask. While open, True for one call at a time, and after a rest.

        A call that is short of time itself finds nothing out, and is not the one.
        """
        if not self.is_open:
            return True
        with self._lock:
            if self._is_probing or not is_patient or now_s < self._asks_from_s:
                return False
            self._is_probing = True
            return True

    def succeeded(self) -> None:
        """It answered, be it with a refusal."""
        self._failed = 0
        self._is_probing = False

    def failed(self, now_s: float) -> None:
        """It did not answer, or nonsense. One that began before it opened changes nothing more."""
        with self._lock:
            if self.is_open and not self._is_probing:
                return
            self._failed += 1
            self._is_probing = False
            self._asks_from_s = now_s + self.rest_s

    def abandoned(self) -> None:
        """Nobody waited for the end: it says nothing of the service, and the next may ask."""
        self._is_probing = False
