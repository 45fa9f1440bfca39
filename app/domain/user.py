"""What is known of the person who asks, read once a request and then carried along."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from app.domain.arrays import F32, F64, I32, I64, Rows

PREFERENCE_FIELDS = ("category", "tags", "brand")
"""Keyword fields in which people have tastes."""


SESSION_GAP_MS = 1_800_000
"""Half an hour without an action ends a session, as web analytics has it."""

MAX_HISTORY = 1000
"""Newest documents that are kept of a person."""


def user_alias(user_id: str) -> str:
    """A user and a device of the same id are two: each has its own prefix among the aliases."""
    return f"user:{user_id}"


def client_alias(client_id: str) -> str:
    return f"client:{client_id}"


@dataclass(frozen=True, slots=True)
class Preference:
    """Affinity to the values of one keyword field. A person's sums to 1 over what was seen."""

    codes: I32  # (v,) ascending codes of the snapshot's keyword column
    weights: F32  # (v,)


@dataclass(frozen=True, slots=True)
class UserState:
    """A person's past as rows of one snapshot. Empty arrays for a stranger."""

    user_id: str | None
    rows: Rows  # (m,) acted on, newest first, unique
    times_ms: I64  # (m,) last action on that row
    weights: F32  # (m,) gain of that action, not decayed
    preferences: Mapping[str, Preference] = field(default_factory=dict)
    log_price: F64 = field(default_factory=lambda: np.full(2, np.nan))  # (2,) mean and deviation

    @classmethod
    def stranger(cls, user_id: str | None = None) -> UserState:
        return cls(user_id, np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.float32))

    @property
    def is_known(self) -> bool:
        return self.rows.size > 0

    def in_session(self, now_ms: int) -> int:
        """Return how many of the newest rows belong to the session that is going on at `now_ms`."""
        if not self.times_ms.size:
            return 0
        pauses = np.diff(self.times_ms[::-1], append=now_ms)[::-1]  # after each action
        ends = np.flatnonzero(pauses > SESSION_GAP_MS)
        return int(ends[0]) if ends.size else int(self.times_ms.size)
