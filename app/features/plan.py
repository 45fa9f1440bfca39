"""Where each column of a matrix comes from: the program, or a feature that is called by itself.

What lies side by side is copied and what is arithmetic is computed by one program (program.py).
Other features are called one by one, and so is what they read of features.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from app.features.formula import Argument, Formula, put_in
from app.features.program import Place, Program, Writer
from app.features.side_by_side import COLUMNS, Layout, place_of

WIDE = "pair_outside"
"""Inputs that stand alone and are float64 columns; other columns that do are float32."""

WHOLE = "hit_rank"
"""The input whose columns are whole numbers."""

REQUEST_SCOPES = ("query_", "user_", "list_")
"""Inputs of these are scalars, Python's own floats."""


class Step(NamedTuple):
    """One feature to compute. A tuple: there are dozens a request."""

    name: str
    compute: Callable[..., Any]
    reads: tuple[str, ...]
    scalars: tuple[str, ...]  # those of `reads` that are one for all candidates
    formula: Formula | None  # over `reads`, where it is arithmetic
    is_log1p: bool = False  # of what it reads, and no more


class Plan(NamedTuple):
    steps: tuple[Step, ...]  # that are called
    inputs: tuple[str, ...]  # that are looked up by name
    alone: tuple[str, ...]  # inputs and features that become columns for the program
    scalars: tuple[str, ...]  # those that it reads
    logs: tuple[Place, ...]  # columns whose log1p it reads
    program: Program
    sources: frozenset[str]  # those of Sources that are read at all


def plan_of(
    layout: Layout, names: Sequence[str], steps: Sequence[Step], inputs: Iterable[str]
) -> Plan:
    """`names`: the input or feature that each column of the matrix is."""
    formulas = _formulas(steps)
    called = _called(steps, formulas)
    logs = _logs(layout, [step for step in steps if step.name in called])
    called -= logs.keys()
    log_at = {name: column for column, name in enumerate(logs)}
    alone: dict[str, int] = {}
    scalars: dict[str, int] = {}

    def place(name: str) -> Place:
        found = place_of(layout, name)
        if found is not None:
            return found
        if name in logs:
            return Place("logs", log_at[name])
        if name.startswith(REQUEST_SCOPES) and name not in called:
            return Place("scalars", scalars.setdefault(name, len(scalars)))
        return Place("alone", alone.setdefault(name, len(alone)), name.startswith(WIDE))

    writer = Writer(place)
    for target, name in enumerate(names):
        writer.column(formulas.get(name, Argument(name)), target)
    left = tuple(step for step in steps if step.name in called)
    wanted = {*alone, *scalars, *(name for step in left for name in step.reads)}
    program = writer.program()
    return Plan(
        left, tuple(name for name in inputs if name in wanted), tuple(alone), tuple(scalars),
        tuple(logs.values()), program,
        program.reads | {place.source for place in logs.values()},
    )  # fmt: skip


def _formulas(steps: Sequence[Step]) -> Mapping[str, Formula]:
    """Return the formulas, over inputs alone, of the features that a program can compute.

    Not of one that reads a feature that is called, whose precision is not known beforehand, nor of
    one that reads whole numbers.
    """
    found: dict[str, Formula] = {}
    features = {step.name for step in steps}
    for step in steps:
        others = [read for read in step.reads if read not in found]
        is_open = any(read in features or read.startswith(WHOLE) for read in others)
        if step.formula is not None and not is_open:
            found[step.name] = put_in(step.formula, found)
    return found


def _logs(layout: Layout, steps: Sequence[Step]) -> Mapping[str, Place]:
    """Return the features that are logarithms of float32 columns that lie side by side.

    NumPy takes those of all such columns in one call, each value's the same bits as alone. One that
    another feature reads is called as before.
    """
    read = {name for step in steps for name in step.reads}
    found: dict[str, Place] = {}
    for step in steps:
        place = place_of(layout, step.reads[0]) if step.is_log1p and step.name not in read else None
        if place is not None and place.source in COLUMNS:
            found[step.name] = place
    return found


def _called(steps: Sequence[Step], formulas: Mapping[str, Formula]) -> set[str]:
    """Return the features that no program computes, and those that such a one reads."""
    called: set[str] = set()
    for step in reversed(steps):  # each follows what it reads
        if step.name not in formulas or step.name in called:
            called |= {step.name, *step.reads}
    return called & {step.name for step in steps}
