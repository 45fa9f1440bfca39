"""What people chose who typed the very query of a request, looked up once for all who ask."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.corpus.ragged import frozen
from app.domain.arrays import F32, I32
from app.domain.lazy import Lazy
from app.snapshot.tables import Memory, memory_key


class Remembered:
    """One request's part of the click memory. Features ask for it and so do reasons."""

    def __init__(self, memory: Memory | None, terms: Sequence[str]) -> None:
        self._memory, self._terms = memory, terms

    @Lazy
    def chosen(self) -> tuple[I32, F32]:
        """Ordinals of the tables and gains, best first; both empty where it was never typed."""
        if self._memory is None or not self._terms:
            return frozen(np.empty(0, np.int32)), frozen(np.empty(0, np.float32))
        return self._memory.find(memory_key(self._terms))
