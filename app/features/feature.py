"""The feature language: a function is a feature, named by its name; its parameters are its inputs.

    @feature(unit="hours")
    def doc_age_hours(query_now_ms, doc_published_at):
        '''Hours since the document was published.'''
        return (query_now_ms - doc_published_at) / 3.6e6

A parameter names an input (its prefix says the scope, see inputs.py) or another feature. A template
is a feature over a field: its doc_*, pair_* and list_* inputs are those of the field it is asked
for, so that the recipe's `bm25(title)` reads pair_bm25[title]. Over windows and preferences, all
its inputs are.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from types import ModuleType
from typing import Any

import numpy as np

from app.domain.arrays import F32
from app.domain.errors import InvalidInput
from app.features.formula import (
    Argument,
    Formula,
    formula_of,
    is_its_input,
    is_log1p,
    put_in,
    value_of,
)
from app.features.plan import REQUEST_SCOPES, Plan, Step, plan_of
from app.features.program import logs_of, run
from app.features.side_by_side import Gathered, Layout

Compute = Callable[..., Any]
Inputs = Mapping[str, Any]
"""Input name → a scalar of the request, or an (n,) column of the candidates."""

INPUT_SCOPES = ("query", "user", "doc", "pair", "hit", "list")


@dataclass(frozen=True, slots=True)
class Feature:
    name: str
    unit: str
    doc: str
    inputs: tuple[str, ...]
    compute: Compute
    formula: Formula | None = None  # over its inputs, where it is arithmetic


@dataclass(frozen=True, slots=True)
class Template:
    """A feature for each of many fields."""

    name: str
    unit: str
    doc: str
    inputs: tuple[str, ...]
    compute: Compute
    over: str  # "text", "number", "preference", "channel" or "window": what the field may be
    formula: Formula | None = None

    def of(self, field: str) -> Feature:
        # a query is counted as well, and has an intent in each preference field
        whole = () if self.over in ("window", "preference") else ("query_", "user_")
        inputs = tuple(i if i.startswith(whole) else f"{i}[{field}]" for i in self.inputs)
        formula = _over(self.formula, self.inputs, inputs)
        name = f"{self.name}({field})"
        return Feature(name, self.unit, self.doc, inputs, self.compute, formula)


def feature(*, unit: str, arithmetic: bool = False) -> Callable[[Compute], Feature]:
    """Declare a feature. Its docstring is its documentation and may not be missing.

    `arithmetic`: it does no more than + - * and / with all that it reads, and need not be called:
    see program.py.
    """

    def declare(fn: Compute) -> Feature:
        inputs = tuple(inspect.signature(fn).parameters)
        formula = formula_of(fn, inputs) if arithmetic else None
        return Feature(fn.__name__, unit, _doc(fn), inputs, fn, formula)

    return declare


def template(*, unit: str, over: str, arithmetic: bool = False) -> Callable[[Compute], Template]:
    """Declare a feature over fields of one kind; `arithmetic` as above."""

    def declare(fn: Compute) -> Template:
        inputs = tuple(inspect.signature(fn).parameters)
        formula = formula_of(fn, inputs) if arithmetic else None
        return Template(fn.__name__, unit, _doc(fn), inputs, fn, over, formula)

    return declare


@dataclass(frozen=True, slots=True)
class Catalog:
    """All features that the code defines."""

    features: Mapping[str, Feature]
    templates: Mapping[str, Template]

    @classmethod
    def collect(cls, *modules: ModuleType) -> Catalog:
        """Find every feature and template in the modules. Two of one name is an error."""
        found: dict[str, Feature | Template] = {}
        for module in modules:
            for value in vars(module).values():
                if not isinstance(value, Feature | Template):
                    continue
                if found.setdefault(value.name, value) is not value:
                    raise ValueError(f"feature {value.name} is defined twice")
        return cls(
            {n: f for n, f in found.items() if isinstance(f, Feature)},
            {n: t for n, t in found.items() if isinstance(t, Template)},
        )

    def find(self, name: str) -> Feature | None:
        """Return the feature or the template's instance that the name asks for."""
        if name in self.features:
            return self.features[name]
        head, _, rest = name.partition("(")
        if head in self.templates and rest.endswith(")"):
            return self.templates[head].of(rest[:-1])
        return None

    def expand(self, names: Iterable[str], fields: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
        """Replace `template(*)` by one name a field. `fields`: kind of `over` → field names."""
        out: dict[str, None] = {}
        for name in names:
            head, star, _ = name.partition("(*)")
            if star and head in self.templates:
                out |= dict.fromkeys(
                    f"{head}({f})" for f in fields.get(self.templates[head].over, ())
                )
            elif self.find(name) is None:
                raise InvalidInput(
                    f"the recipe asks for feature {name!r}, which no module defines; "
                    f"known: {', '.join(sorted([*self.features, *self.templates]))}"
                )
            else:
                out[name] = None
        return tuple(out)


class FeatureSet:
    """An ordered choice of features, compiled once: inputs in, matrix out."""

    def __init__(self, catalog: Catalog, names: Sequence[str]) -> None:
        self.names = tuple(names)
        plan = _order(catalog, self.names)
        computed = {f.name for f in plan}
        self.inputs = tuple(sorted({i for f in plan for i in f.inputs} - computed))
        self.list_inputs = tuple(i for i in self.inputs if i.startswith("list_"))
        source: dict[str, str] = {}  # feature → the input that it is, where it is one as it stands
        self._steps: list[Step] = []
        for f in plan:
            reads = tuple(source.get(i, i) for i in f.inputs)
            if is_its_input(f.compute, f.inputs):
                source[f.name] = reads[0]
            else:
                scalars, formula = _scalars(reads, computed), _over(f.formula, f.inputs, reads)
                is_log = not scalars and is_log1p(f.compute, f.inputs)
                self._steps.append(Step(f.name, f.compute, reads, scalars, formula, is_log))
        self._columns = tuple(source.get(name, name) for name in self.names)
        self._planned: tuple[Layout, Plan] | None = None

    def matrix(self, inputs: Inputs, n: int) -> F32:
        """Return (n, d) float32 in C order, columns in the order of `names`, NaN for missing.

        A feature that reads a scalar that is missing is missing itself, and is not computed.
        """
        out = np.empty((n, len(self.names)), np.float32)
        with np.errstate(all="ignore"):  # NaN and infinity are answers here
            if isinstance(inputs, Gathered):
                self._run(self._plan(inputs), inputs, out)
            else:
                values = _called(self._steps, {name: inputs[name] for name in self.inputs})
                for j, name in enumerate(self._columns):
                    out[:, j] = values[name]
        return out

    def _run(self, plan: Plan, inputs: Gathered, out: F32) -> None:
        """Fill the matrix by the plan's program, after the features that it cannot compute."""
        get = inputs.lookup.get
        values = _called(plan.steps, {name: get(name) for name in plan.inputs})
        alone = np.empty((len(plan.alone), out.shape[0]), np.float64)
        for j, name in enumerate(plan.alone):
            alone[j] = values[name]
        scalars = np.array([values[name] for name in plan.scalars], np.float64)
        sources = inputs.sources(plan.sources, alone, scalars, plan.program.constants)
        if plan.logs:
            sources = sources._replace(logs=logs_of(plan.logs, sources))
        run(plan.program, sources, out)

    def _plan(self, gathered: Gathered) -> Plan:
        """Return where columns come from, made once for a snapshot and what channels there are."""
        held = self._planned
        if held is None or not held[0].is_of(gathered.lookup):
            layout = Layout.of(gathered.lookup)
            held = layout, plan_of(layout, self._columns, self._steps, self.inputs)
            self._planned = held
        return held[1]


def _called(steps: Iterable[Step], values: dict[str, Any]) -> Mapping[str, Any]:
    """Return the values with those of these features, which are called one by one."""
    for name, compute, reads, scalars, formula, _ in steps:
        if scalars and any(map(isnan, [values[i] for i in scalars])):
            values[name] = nan
            continue
        try:
            values[name] = compute(*[values[i] for i in reads])
        except ZeroDivisionError:  # of two numbers that all candidates share
            if formula is None:
                raise
            values[name] = value_of(formula, values)
    return values


def _over(formula: Formula | None, inputs: Sequence[str], reads: Sequence[str]) -> Formula | None:
    """Return the formula with `reads` in place of the inputs."""
    if formula is None:
        return None
    return put_in(formula, {i: Argument(read) for i, read in zip(inputs, reads, strict=True)})


def _scalars(names: Iterable[str], computed: Collection[str]) -> tuple[str, ...]:
    return tuple(i for i in names if i.startswith(REQUEST_SCOPES) and i not in computed)


def _doc(fn: Compute) -> str:
    doc = inspect.getdoc(fn)
    if not doc:
        raise TypeError(f"feature {fn.__name__} has no docstring")
    return doc


def _order(catalog: Catalog, wanted: Sequence[str]) -> tuple[Feature, ...]:
    """Order the features so that each follows what it reads."""
    done: dict[str, Feature] = {}
    open_: list[str] = []

    def visit(name: str) -> None:
        if name in done:
            return
        found = catalog.find(name)
        if found is None:
            if not open_ or name.partition("_")[0] not in INPUT_SCOPES:
                reader = open_[-1] if open_ else "the model"
                raise InvalidInput(
                    f"{reader} reads {name}, which is neither an input nor a feature"
                )
            return
        if name in open_:
            raise InvalidInput(f"feature {name} reads itself: {' → '.join([*open_, name])}")
        open_.append(name)
        for i in found.inputs:
            visit(i)
        open_.pop()
        done[name] = found

    for name in wanted:
        visit(name)
    return tuple(done.values())
