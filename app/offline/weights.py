"""What each held-out list counts for: as much as its clicks were unlikely to be seen.

A click at position k was seen with propensity p(k); weighed by 1 / p it stands for the clicks that
nobody could make further down (inverse propensity scoring: Joachims, Swaminathan and Schnabel,
WSDM 2017). Means over lists are self-normalised (offline.confidence). The unit is the list, so that
any metric can be weighed: for a list of one click that is the estimator itself, for several it
takes the mean of their weights.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from app.offline.judged import Judged


def list_weights(judged: Iterable[Judged]) -> dict[str, float] | None:
    """Map qid → mean weight of its relevant documents. None where all count the same."""
    weights = {one.qid: _weight(one) for one in judged}
    return weights if any(w != 1.0 for w in weights.values()) else None


def _weight(one: Judged) -> float:
    relevant = [one.weights.get(i, 1.0) for i, grade in one.grades.items() if grade > 0]
    positive = [w for w in relevant if w > 0]
    return float(np.mean(positive)) if positive else 1.0
