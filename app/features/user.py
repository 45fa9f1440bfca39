"""Features of who asks: their tastes against the document."""

from typing import Any

import numpy as np

from app.features.feature import feature, template


@template(unit="share", over="preference")
def affinity(pair_affinity: Any) -> Any:
    """Share of the person's past gains that went to the document's values of this field."""
    return pair_affinity


@feature(unit="log actions")
def user_actions_log(user_actions: Any) -> Any:
    """log(1 + documents the person acted on): how far to trust the tastes."""
    return np.log1p(user_actions)


@feature(unit="log actions")
def user_session_actions_log(user_session_actions: Any) -> Any:
    """log(1 + documents acted on in this sitting): no half hour without an action until now."""
    return np.log1p(user_session_actions)


@feature(unit="deviations")
def price_away_from_usual(doc_price: Any, user_log_price_mean: Any, user_log_price_std: Any) -> Any:
    """How unusual the price is for this person: |log price − mean| ÷ (deviation + 0.2)."""
    return np.abs(np.log1p(doc_price) - user_log_price_mean) / (user_log_price_std + 0.2)
