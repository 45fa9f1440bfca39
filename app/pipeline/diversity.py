"""Diversity: results unlike those above them, and no more of one value side by side than allowed.

Maximal marginal relevance (Carbonell & Goldstein, SIGIR 1998): the next result is the one with the
greatest (1 − strength) · worth − strength · likeness to the nearest result above it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from app.corpus.documents import Documents
from app.domain.arrays import F64, I32, I64, Rows


@dataclass(frozen=True, slots=True)
class Diversity:
    strength: float  # 0: none; 1: unlikeness alone counts
    depth: int  # best results that are put in a new order
    fields: tuple[str, ...]  # keyword fields whose equal values make results alike


@dataclass(frozen=True, slots=True)
class Quota:
    """At most `most` of one value among any `window` results one after another."""

    field: str
    most: int
    window: int


def diversified(documents: Documents, rows: Rows, worth: F64, how: Diversity) -> I64:
    """Return the places of a list in their new order; those behind `depth` stay. (n,)

    rows, worth: (n,) best first; how like two documents are is the mean of their vectors' cosine
    (not below 0) and of 1 for each field in which their first values agree.
    """
    n = min(rows.size, how.depth)
    vectors = documents.vectors
    near = np.zeros((n, 0)) if vectors is None else vectors[rows[:n]].astype(np.float64)
    codes = _codes(documents, rows[:n], how.fields)
    low, high = (worth[:n].min(), worth[:n].max()) if n else (0.0, 0.0)
    share = (worth[:n] - low) / (high - low) if high > low else np.zeros(n)
    head = _marginal(share, near, codes, how.strength)
    return np.concatenate([head, np.arange(n, rows.size)])


def spread(documents: Documents, rows: Rows, quotas: Sequence[Quota]) -> I64:
    """Return the places of a list so ordered that the quotas hold as far as they can. (n,)

    Each position takes the best result that fits, or the best of all where none does: nothing is
    left out. A document without a value fits everywhere. rows: (n,) best first
    """
    codes = _codes(documents, rows, [quota.field for quota in quotas])
    dense = [np.unique(column, return_inverse=True) for column in codes.T]
    values = np.stack([np.where(names[at] < 0, -1, at) for names, at in dense])
    most = np.array([quota.most for quota in quotas], np.int64)
    window = np.array([quota.window for quota in quotas], np.int64)
    order: I64 = _spread(values, most, window)
    return order


def _codes(documents: Documents, rows: Rows, fields: Sequence[str]) -> I32:
    """Return the first value's code of each row in each field, -1 where it has none. (m, f)"""
    columns = [documents.keywords[name].single(rows) for name in fields]
    return np.stack(columns, axis=1) if columns else np.empty((rows.size, 0), np.int32)


@njit(cache=True, nogil=True)
def _marginal(worth: F64, vectors: F64, codes: I32, strength: float) -> I64:
    n = worth.size
    nearest, order = np.zeros(n), np.empty(n, np.int64)
    is_taken = np.zeros(n, np.bool_)
    for position in range(n):
        best, most = -1, -np.inf
        for i in range(n):
            gain = (1.0 - strength) * worth[i] - strength * nearest[i]
            if not is_taken[i] and gain > most:
                best, most = i, gain
        order[position], is_taken[best] = best, True
        for i in range(n):
            if not is_taken[i]:
                nearest[i] = max(nearest[i], _likeness(vectors, codes, best, i))
    return order


@njit(cache=True, nogil=True)
def _likeness(vectors: F64, codes: I32, a: int, b: int) -> float:
    parts, total = codes.shape[1], 0.0
    for f in range(codes.shape[1]):
        if codes[a, f] >= 0 and codes[a, f] == codes[b, f]:
            total += 1.0
    if vectors.shape[1]:
        cosine = 0.0
        for j in range(vectors.shape[1]):
            cosine += vectors[a, j] * vectors[b, j]
        total, parts = total + max(cosine, 0.0), parts + 1
    likeness: float = total / max(parts, 1)
    return likeness


@njit(cache=True, nogil=True)
def _spread(values: I64, most: I64, window: I64) -> I64:
    """values: (q, n) each below n; -1 where there is none."""
    quotas, n = values.shape
    held = np.zeros((quotas, n), np.int64)  # of each value, in the window before this position
    order, is_taken, head = np.empty(n, np.int64), np.zeros(n, np.bool_), 0
    for position in range(n):
        for q in range(quotas):
            gone = position - window[q]
            if gone >= 0 and values[q, order[gone]] >= 0:
                held[q, values[q, order[gone]]] -= 1
        while is_taken[head]:
            head += 1
        chosen = head
        for i in range(head, n):
            if not is_taken[i] and _fits(values, held, most, i):
                chosen = i
                break
        order[position], is_taken[chosen] = chosen, True
        for q in range(quotas):
            if values[q, chosen] >= 0:
                held[q, values[q, chosen]] += 1
    return order


@njit(cache=True, nogil=True)
def _fits(values: I64, held: I64, most: I64, i: int) -> bool:
    for q in range(most.size):
        if values[q, i] >= 0 and held[q, values[q, i]] >= most[q]:
            return False
    return True
