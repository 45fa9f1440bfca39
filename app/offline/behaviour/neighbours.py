"""Item-to-item: documents that the same people act on, the sooner after each other the closer.

    C(i, j)   = Σ_u w(u) · (0.3 + 0.7 · 2^(−|t(u,i) − t(u,j)| / τ))        w(u) = 1 / |H(u)|
    sim(i, j) = C(i, j) / √(W(i) · W(j)) · n / (n + shrinkage)            W(i) = Σ_u w(u)

u runs over the n persons (or searches of nobody that we know) who acted on both, t is the time of
the last action, H(u) the documents of u: everyone has one vote in all, so that a few who act on
everything do not decide. Without τ and shrinkage this is a cosine. On MovieLens, each person's
last fifth held out, recall@20: this 0.145, without the time term 0.142, plain cosine 0.121,
Swing 0.101-0.115, popularity 0.078. One row at a time: memory is that of the result.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from scipy.sparse import csr_array

from app.corpus.ragged import Ragged
from app.domain.arrays import F32, F64, I32, I64
from app.offline.behaviour.actions import Actions, owner_of
from app.offline.behaviour.config import DAY_MS, TableConfig
from app.offline.behaviour.histories import newest
from app.snapshot.tables import Neighbours

FAR = 0.3  # what a pair is worth whose two actions lie far apart


def neighbours(actions: Actions, n: int, config: TableConfig) -> Neighbours:
    """Return the closest documents of each of n ordinals."""
    group = owner_of(actions)
    acted = actions.take(group >= 0)
    owners, documents, last, _ = newest(
        group[group >= 0], acted.document, acted.gain, config.neighbour_history
    )
    times = acted.ts_ms[last] / (config.near_days * DAY_MS)
    return _closest(owners, documents, times, n, config)


def _closest(owners: I64, documents: I32, times: F64, n: int, config: TableConfig) -> Neighbours:
    lengths = np.bincount(owners)
    worth = 1.0 / np.maximum(lengths, 1)
    norms = np.sqrt(np.bincount(documents, worth[owners], minlength=n))
    shape = (lengths.size, n)
    # entries of one owner stand together; csr keeps their order, csc lists owners ascending
    by_document = csr_array((np.arange(owners.size), (owners, documents)), shape=shape).tocsc()
    starts = np.zeros(lengths.size + 1, np.int64)
    np.cumsum(lengths, out=starts[1:])
    pairs = np.bincount(documents, lengths[owners], minlength=n).astype(np.int64)
    offsets = np.zeros(n + 1, np.int64)
    np.cumsum(np.minimum(pairs, config.neighbours), out=offsets[1:])
    others, scores = np.empty(offsets[-1], np.int32), np.empty(offsets[-1], np.float32)
    counts = _fill(
        by_document.indptr.astype(np.int64), by_document.data.astype(np.int64), owners, starts,
        documents, times, worth, norms, config.shrinkage, offsets, others, scores,
    )  # fmt: skip
    return _packed(offsets, counts, others, scores)


def _packed(offsets: I64, counts: I64, others: I32, scores: F32) -> Neighbours:
    """Close the gaps that rows with fewer neighbours than room have left."""
    room = np.repeat(offsets[:-1] + counts, np.diff(offsets))
    filled = np.arange(others.size) < room
    packed = np.zeros(offsets.size, np.int64)
    np.cumsum(counts, out=packed[1:])
    return Neighbours(Ragged(packed, others[filled]), scores[filled])


@njit(cache=True, nogil=True)
def _fill(
    document_starts: I64,
    entries: I64,
    owners: I64,
    starts: I64,
    documents: I32,
    times: F64,
    worth: F64,
    norms: F64,
    shrinkage: float,
    offsets: I64,
    others: I32,
    scores: F32,
) -> I64:
    """Write each document's best neighbours at its offset. Returns how many it got. (n,)"""
    n = norms.size
    total = np.zeros(n, np.float64)  # C(i, ·) of the row at hand
    people = np.zeros(n, np.int64)
    counts = np.zeros(n, np.int64)
    for i in range(n):
        room = 0
        for at in range(document_starts[i], document_starts[i + 1]):
            owner = owners[entries[at]]
            room += starts[owner + 1] - starts[owner]
        touched = np.empty(min(room, n), np.int64)
        m = 0
        for at in range(document_starts[i], document_starts[i + 1]):
            mine = entries[at]
            owner = owners[mine]
            for other in range(starts[owner], starts[owner + 1]):
                j = documents[other]
                if j == i:
                    continue
                if people[j] == 0:
                    touched[m] = j
                    m += 1
                people[j] += 1
                nearness = 2.0 ** -abs(times[mine] - times[other])
                total[j] += worth[owner] * (FAR + (1.0 - FAR) * nearness)
        counts[i] = _keep_best(
            i, np.sort(touched[:m]), total, people, norms, shrinkage, offsets, others, scores
        )
        total[touched[:m]] = 0.0
        people[touched[:m]] = 0
    return counts


@njit(cache=True, nogil=True)
def _keep_best(
    i: int,
    touched: I64,
    total: F64,
    people: I64,
    norms: F64,
    shrinkage: float,
    offsets: I64,
    others: I32,
    scores: F32,
) -> int:
    """Rank the touched (ascending) by similarity, equal ones by ordinal, and keep what fits."""
    similarity = np.empty(touched.size, np.float32)
    for t in range(touched.size):
        j = touched[t]
        evidence = people[j] / (people[j] + shrinkage)
        similarity[t] = total[j] / (norms[i] * norms[j]) * evidence
    order = np.argsort(-similarity, kind="mergesort")
    kept = int(min(touched.size, offsets[i + 1] - offsets[i]))
    for k in range(kept):
        others[offsets[i] + k] = touched[order[k]]
        scores[offsets[i] + k] = similarity[order[k]]
    return kept
