"""Vectors from behaviour: within a sitting each document foretells those near it, and each query,
whole and term by term, what was chosen after it.

Only what was seen often enough gets a vector: a thing seen once stands where chance put it.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from app.domain.arrays import F32, I64, Bools
from app.offline.behaviour.actions import Actions
from app.offline.behaviour.config import EmbeddingConfig
from app.offline.behaviour.memory import QueryTerms
from app.offline.behaviour.reading import Texts, has_company, read
from app.offline.behaviour.sgns import Pace, Reading, negatives_table, start_vectors, train
from app.snapshot.embeddings import Embeddings


def embeddings(
    actions: Actions, queries: QueryTerms, n: int, config: EmbeddingConfig
) -> Embeddings | None:
    """Learn the vectors of n ordinals and of the click memories' texts; None if switched off."""
    if not config.enabled:
        return None
    texts = Texts.of(actions, queries)
    reading = read(actions, queries, texts, n, config.actions)
    inputs = start_vectors(n + texts.count, config.dim, config.seed)
    outputs = np.zeros((n, config.dim), np.float32)
    if reading.documents.size:
        table = negatives_table(np.bincount(reading.documents, minlength=n), config.power)
        pace = Pace(config.window, config.negatives, config.epochs, config.rate)
        train(inputs, outputs, reading, table, pace, config.seed)
    seen, foretold = _evidence(reading, n, inputs.shape[0])
    inputs = unit_or_nan(inputs, seen >= config.evidence)
    targets = unit_or_nan(outputs, foretold >= config.evidence)
    sources, of_queries, of_terms = np.split(inputs, [n, n + texts.queries.size])
    return Embeddings(sources, targets, of_queries, of_terms)


def _evidence(reading: Reading, n: int, n_inputs: int) -> tuple[I64, I64]:
    """Count the actions that each input was read in, and those that each output stood for."""
    together = has_company(reading)
    is_led_to = np.diff(reading.offsets) > 0
    seen = np.concatenate([reading.documents[together], reading.leads])
    foretold = reading.documents[together | is_led_to]
    return np.bincount(seen, minlength=n_inputs), np.bincount(foretold, minlength=n)


@njit(cache=True, nogil=True)
def unit_or_nan(vectors: F32, is_known: Bools) -> F32:
    """Bring the known rows to unit length and the others to NaN. (n, dim)"""
    out = np.full(vectors.shape, np.nan, np.float32)
    for i in range(vectors.shape[0]):
        squares = 0.0
        for x in vectors[i]:
            squares += np.float64(x) * np.float64(x)
        if is_known[i] and squares > 0.0:
            for j in range(vectors.shape[1]):
                out[i, j] = vectors[i, j] / math.sqrt(squares)
    return out
