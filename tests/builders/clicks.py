"""Sessions drawn from a position-based model of which everything is known."""

from __future__ import annotations

import numpy as np

from app.domain.arrays import F64
from app.domain.events import Session


def drawn_sessions(
    examined: F64, n: int, seed: int, queries: int = 300, is_random: bool = False
) -> list[Session]:
    """Lists of len(examined) documents, best first by a ranker that wavers, with drawn clicks.

    P(click on d of q at k) = examined[k − 1] × attractive(q, d), attractive in [0, 0.9].
    """
    rng = np.random.default_rng(seed)
    k = len(examined)
    attractive = np.random.default_rng(99).beta(1, 4, (queries, k)) * 0.9
    query = rng.integers(queries, size=n)
    taste = rng.random((n, k)) if is_random else attractive[query] + rng.normal(0, 0.3, (n, k))
    shown = np.argsort(-taste, axis=1)
    clicked = rng.random((n, k)) < examined * np.take_along_axis(attractive[query], shown, 1)
    return [
        Session(
            f"r{i}",
            i,
            f"q{q}",
            tuple(f"d{d}" for d in documents),
            tuple(f"d{d}" for d in documents[hits]),
            is_random=is_random,
        )
        for i, (q, documents, hits) in enumerate(zip(query.tolist(), shown, clicked, strict=True))
    ]
