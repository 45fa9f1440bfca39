"""No correction: a click is a click, wherever it happened."""

from __future__ import annotations

from collections.abc import Sequence

from app.domain.events import Session
from app.offline.clicks.correction import Correction, DebiasReport, refused
from app.offline.recipe import Debias


def correct(sessions: Sequence[Session], config: Debias, seed: int) -> Correction:
    """Weigh all clicks alike."""
    unknown = refused(sessions)
    return Correction(DebiasReport("none", len(sessions) - unknown, unknown))
