"""A click model over hashed fields: logistic regression, a factorization machine, or a field-aware
one. Rendle, "Factorization machines", ICDM 2010; Juan et al., "Field-aware factorization machines
for CTR prediction", RecSys 2016.

    logit = bias + examination of the position + Σ w_i x_i + Σ_{i<j} ⟨v_i→f(j), v_j→f(i)⟩ x_i x_j

A factorization machine has one vector a value, so that v_i→f = v_i; logistic regression has none. A
value that training never saw adds nothing. What the document adds by itself is one number a row,
and what the request adds is one vector a field: both are computed once, and a candidate costs the
dot products between them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numba import njit

from app.corpus.documents import Documents
from app.corpus.ragged import open_array, save_array
from app.domain.arrays import F32, I32, Rows
from app.domain.errors import CorruptArtifact
from app.domain.query import Query
from app.rank.hashed_fields import hash_documents, hash_request, hash_rows

Objective: TypeAlias = Literal["logistic", "fm", "ffm"]
OBJECTIVES: tuple[Objective, ...] = ("logistic", "fm", "ffm")
POSITIONS = 50  # an own examination each; further down counts as the last
SERVED_AT = 1  # candidates are judged as if each stood first
ARRAYS = ("hashes", "linear", "latent", "examination")


@dataclass(frozen=True, slots=True)
class Shape:
    """What a model is made of."""

    objective: Objective
    request: tuple[str, ...]  # field names, see hashed_fields
    document: tuple[str, ...]
    bits: int
    k: int  # length of one vector

    @property
    def towards(self) -> int:
        """Vectors a value: one for each field that it meets, one for all, or none."""
        fields = len(self.request) + len(self.document)
        return {"logistic": 0, "fm": 1, "ffm": fields}[self.objective]

    @property
    def width(self) -> int:
        return self.towards * self.k


@dataclass(frozen=True, slots=True)
class Weights:
    """What training found for the m values that it saw."""

    hashes: I32  # (m,) ascending, below 2^bits
    linear: F32  # (m,)
    latent: F32  # (m, width): k floats towards each field, request fields first
    examination: F32  # (POSITIONS + 1,) by position, the bias in each; 0 where it is unknown

    def save(self, path: Path) -> None:
        for name in ARRAYS:
            save_array(path / name, getattr(self, name))

    @classmethod
    def open(cls, path: Path, shape: Shape) -> Weights:
        """Map the arrays of a directory whose files are verified; refuse shapes that disagree."""
        weights = cls(*(open_array(path / name) for name in ARRAYS))
        m = weights.hashes.size
        wanted = ((m,), (m,), (m, shape.width), (POSITIONS + 1,))
        for name, expected in zip(ARRAYS, wanted, strict=True):
            array = getattr(weights, name)
            dtype = np.int32 if name == "hashes" else np.float32
            if array.shape != expected or array.dtype != dtype:
                raise CorruptArtifact(
                    f"{path / name}.npy holds {array.dtype} {array.shape}, its manifest means "
                    f"{np.dtype(dtype)} {expected}; train again"
                )
        return weights


class Places(NamedTuple):
    """The documents of one snapshot as a model knows them."""

    slots: I32  # (n, document fields) place among the weights, −1 where it has none
    own: F32  # (n,) what the document adds whatever was asked


class FactorizationModel:
    """Weights, ready: hashes lead to them by one table."""

    def __init__(self, shape: Shape, weights: Weights) -> None:
        if weights.hashes.size and not 0 <= weights.hashes[0] <= weights.hashes[-1] < 2**shape.bits:
            raise CorruptArtifact(f"hashes beyond {shape.bits} bits; train again")
        self.shape = shape
        self.weights = weights
        self.slot_of = np.full(2**shape.bits + 1, -1, np.int32)  # the last: what hash −1 finds
        self.slot_of[weights.hashes] = np.arange(weights.hashes.size, dtype=np.int32)

    def places(self, documents: Documents) -> Places:
        """Find every document's weights. Memory: 4 bytes × documents × (fields + 1)."""
        fields = self.shape.document
        slots = np.empty((len(documents), len(fields)), np.int32)
        for j, field in enumerate(fields):
            slots[:, j] = self.slot_of[hash_documents(documents, field, self.shape.bits)]
        return Places(slots, self.own(slots))

    def places_of(self, documents: Documents, rows: Rows) -> Places:
        """Do the same for a few rows. (rows,)"""
        fields = self.shape.document
        slots = np.empty((rows.size, len(fields)), np.int32)
        for j, field in enumerate(fields):
            slots[:, j] = self.slot_of[hash_rows(documents, field, self.shape.bits, rows)]
        return Places(slots, self.own(slots))

    def own(self, slots: I32) -> F32:
        """Sum what each document adds by itself. (n, document fields) to (n,)"""
        w, s = self.weights, self.shape
        own: F32 = add_documents(
            slots, w.linear, w.latent, len(s.request), s.k, s.objective == "ffm"
        )
        return own

    def logits(self, query: Query, places: Places, rows: Rows, position: int = SERVED_AT) -> F32:
        """Predict each row for one request. (n,) log odds of a click"""
        asked = hash_request(query, self.shape.request, self.shape.bits)
        slots = self.slot_of[asked.hashes]
        return self.score(slots, asked.fields, asked.values, places, rows, position)

    def score(
        self, asked: I32, fields: I32, values: F32, places: Places, rows: Rows, position: int
    ) -> F32:
        """Predict from a request's r weights, their fields and their values: each (r,). (n,)"""
        w, s = self.weights, self.shape
        logits: F32 = predict(
            rows, places.slots, places.own, w.linear, w.latent, w.examination[position],
            asked, fields, values, len(s.request), s.k, s.objective == "ffm",
        )  # fmt: skip
        return logits


@njit(cache=True, nogil=True)
def add_documents(
    slots: I32, linear: F32, latent: F32, request_fields: int, k: int, is_aware: bool
) -> F32:
    """w_i of each value and ⟨v_i, v_j⟩ of each pair of one document's values. (n,)"""
    out = np.zeros(slots.shape[0], np.float32)
    for row in range(slots.shape[0]):
        for a in range(slots.shape[1]):
            i = slots[row, a]
            if i < 0:
                continue
            out[row] += linear[i]
            for b in range(a + 1, slots.shape[1]):
                j = slots[row, b]
                if j >= 0 and latent.shape[1]:
                    towards_b = (request_fields + b) * k if is_aware else 0
                    towards_a = (request_fields + a) * k if is_aware else 0
                    for t in range(k):
                        out[row] += latent[i, towards_b + t] * latent[j, towards_a + t]
    return out


@njit(cache=True, nogil=True)
def predict(
    rows: Rows,
    slots: I32,
    own: F32,
    linear: F32,
    latent: F32,
    bias: float,
    asked: I32,
    fields: I32,
    values: F32,
    request_fields: int,
    k: int,
    is_aware: bool,
) -> F32:
    """Logit of each row. Sums run in one fixed order, so that a row alone has the same bits."""
    same = add_request(linear, latent, asked, fields, values, k, is_aware) + np.float32(bias)
    width = min(latent.shape[1], request_fields * k if is_aware else k)
    towards = _towards_documents(
        latent, asked, fields, values, request_fields, k, slots.shape[1], is_aware
    )
    out = np.empty(rows.size, np.float32)
    sums = np.empty(width, np.float32)
    for n in range(rows.size):
        row = rows[n]
        sums[:] = np.float32(0.0)
        for b in range(slots.shape[1]):
            j = slots[row, b]
            if j >= 0:
                for t in range(width):
                    sums[t] += towards[b, t] * latent[j, t]
        total = same + own[row]
        for t in range(width):
            total += sums[t]
        out[n] = total
    return out


@njit(cache=True, nogil=True)
def add_request(
    linear: F32, latent: F32, asked: I32, fields: I32, values: F32, k: int, is_aware: bool
) -> np.float32:
    """Sum what the request adds whatever the document: its values, and their pairs."""
    total = np.float32(0.0)
    for a in range(asked.size):
        i = asked[a]
        if i < 0:
            continue
        total += linear[i] * values[a]
        for b in range(a + 1, asked.size):
            j = asked[b]
            if j >= 0 and latent.shape[1]:
                x = values[a] * values[b]
                towards_b = fields[b] * k if is_aware else 0
                towards_a = fields[a] * k if is_aware else 0
                for t in range(k):
                    total += latent[i, towards_b + t] * latent[j, towards_a + t] * x
    return total


@njit(cache=True, nogil=True)
def _towards_documents(
    latent: F32,
    asked: I32,
    fields: I32,
    values: F32,
    request_fields: int,
    k: int,
    document_fields: int,
    is_aware: bool,
) -> F32:
    """The request as each document field meets it. (document fields, request fields × k or k)"""
    width = min(latent.shape[1], request_fields * k if is_aware else k)
    out = np.zeros((document_fields, width), np.float32)
    if not width:
        return out
    for a in range(asked.size):
        if asked[a] < 0:
            continue
        at = fields[a] * k if is_aware else 0
        for b in range(document_fields):
            towards_b = (request_fields + b) * k if is_aware else 0
            for t in range(k):
                out[b, at + t] += latent[asked[a], towards_b + t] * values[a]
    return out
