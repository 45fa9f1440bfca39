"""What the click log says that the query means: query_intent_* of a field, and of each candidate.

NaN where it says nothing, of the query or of the field.
"""

from __future__ import annotations

from typing import Any

from app.features.lookup import NAN, Inputs, unknown
from app.snapshot.intent import Intents, confidence, intents_of

INTENT_INPUTS = (
    "query_intents", "query_intent_known", "query_intent_top", "query_intent_entropy",
    "pair_intent",
)  # fmt: skip


def intent_input(lookup: Inputs, base: str, field: str) -> Any:
    match base:
        case "query_intents":
            return _intents(lookup)
        case "query_intent_known" | "query_intent_top" | "query_intent_entropy":
            return _confidence(lookup, field, base.removeprefix("query_intent_"))
        case "pair_intent":
            return _own(lookup, field)
    raise unknown(base, field)


def _intents(lookup: Inputs) -> Intents:
    ctx = lookup.ctx
    return intents_of(ctx.tables, ctx.snapshot.documents, ctx.query.terms)


def _confidence(lookup: Inputs, field: str, which: str) -> float:
    name = f"query_intent_confidence[{field}]"
    if name not in lookup.memo:
        intent = lookup.get("query_intents").get(field)
        lookup.memo[name] = None if intent is None else confidence(intent)
    found = lookup.memo[name]
    return NAN if found is None else float(getattr(found, which))


def _own(lookup: Inputs, field: str) -> Any:
    """Return the summed probability of each candidate's values. (n,)"""
    place = lookup.ctx.snapshot.documents.rows.code_fields.get(field)
    if place is None or field not in lookup.get("query_intents"):
        return NAN
    return lookup.intents[:, place]
