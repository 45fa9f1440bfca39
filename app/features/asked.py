"""Features of what the query asked for by name or number: which of it the document has."""

from typing import Any

from app.features.feature import feature, template


@feature(unit="parts")
def asked_parts(query_asked_parts: Any) -> Any:
    """How many values and bounds the query names."""
    return query_asked_parts


@feature(unit="share")
def asked_met(pair_asked_met: Any) -> Any:
    """Share of them that the document has; NaN where the query names none."""
    return pair_asked_met


@feature(unit="share")
def mentions_met(pair_mentions_met: Any) -> Any:
    """Share of the named values (of category, tags, brand …) that the document holds."""
    return pair_mentions_met


@feature(unit="share")
def quantities_met(pair_quantities_met: Any) -> Any:
    """Share of the bounds on numbers that the document keeps."""
    return pair_quantities_met


@template(unit="ratio", over="number")
def outside(pair_outside: Any) -> Any:
    """How far the value lies outside the bounds named for it, as a share of the nearer bound."""
    return pair_outside
