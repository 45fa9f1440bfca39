"""What a model is taught: the three families of learning to rank, by the name a recipe gives.

| objective   | family    | learns                                   | source                      |
|-------------|-----------|------------------------------------------|-----------------------------|
| binary      | pointwise | is the grade above 0? (log loss)         | Nallapati, SIGIR 2004       |
| regression  | pointwise | the grade (squared error)                | Cossock & Zhang, COLT 2006  |
| pairwise    | pairwise  | which of two is better (ranknet.py)      | Burges et al., ICML 2005    |
| lambdarank  | listwise  | pairs, by the nDCG that they would move  | Burges, MSR-TR-2010-82      |
| rank_xendcg | listwise  | the whole list's cross entropy to nDCG   | Bruch, WWW 2021             |

Liu, "Learning to Rank for Information Retrieval" (2009) draws the families; some file lambdarank
under pairs, for its gradient is a sum over them, but what it follows is a measure of the list.
All are stopped by nDCG on the valid part, and all serve raw scores: higher is better.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import numpy as np

from app.domain.arrays import I32
from app.offline.dataset import TrainingSet
from app.offline.ranknet import ranknet
from app.offline.recipe import Objective

OBJECTIVES: tuple[Objective, ...] = get_args(Objective)
FAMILIES: Mapping[Objective, str] = {
    "binary": "pointwise",
    "regression": "pointwise",
    "pairwise": "pairwise",
    "lambdarank": "listwise",
    "rank_xendcg": "listwise",
}


def loss(objective: Objective, parts: Sequence[TrainingSet]) -> Any:
    """Return what LightGBM takes as its objective: the name of its own, or a function."""
    if objective != "pairwise":
        return objective
    return ranknet(
        np.concatenate([p.labels for p in parts]),
        np.concatenate([p.sizes for p in parts]),
        np.concatenate([p.weights for p in parts]),
    )


def targets(objective: Objective, labels: I32) -> I32:
    """Return what scores are compared with: whether there is a grade, or the grade itself."""
    return np.minimum(labels, 1).astype(np.int32) if objective == "binary" else labels
