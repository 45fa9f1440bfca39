"""doc_*: columns of the documents, and of what behaviour counted for them."""

from __future__ import annotations

from typing import Any

import numpy as np

from app.features.lookup import Inputs, unknown


def document_input(lookup: Inputs, base: str, field: str) -> Any:
    documents, rows = lookup.ctx.snapshot.documents, lookup.rows
    if base == "doc_number":
        return _number(lookup, field)
    if base == "doc_length":
        offsets = documents.tokens[field].tokens.offsets
        return (offsets[rows + 1] - offsets[rows]).astype(np.float32)
    name = base.removeprefix("doc_")
    if not field and name in lookup.ctx.tables.counters:
        return lookup.ctx.tables.counters[name][rows]
    if not field:
        return _number(lookup, name)
    raise unknown(base, field)


def _number(lookup: Inputs, field: str) -> Any:
    """float64, for epoch ms do not fit float32; NaN where the catalogue lacks the field."""
    numbers = lookup.ctx.snapshot.documents.numbers
    return numbers[field][lookup.rows] if field in numbers else lookup.missing
