"""Features that are other released models: what they say becomes a column of this one."""

from typing import Any

from app.features.feature import template


@template(unit="log odds", over="model")
def model(pair_model: Any) -> Any:
    """What the released model of this name says of the pair, e.g. the log odds of a click."""
    return pair_model
