"""Where each column of a matrix comes from: a block that is copied, a template, or a feature alone.

A processor that comes from other work takes longer to find a function than a function takes for a
column. So inputs that lie side by side are copied as blocks, and a template over fields whose
inputs do is computed for all its fields in one call: the bits of a call for each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from app.domain.arrays import F32
from app.features.side_by_side import TALL, Gathered, Layout, Places, lay, place_of


class Step(NamedTuple):
    """One feature to compute. A tuple: there are dozens a request."""

    name: str
    compute: Callable[..., Any]
    reads: tuple[str, ...]
    scalars: tuple[str, ...]  # those of `reads` that are one for all candidates
    elementwise: bool  # see feature.template


class Copy(NamedTuple):
    """Columns of one block, and the columns of the matrix that they become."""

    block: str
    columns: Places
    targets: Places


class Together(NamedTuple):
    """A template, the rows that are wanted of what it gives, and the columns that they become."""

    compute: Callable[..., Any]
    reads: tuple[str, ...]  # without their fields, see side_by_side.TALL
    rows: Places
    targets: Places


class Alone(NamedTuple):
    """Inputs and features that no block holds, and the columns of the matrix that they become."""

    names: tuple[str, ...]
    columns: Places  # 0, 1, 2 …
    targets: Places


class Plan(NamedTuple):
    copies: tuple[Copy, ...]
    together: tuple[Together, ...]
    steps: tuple[Step, ...]  # that are computed by themselves
    alone: Alone
    inputs: tuple[str, ...]  # that are looked up by name


def plan_of(
    layout: Layout | None, names: Mapping[int, str], steps: Sequence[Step], inputs: Iterable[str]
) -> Plan:
    """`names`: column of the matrix → input or feature. Without a layout each stands alone."""
    blocks: dict[str, list[tuple[int, int]]] = defaultdict(list)
    together = _together(layout, names, steps)
    done = {target for t in together for target in t.targets.tolist()}
    alone: dict[int, str] = {}
    for target, name in names.items():
        found = None if layout is None else place_of(layout, name)
        if found is not None:
            blocks[found[0]].append((found[1], target))
        elif target not in done:
            alone[target] = name
    copies = tuple(Copy(block, *_columns(pairs)) for block, pairs in blocks.items())
    left = tuple(step for step in steps if step.name not in {names[target] for target in done})
    wanted = {*alone.values(), *(name for step in left for name in step.reads)}
    return Plan(
        copies, together, left, Alone(tuple(alone.values()), _places(range(len(alone))),
        _places(alone)), tuple(name for name in inputs if name in wanted),
    )  # fmt: skip


def lay_blocks(plan: Plan, inputs: Gathered, out: F32) -> None:
    """Fill the columns of `out` that whole blocks and templates over fields become."""
    for copy in plan.copies:
        lay(inputs.block(copy.block), copy.columns, out, copy.targets)
    for t in plan.together:
        values = t.compute(*[inputs.tall(name) for name in t.reads])
        lay(values.T, t.rows, out, t.targets)


def _together(
    layout: Layout | None, names: Mapping[int, str], steps: Sequence[Step]
) -> tuple[Together, ...]:
    """Group the columns of one template. What another feature reads is computed by itself."""
    read, column = {name for step in steps for name in step.reads}, _first_column(names)
    groups: dict[tuple[Callable[..., Any], tuple[str, ...]], list[tuple[int, int]]] = {}
    for step in steps:
        place = _place(layout, step.reads) if layout and step.elementwise else None
        if place is not None and step.name in column and step.name not in read:
            reads = tuple(name.partition("[")[0] for name in step.reads)
            groups.setdefault((step.compute, reads), []).append((place, column[step.name]))
    return tuple(
        Together(*template, *_columns(found)) for template, found in groups.items() if found[1:]
    )


def _first_column(names: Mapping[int, str]) -> Mapping[str, int]:
    return {name: target for target, name in names.items()}


def _place(layout: Layout, reads: Iterable[str]) -> int | None:
    """Return where the field stands among all in whatever is read, None where it does not."""
    places = set()
    for name in reads:
        base, _, field = name.removesuffix("]").partition("[")
        fields = layout.texts if TALL.get(base) == "texts" else layout.places
        places.add(fields.get(field) if base in TALL else None)
    return places.pop() if len(places) == 1 else None


def _columns(pairs: Sequence[tuple[int, int]]) -> tuple[Places, Places]:
    return _places(c for c, _ in pairs), _places(t for _, t in pairs)


def _places(of: Iterable[int]) -> Places:
    return np.array([*of], np.uintp)
