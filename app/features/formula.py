"""What an arithmetic feature computes, read off its function by calling it with symbols.

So that one definition serves twice: NumPy calls the function, and a program (program.py) computes
the same for all columns in one pass, bit by bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np


@dataclass(frozen=True, slots=True)
class Argument:
    """An input, or a feature that is computed before."""

    name: str


@dataclass(frozen=True, slots=True)
class Constant:
    """A number of Python's: it takes the precision of what it meets."""

    value: float


@dataclass(frozen=True, slots=True)
class Operation:
    sign: str  # one of SIGNS
    left: Formula
    right: Formula


Formula: TypeAlias = Argument | Constant | Operation

SIGNS = ("+", "-", "*", "/")
_FUNCTIONS = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide}


@dataclass(frozen=True, slots=True)
class Symbol:
    """Stands for a value, and remembers what is done with it."""

    formula: Formula
    __array_ufunc__ = None  # a number of NumPy leaves the operation to this class, which refuses it

    def __add__(self, other: Any) -> Symbol:
        return _operation("+", self, other)

    def __radd__(self, other: Any) -> Symbol:
        return _operation("+", other, self)

    def __sub__(self, other: Any) -> Symbol:
        return _operation("-", self, other)

    def __rsub__(self, other: Any) -> Symbol:
        return _operation("-", other, self)

    def __mul__(self, other: Any) -> Symbol:
        return _operation("*", self, other)

    def __rmul__(self, other: Any) -> Symbol:
        return _operation("*", other, self)

    def __truediv__(self, other: Any) -> Symbol:
        return _operation("/", self, other)

    def __rtruediv__(self, other: Any) -> Symbol:
        return _operation("/", other, self)


def formula_of(compute: Callable[..., Any], parameters: Sequence[str]) -> Formula:
    """Return what the function computes.

    Raises TypeError where that is more than + - * and /, or leaves out a parameter: a feature is
    missing where what it reads is, and that must be seen in the formula.
    """
    name = getattr(compute, "__name__", "the feature")
    try:
        found = compute(*[Symbol(Argument(parameter)) for parameter in parameters])
    except (TypeError, AttributeError) as e:
        raise TypeError(
            f"feature {name} is declared arithmetic, but does more than + - * and /: {e}; "
            "declare it without arithmetic=True"
        ) from e
    if not isinstance(found, Symbol):
        raise TypeError(f"feature {name} is declared arithmetic, but returns {found!r}")
    unread = [p for p in parameters if p not in _arguments(found.formula)]
    if unread:
        raise TypeError(
            f"feature {name} is declared arithmetic, but does not compute with "
            f"{', '.join(unread)}; leave out the parameter"
        )
    return found.formula


def value_of(formula: Formula, values: Mapping[str, Any]) -> Any:
    """Compute it as NumPy does, which divides by zero where Python's own floats refuse to."""
    match formula:
        case Constant(value):
            return value
        case Argument(name):
            return values[name]
        case Operation(sign, left, right):
            found = _FUNCTIONS[sign](value_of(left, values), value_of(right, values))
            return found if isinstance(found, np.ndarray) else float(found)


def put_in(formula: Formula, values: Mapping[str, Formula]) -> Formula:
    """Return the formula with these in place of the arguments of those names."""
    match formula:
        case Argument(name):
            return values.get(name, formula)
        case Operation(sign, left, right):
            return Operation(sign, put_in(left, values), put_in(right, values))
    return formula


_LOGARITHM = object()


class _Column:
    """Stands for a column, and can do nothing but be handed on, or to NumPy's log1p."""

    __hash__ = None  # type: ignore[assignment]

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **said: Any) -> object:
        is_alone = ufunc is np.log1p and method == "__call__" and len(inputs) == 1 and not said
        return _LOGARITHM if is_alone else NotImplemented

    def __array_function__(self, *_: Any) -> object:
        return NotImplemented

    def __eq__(self, other: object) -> bool:
        raise TypeError("a column is not compared")

    def __bool__(self) -> bool:
        raise TypeError("a column is neither true nor false")


def is_its_input(compute: Callable[..., Any], parameters: Sequence[str]) -> bool:
    """Tell whether the function hands on its only parameter untouched."""
    column = _Column()
    return len(parameters) == 1 and _asked(compute, column) is column


def is_log1p(compute: Callable[..., Any], parameters: Sequence[str]) -> bool:
    """Tell whether the function is NumPy's log1p of its only parameter, and no more."""
    return len(parameters) == 1 and _asked(compute, _Column()) is _LOGARITHM


def _asked(compute: Callable[..., Any], column: _Column) -> object:
    try:
        return compute(column)
    except Exception:  # anybody's code, met with what it was not written for: it fails as it likes
        return None


def _arguments(formula: Formula) -> set[str]:
    match formula:
        case Argument(name):
            return {name}
        case Operation(_, left, right):
            return _arguments(left) | _arguments(right)
    return set()


def _operation(sign: str, left: Any, right: Any) -> Symbol:
    return Symbol(Operation(sign, _formula(left), _formula(right)))


def _formula(value: Any) -> Formula:
    if isinstance(value, Symbol):
        return value.formula
    if type(value) in (int, float):  # a number of NumPy would bring its own precision
        return Constant(float(value))
    raise TypeError(f"{value!r} is no plain number")
