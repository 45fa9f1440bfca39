"""doc_*: columns of the documents, and of what behaviour counted for them."""

from __future__ import annotations

from typing import Any

from app.features.lookup import NAN, Inputs, unknown
from app.snapshot.tables import COUNTERS


def document_input(lookup: Inputs, base: str, field: str) -> Any:
    if base == "doc_number":
        return _number(lookup, field)
    if base == "doc_length":
        return _length(lookup, field)
    name = base.removeprefix("doc_")
    if not field and name in COUNTERS:
        return lookup.memory.counters[:, COUNTERS.index(name)]
    if not field:
        return _number(lookup, name)
    raise unknown(base, field)


def _number(lookup: Inputs, field: str) -> Any:
    """float64, for epoch ms do not fit float32; NaN where the catalogue lacks the field."""
    place = lookup.ctx.snapshot.documents.rows.number_fields.get(field)
    return NAN if place is None else lookup.heads[0][place]


def _length(lookup: Inputs, field: str) -> Any:
    """Tokens of each row, 0 where the field is missing. (n,)"""
    return lookup.heads[1][lookup.ctx.snapshot.documents.rows.text_fields[field]]
