"""Unbiased LambdaRank: LightGBM is told positions and learns their bias while it boosts.

Its form: a term for each position is added to the score in training and dropped in serving. Rows
that nobody was shown have position 0, a term of their own. Needs no second position for any
document, yields no propensities to look at. Hu et al., "Unbiased LambdaMART", WWW 2019, is the
idea; https://lightgbm.readthedocs.io/en/latest/Advanced-Topics.html#support-for-position-bias-treatment
is what LightGBM does.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.domain.events import Session
from app.offline.clicks.correction import Correction, DebiasReport, refused
from app.offline.recipe import Debias


def correct(sessions: Sequence[Session], config: Debias, seed: int) -> Correction:
    """Hand positions on, weigh all clicks alike."""
    unknown = refused(sessions)
    report = DebiasReport("unbiased_lambdarank", len(sessions) - unknown, unknown)
    return Correction(report, gives_positions=unknown < len(sessions))
