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
    means: F64  # (b,) see app.recall.bands.taste
    deviations: F64  # (b,)


class Held(NamedTuple):
    """A person's preferences in each field of an index. Arrays stay apart: joining costs more."""

    codes: tuple[I32, ...]  # (fields,) of (h,), ascending
    weights: tuple[F32, ...]  # (fields,) of (h,)


@njit(cache=True, nogil=True)
def weigh(
    held: Held, idf: F64, bases: I64, shares: F64, most: int, bands: F32, acted_on: I32
) -> Person:
    """Take the `most` values of each field that tell most; the best of field f is worth shares[f].

    A value is told by weight · idf; equal ones go by code. What the index does not know, codes
    behind its own, tells nothing. `idf` and `bases` are those of a PreferenceIndex; `acted_on` are
    places in `bands` (m, b).
    """
    means, deviations = taste(bands, acted_on)
    size = 0
    for codes in held.codes:
        size += codes.size
    values, worths, fields = np.empty(size, np.int32), np.empty(size), np.empty(size, np.int32)
    size = 0
    for field in range(len(held.codes)):
        codes, weights, known = held.codes[field], held.weights[field], 0
        told = np.empty(codes.size, np.float64)
        while known < told.size and codes[known] < bases[field + 1] - bases[field]:
            told[known] = -weights[known] * idf[bases[field] + codes[known]]
            known += 1
        order = np.argsort(told[:known], kind="mergesort")[:most]
        for i in order:
            if told[i] < 0.0:
                values[size], fields[size] = bases[field] + codes[i], field
                worths[size] = shares[field] * told[i] / told[order[0]]
                size += 1
    order = np.argsort(-worths[:size], kind="mergesort")
    return Person(values[order], worths[order], fields[order], means, deviations)


@njit(cache=True, nogil=True)
def worth_of_each(person: Person, values: int) -> F32:
    """Return the worth of each value of an index, 0 of those that tell nothing. (values,)"""
    table = np.zeros(values, np.float32)
    for i in range(person.values.size):
        table[person.values[i]] = person.worths[i]
    return table


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
