"""Features of what people who typed this went on to choose: its category, its tags, its brand."""

from typing import Any

from app.features.feature import template


@template(unit="probability", over="preference")
def intent(pair_intent: Any) -> Any:
    """Probability, from the click log, that the query means the document's values of this field."""
    return pair_intent


@template(unit="ratio", over="preference", arithmetic=True)
def intent_of_top(pair_intent: Any, query_intent_top: Any) -> Any:
    """The same as a share of the most probable value's: 1 for the value that is meant most."""
    return pair_intent / query_intent_top


@template(unit="probability", over="preference")
def intent_top(query_intent_top: Any) -> Any:
    """Probability of the most probable value: the same for all candidates."""
    return query_intent_top


@template(unit="probability", over="preference")
def intent_known(query_intent_known: Any) -> Any:
    """How much of the query's intent the click log knows: the same for all candidates."""
    return query_intent_known


@template(unit="bits", over="preference")
def intent_entropy(query_intent_entropy: Any) -> Any:
    """Entropy of what is known of it, 0 for one value alone: the same for all candidates."""
    return query_intent_entropy
