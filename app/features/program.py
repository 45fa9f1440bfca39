"""A program that fills a matrix in one call: columns are copied, arithmetic is computed.

A processor that comes from other work takes longer to find a function than a function takes for a
column, and this was some forty functions. Rows go in tiles that stay in the nearest cache. Values
are kept in float64, which holds each float32 as it is; an operation is computed in float32 where
NumPy would (no float64 column takes part), so that the bits are those of NumPy's calls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from numba import njit

from app.domain.arrays import F32, F64, I16, I32, I64
from app.features.formula import SIGNS, Argument, Constant, Formula, Operation

Places: TypeAlias = npt.NDArray[np.uintp]
"""Places without a sign: a kernel need not ask whether they count from the end."""

TILE = 64  # rows
_STORE = 2 * len(SIGNS)
"""The step that makes a register a column. Those before are SIGNS, in float64 and in float32."""


class Sources(NamedTuple):
    """What a program reads of n candidates. An array that it does not read may be empty."""

    text: F32  # (n, fields · 9)
    lengths: F32  # (n, fields)
    affinities: F32  # (n, preference fields)
    intents: F32  # (n, preference fields)
    counters: F32  # (n, 4)
    scores: F32  # (n, channels)
    ranks: I16  # (n, channels), copied only: NumPy computes with whole numbers by other rules
    numbers: F64  # (m, n)
    sums: F32  # (4, n) what behaviour remembers
    pairs: F32  # (n, 12) impressions and rates after this very query
    times: F64  # (n,) when the person last acted
    logs: F32  # (k, n) logarithms that NumPy took of other columns
    alone: F64  # (k, n) columns that stand alone
    scalars: F64  # values that all candidates share, and so are the following
    best_bm25: F32  # (fields,)
    best_hits: F32  # (channels,)
    constants: F64


(
    _TEXT, _LENGTHS, _AFFINITIES, _INTENTS, _COUNTERS, _SCORES, _RANKS, _NUMBERS,
    _SUMS, _PAIRS, _TIMES, _LOGS, _ALONE, _SCALARS, _BEST_BM25, _BEST_HITS, _CONSTANTS,
) = range(len(Sources._fields))  # fmt: skip

SHARED = ("scalars", "best_bm25", "best_hits", "constants")


class Place(NamedTuple):
    """Where an input stands."""

    source: str  # one of Sources
    column: int
    is_wide: bool = False  # a float64 column, whose precision what is computed with it takes


class Program(NamedTuple):
    moves: Places  # (m, 2) a column of a source, and the column or the register that it becomes
    ends: I64  # (sources, 3) where moves to columns begin, those to registers, and where both end
    code: I32  # (c, 4) what to do, with which two registers, and the register or column it sets
    registers: int
    constants: F64
    reads: frozenset[str]  # those of Sources that are read at all


def run(program: Program, sources: Sources, out: F32) -> None:
    """Fill the columns of `out` (n, d) that the program writes."""
    _run(program.moves, program.ends, program.code, program.registers, *sources, out)


def logs_of(places: Sequence[Place], sources: Sources) -> F32:
    """Return NumPy's log1p of some columns of blocks. (k, n)"""
    held = np.empty((len(places), sources.alone.shape[1]), np.float32)
    for at, (source, column, _) in enumerate(places):
        block = getattr(sources, source)
        held[at] = block[column] if source == "sums" else block[:, column]
    found: F32 = np.log1p(held, out=held)
    return found


class _Kind(IntEnum):
    """How precise a value is to NumPy (NEP 50): an operation is as its more precise operand."""

    SHARED = 0  # a number of Python's takes the other's precision
    FLOAT32 = 1
    FLOAT64 = 2


class _Held(NamedTuple):
    register: int
    kind: _Kind


class Writer:
    """Writes a program. What several formulas share is computed once."""

    def __init__(self, place_of: Callable[[str], Place]) -> None:
        self._place_of = place_of
        self._columns: dict[str, list[tuple[int, int]]] = {name: [] for name in Sources._fields}
        self._registers: dict[str, list[tuple[int, int]]] = {name: [] for name in Sources._fields}
        self._constants: list[float] = []
        self._code: list[tuple[int, int, int, int]] = []
        self._held: dict[str, _Held] = {}  # by how formulas are written: 0.0 and -0.0 are two

    def column(self, formula: Formula, target: int) -> None:
        """Make what the formula gives the column `target` of the matrix."""
        place = self._place_of(formula.name) if isinstance(formula, Argument) else None
        if place is not None and place.source not in SHARED:
            self._columns[place.source].append((place.column, target))
        else:
            self._code.append((_STORE, self._hold(formula).register, 0, target))

    def program(self) -> Program:
        parts = [
            part
            for name in Sources._fields
            for part in (self._columns[name], self._registers[name])
        ]
        ends = np.cumsum([0, *map(len, parts)])
        return Program(
            np.array([move for part in parts for move in part], np.uintp).reshape(-1, 2),
            np.stack((ends[:-1:2], ends[1::2], ends[2::2]), axis=1),
            np.array(self._code, np.int32).reshape(-1, 4),
            len(self._held),
            np.array(self._constants, np.float64),
            frozenset(s for s in Sources._fields if self._columns[s] or self._registers[s]),
        )

    def _hold(self, formula: Formula) -> _Held:
        """Return the register that has the formula's value."""
        key = repr(formula)
        if key not in self._held:
            match formula:
                case Constant(value):
                    self._constants.append(value)
                    held = self._load(Place("constants", len(self._constants) - 1))
                case Argument(name):
                    held = self._load(self._place_of(name))
                case Operation(sign, left, right):
                    held = self._calculate(SIGNS.index(sign), self._hold(left), self._hold(right))
            self._held[key] = held
        return self._held[key]

    def _load(self, place: Place) -> _Held:
        column = _Kind.FLOAT64 if place.is_wide else _Kind.FLOAT32
        held = _Held(len(self._held), _Kind.SHARED if place.source in SHARED else column)
        self._registers[place.source].append((place.column, held.register))
        return held

    def _calculate(self, sign: int, left: _Held, right: _Held) -> _Held:
        held = _Held(len(self._held), max(left.kind, right.kind))
        in_float32 = len(SIGNS) if held.kind is _Kind.FLOAT32 else 0
        self._code.append((sign + in_float32, left.register, right.register, held.register))
        return held


@njit(cache=True, nogil=True)
def _run(
    moves: Places, ends: I64, code: I32, registers: int,
    text: F32, lengths: F32, affinities: F32, intents: F32, counters: F32,
    scores: F32, ranks: I16, numbers: F64, sums: F32, pairs: F32, times: F64, logs: F32,
    alone: F64,
    scalars: F64, best_bm25: F32, best_hits: F32, constants: F64, out: F32,
) -> None:  # fmt: skip
    held = np.empty((registers, TILE), np.float64)
    _share(scalars, moves, ends, _SCALARS, held)
    _share(best_bm25, moves, ends, _BEST_BM25, held)
    _share(best_hits, moves, ends, _BEST_HITS, held)
    _share(constants, moves, ends, _CONSTANTS, held)
    for start in range(0, out.shape[0], TILE):
        end = min(start + TILE, out.shape[0])
        _move(text, moves, ends, _TEXT, start, end, held, out)
        _move(lengths, moves, ends, _LENGTHS, start, end, held, out)
        _move(affinities, moves, ends, _AFFINITIES, start, end, held, out)
        _move(intents, moves, ends, _INTENTS, start, end, held, out)
        _move(counters, moves, ends, _COUNTERS, start, end, held, out)
        _move(scores, moves, ends, _SCORES, start, end, held, out)
        _move(ranks, moves, ends, _RANKS, start, end, held, out)
        _move(numbers.T, moves, ends, _NUMBERS, start, end, held, out)
        _move(sums.T, moves, ends, _SUMS, start, end, held, out)
        _move(pairs, moves, ends, _PAIRS, start, end, held, out)
        _move(times.reshape(-1, 1), moves, ends, _TIMES, start, end, held, out)
        _move(logs.T, moves, ends, _LOGS, start, end, held, out)
        _move(alone.T, moves, ends, _ALONE, start, end, held, out)
        for what, a, b, to in code:
            if what == _STORE:
                _store(held[np.uintp(a)], np.uintp(to), start, end, out)
            else:
                _calculate(what % len(SIGNS), what >= len(SIGNS), held[a], held[b], held[to])


@njit(cache=True, nogil=True)
def _share(values: Any, moves: Places, ends: I64, source: int, held: F64) -> None:
    for at in range(ends[source, 1], ends[source, 2]):
        held[moves[at, 1]] = values[moves[at, 0]]


@njit(cache=True, nogil=True)
def _move(
    block: Any, moves: Places, ends: I64, source: int, start: int, end: int, held: F64, out: F32,
) -> None:  # fmt: skip
    """Copy columns of some rows of a block to columns of the matrix, and others to registers.

    A column after the other: the rows of a tile stay in the nearest cache whatever the order.
    """
    first, columns, registers = ends[source, 0], ends[source, 1], ends[source, 2]
    for at in range(first, columns):
        column, target = moves[at, 0], moves[at, 1]
        for i in range(np.uintp(start), np.uintp(end)):
            out[i, target] = block[i, column]
    for at in range(columns, registers):
        column, to = moves[at, 0], held[moves[at, 1]]
        for i in range(end - start):
            to[np.uintp(i)] = block[np.uintp(start + i), column]


@njit(cache=True, nogil=True)
def _store(values: F64, target: int, start: int, end: int, out: F32) -> None:
    for i in range(end - start):
        out[np.uintp(start + i), target] = values[np.uintp(i)]


@njit(cache=True, nogil=True, error_model="numpy")
def _calculate(sign: int, in_float32: bool, a: F64, b: F64, to: F64) -> None:
    """Compute all of a tile: nobody reads what stands behind the last row."""
    for i in range(a.size):
        x, y = np.float32(a[i]), np.float32(b[i])
        if sign == 0:
            to[i] = x + y if in_float32 else a[i] + b[i]
        elif sign == 1:
            to[i] = x - y if in_float32 else a[i] - b[i]
        elif sign == 2:
            to[i] = x * y if in_float32 else a[i] * b[i]
        else:
            to[i] = x / y if in_float32 else a[i] / b[i]
