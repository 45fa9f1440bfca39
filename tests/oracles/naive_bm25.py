"""BM25F and its best rows as the textbook has them: a dense table, no index, no skipping."""

from __future__ import annotations

import numpy as np

from app.corpus.documents import TokenColumn
from app.corpus.ragged import Ragged
from app.recall.best_rows import Matches
from app.recall.indexing import WeightedField
from app.recall.postings import GRAIN


def column(rows: list[list[int]], terms: int) -> TokenColumn:
    """A token column as the corpus would have written it."""
    df = np.zeros(terms, np.int32)
    for row in rows:
        df[list(set(row))] += 1
    filled = [len(row) for row in rows if row]
    average = sum(filled) / len(filled) if filled else 0.0
    return TokenColumn(Ragged.pack(rows, np.int32), df, average)


def impact_table(n: int, terms: int, fields: list[WeightedField], k1: float) -> np.ndarray:
    """What each term is worth in each row, in whole grains. (n, terms)"""
    x = np.zeros((n, terms))
    for field in fields:
        tokens, average = field.column.tokens, field.column.average_length
        for row in range(n):
            norm = 1 - field.b + field.b * len(tokens[row]) / average if average else 1.0
            for term in tokens[row]:
                x[row, term] += field.weight / norm
    df = (x > 0).sum(axis=0)
    idf = np.log(1 + (n - df + 0.5) / (df + 0.5))
    return np.where(x > 0, np.maximum(1, np.round(idf * x / (k1 + x) / GRAIN)), 0)


def naive_best_rows(
    table: np.ndarray, terms: list[int], at_least: int, k: int, allowed: np.ndarray | None
) -> Matches:
    """Score every row, keep those that match, sort them all."""
    own = table[:, terms]
    match = (own > 0).sum(axis=1) >= at_least
    if allowed is not None:
        match &= allowed
    rows = np.flatnonzero(match).astype(np.int32)
    scores = (own[rows].sum(axis=1) * GRAIN).astype(np.float32)
    best = np.lexsort((rows, -scores))[:k]
    return Matches(rows[best], scores[best], int(match.sum()))
