"""One person's keyword preferences in the form that rows are scored by."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from app.domain.arrays import F32, F64, I32, I64
from app.recall.bands import taste


class Person(NamedTuple):
    """What tells most of a person, over all fields."""

    values: I32  # (v,) by falling worth
    worths: F64  # (v,) above 0
    fields: I32  # (v,) field of each value
    table: F32  # (values of the index,) worth of each, 0 for all others
    means: F64  # (b,) see app.recall.bands.taste
    deviations: F64  # (b,)


_NO_CODES, _NO_WORTHS = np.empty(0, np.int32), np.empty(0, np.float64)
NOBODY = Person(_NO_CODES, _NO_WORTHS, _NO_CODES, np.empty(0, np.float32), _NO_WORTHS, _NO_WORTHS)


class Held(NamedTuple):
    """A person's preferences for the values of some fields, one field after another, and acts."""

    codes: I32  # (h,) ascending in each field
    weights: F32  # (h,)
    starts: I64  # (f + 1,) where those of each field begin
    fields: I64  # (f,) which of the index's fields it is
    acted_on: I32  # places of rows in the bands


@njit(cache=True, nogil=True)
def weigh(held: Held, idf: F64, bases: I64, shares: F64, most: int, bands: F32) -> Person:
    """Take the `most` values of each field that tell most; the best of field f is worth shares[f].

    A value is told by weight · idf; equal ones go by code. What the index does not know, codes
    behind its own, tells nothing. `idf` and `bases` are those of a PreferenceIndex; `bands` (m, b).
    """
    means, deviations = taste(bands, held.acted_on)
    values, worths = np.empty(held.codes.size, np.int32), np.empty(held.codes.size, np.float64)
    fields, size = np.empty(held.codes.size, np.int32), 0
    table = np.zeros(idf.size, np.float32)
    for place in range(held.fields.size):
        field, start = held.fields[place], held.starts[place]
        told, known = np.empty(held.starts[place + 1] - start, np.float64), 0
        while known < told.size and held.codes[start + known] < bases[field + 1] - bases[field]:
            value = bases[field] + held.codes[start + known]
            told[known] = -held.weights[start + known] * idf[value]
            known += 1
        order = np.argsort(told[:known], kind="mergesort")[:most]
        for i in order:
            if told[i] < 0.0:
                values[size], fields[size] = bases[field] + held.codes[start + i], field
                worths[size] = shares[field] * told[i] / told[order[0]]
                table[values[size]] = worths[size]
                size += 1
    order = np.argsort(-worths[:size], kind="mergesort")
    return Person(values[order], worths[order], fields[order], table, means, deviations)


@njit(cache=True, nogil=True)
def most_possible(worths: F64, fields: I32, start: int) -> float:
    """Return what no row exceeds by the values from `start` on: it would hold the best alone.

    In each field Σ of the c best / √c at its best c; `worths` fall.
    """
    total = 0.0
    for field in range(fields.max() + 1 if fields.size else 0):
        found, count, best = 0.0, 0, 0.0
        for i in range(start, worths.size):
            if fields[i] == field:
                found, count = found + worths[i], count + 1
                best = max(best, found / math.sqrt(count))
        total += best
    return total
