"""Training rows drawn by seed, in which some features say what is better."""

from __future__ import annotations

import numpy as np

from app.offline.dataset import TrainingSet


def training_rows(groups: int = 60, size: int = 20, d: int = 6, seed: int = 1) -> TrainingSet:
    """Grades 0, 1, 2 that follow the first two features with noise; each group has two grades."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(groups * size, d)).astype(np.float32)
    worth = features[:, 0] + 0.5 * features[:, 1] + 0.7 * rng.normal(size=len(features))
    labels = np.searchsorted([1.2, 2.0], worth).astype(np.int32)
    labels[::size], labels[1::size] = 1, 0
    features[rng.random(features.shape) < 0.05] = np.nan
    qids = tuple(f"q{seed}-{g}" for g in range(groups))
    return TrainingSet.plain(features, labels, np.full(groups, size), qids)
