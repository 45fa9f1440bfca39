"""What the query's reading says of each candidate: values held, bounds kept."""

from __future__ import annotations

from typing import Any

import numpy as np

from app.domain.arrays import F32, F64
from app.domain.errors import InvalidInput
from app.features.lookup import NAN, Inputs
from app.snapshot.asked import holds, keeps, outside

ASKED_INPUTS = (
    "query_asked_parts", "pair_asked_met", "pair_mentions_met", "pair_quantities_met",
    "pair_mentions_held", "pair_quantities_kept", "pair_outside",
)  # fmt: skip


def asked_input(lookup: Inputs, base: str, field: str) -> Any:
    reading = lookup.ctx.query.reading
    match base:
        case "query_asked_parts":
            return float(reading.parts)
        case "pair_asked_met":
            return _share(lookup, len(reading.mentions), len(reading.quantities))
        case "pair_mentions_met":
            return _share(lookup, len(reading.mentions), 0)
        case "pair_quantities_met":
            return _share(lookup, 0, len(reading.quantities))
        case "pair_mentions_held":
            return _held(lookup)
        case "pair_quantities_kept":
            return _kept(lookup)
        case "pair_outside":
            return _outside(lookup, field)
    raise InvalidInput(f"no source for input {base}")


def _share(lookup: Inputs, mentions: int, quantities: int) -> Any:
    """Return the share of the parts that each row has; NaN for all where there are none."""
    if not mentions + quantities:
        return NAN
    if not quantities:
        return lookup.get("pair_mentions_held") / np.float32(mentions)
    kept = lookup.get("pair_quantities_kept")
    met = lookup.get("pair_mentions_held") + kept if mentions else kept
    return met / np.float32(mentions + quantities)


def _held(lookup: Inputs) -> F32:
    """Count the mentions that each row holds. (n,)"""
    if lookup.named is not None:
        return lookup.records.held
    count = np.zeros(lookup.rows.size, np.float32)
    for mention in lookup.ctx.query.reading.mentions:
        count += holds(lookup.ctx.snapshot.documents, mention, lookup.rows)
    return count


def _kept(lookup: Inputs) -> F32:
    """Count the bounds that each row keeps. (n,)"""
    count = np.zeros(lookup.rows.size, np.float32)
    for quantity in lookup.ctx.query.reading.quantities:
        count += keeps(_numbers(lookup, quantity.range.field), quantity.range)
    return count


def _outside(lookup: Inputs, field: str) -> Any:
    for quantity in lookup.ctx.query.reading.quantities:
        if quantity.range.field == field:
            return outside(_numbers(lookup, field), quantity.range)
    return NAN


def _numbers(lookup: Inputs, field: str) -> F64:
    place = lookup.ctx.snapshot.documents.rows.number_fields[field]
    numbers: F64 = lookup.heads[0][place]
    return numbers
