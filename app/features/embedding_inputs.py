"""pair_clicked_cosine and pair_taste_cosine: what behaviour's vectors say of each candidate."""

from __future__ import annotations

from typing import Any

from app.domain.arrays import F32
from app.features.lookup import NAN, Inputs
from app.snapshot.embeddings import cosines
from app.snapshot.towers import query_tower, taste_tower


def clicked_cosine(lookup: Inputs) -> Any:
    return _against(lookup, query_tower(lookup.ctx.tables, lookup.ctx.query.terms))


def taste_cosine(lookup: Inputs) -> Any:
    return _against(lookup, taste_tower(lookup.ctx.tables, lookup.ctx.user))


def _against(lookup: Inputs, vector: F32 | None) -> Any:
    tables = lookup.ctx.tables
    if vector is None or tables.embeddings is None:
        return NAN
    return cosines(tables.embeddings.targets, tables.ordinal_of[lookup.rows], vector)
