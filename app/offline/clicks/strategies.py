"""The strategies against position bias, by the name that a recipe gives."""

from __future__ import annotations

from collections.abc import Mapping

from app.offline.clicks import none, propensity, randomised, unbiased_lambdarank
from app.offline.clicks.correction import Strategy

STRATEGIES: Mapping[str, Strategy] = {
    "none": none.correct,
    "propensity": propensity.correct,
    "randomised": randomised.correct,
    "unbiased_lambdarank": unbiased_lambdarank.correct,
}
