"""The parts of a rank call as they came: each array of its form, each number what it must be.

Kernels index by rows, unguarded, so nothing goes on from here unseen; what a snapshot holds is
checked where the call meets it (call.place).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from app.domain.arrays import F32, F64, I16, I32, I64, Array
from app.domain.candidates import CandidateSet
from app.domain.errors import InvalidQuery
from app.domain.user import Preference, UserState
from app.rank.drawing import handed_back
from app.rank.sound import are_different, are_numbers, are_preferences, is_call, least, places_of

MAX_CANDIDATES = 10_000
MAX_PREFERENCES = 20_000  # of a person in all fields: what is chosen to collide costs its square

KINDS: Mapping[str, tuple[str, int]] = {
    "rows": ("i4", 1), "fused": ("f4", 1), "scores": ("f4", 2), "ranks": ("i2", 2),
    "query.vector": ("f4", 1), "user.rows": ("i4", 1), "user.times_ms": ("i8", 1),
    "user.weights": ("f4", 1), "user.log_price": ("f8", 1),
    "preferences.codes": ("i4", 1), "preferences.weights": ("f4", 1),
}  # fmt: skip
"""Dtype and dimensions of each array."""

_DTYPES = {dtype: np.dtype(dtype) for dtype in ("i2", "i4", "i8", "f4", "f8")}
_NO_VECTOR: F32 = np.empty(0, np.float32)
_NAN_IS_FINE = ("scores", "user.log_price")


def kind_of(name: str) -> tuple[str, int]:
    """Return the dtype and dimensions that an array of this name must have."""
    if name in KINDS:
        return KINDS[name]
    raise InvalidQuery("arrays", name, f"known: {', '.join(KINDS)}", "leave it out")


def form_of_kind(name: str) -> tuple[np.dtype[Any], int]:
    """Return the same as NumPy has it."""
    dtype, dimensions = kind_of(name)
    return _DTYPES[dtype], dimensions


def check_form(name: str, dtype: np.dtype[Any], dimensions: int) -> None:
    """Refuse an array of a wrong dtype or number of dimensions."""
    wanted = form_of_kind(name)
    if (dtype, dimensions) != wanted:
        given, limit = (f"{d.str[1:]} of {k} dimensions" for d, k in ((dtype, dimensions), wanted))
        raise InvalidQuery(f"arrays.{name}", given, limit, "send that")


def check_numbers(name: str, array: Array) -> None:
    """Refuse numbers that are none."""
    values = array.reshape(-1)
    if array.dtype.kind == "i":
        if (low := least(values)) < 0:
            raise InvalidQuery(f"arrays.{name}", low, "at least 0", "count from 0")
    elif not are_numbers(values, name in _NAN_IS_FINE):
        raise InvalidQuery(f"arrays.{name}", None, "finite numbers", "send no NaN and no infinity")


@dataclass(frozen=True, slots=True)
class Numbers:
    """All arrays of a call, each of its shape; what they hold is not looked at yet."""

    rows: I32  # (n,)
    fused: F32  # (n,)
    scores: F32  # (n, c)
    ranks: I16  # (n, c)
    vector: F32 | None  # (dim,)
    acted_on: I32  # (a,)
    times_ms: I64  # (a,)
    gains: F32  # (a,)
    log_price: F64  # (2,)
    codes: I32  # (v,)
    weights: F32  # (v,)
    counts: tuple[int, ...]  # (f,) they sum to v

    def check(self) -> None:
        """Refuse numbers that cannot be. Raises InvalidQuery naming their array."""
        counts = np.array(self.counts, np.int64)
        vector = _NO_VECTOR if self.vector is None else self.vector
        if not is_call(
            self.rows, self.fused, self.scores, self.ranks, vector,
            self.acted_on, self.times_ms, self.gains, self.log_price,
            self.codes, self.weights, counts,
        ):  # fmt: skip
            self._refuse(vector, counts)

    def _refuse(self, vector: F32, counts: I64) -> NoReturn:
        """Say which is wrong: for the one call that is refused there is time."""
        arrays: tuple[Array, ...] = (
            self.rows, self.fused, self.scores, self.ranks, vector, self.acted_on, self.times_ms,
            self.gains, self.log_price, self.codes, self.weights,
        )  # fmt: skip
        for name, array in zip(KINDS, arrays, strict=True):
            check_numbers(name, array)
        for name, rows in (("rows", self.rows), ("user.rows", self.acted_on)):
            if not are_different(rows):
                raise InvalidQuery(f"arrays.{name}", None, "each row once", "send a row once")
        if not are_preferences(self.codes, self.weights, counts):
            limit = "ascending in each field, each once"
            raise InvalidQuery("arrays.preferences.codes", None, limit, "sort them")
        raise InvalidQuery("arrays", None, "numbers that fit together", "mend them")

    def candidates(self, channels: tuple[str, ...]) -> CandidateSet:
        return CandidateSet(self.rows, self.fused, channels, self.scores, self.ranks)

    def user(self, user_id: str | None, fields: Iterable[str]) -> UserState:
        """Return a person's state, with preferences in so many fields as there are counts."""
        preferences, at = {}, 0
        for field, count in zip(fields, self.counts, strict=True):
            end = at + count
            preferences[field] = Preference(self.codes[at:end], self.weights[at:end])
            at = end
        return UserState(
            user_id, self.acted_on, self.times_ms, self.gains, preferences, self.log_price
        )


def numbers_of(arrays: Mapping[str, Array], channels: int, counts: tuple[int, ...]) -> Numbers:
    """Return a call's numbers, checked. Raises InvalidQuery naming the array that is wrong."""
    if "rows" not in arrays:
        raise InvalidQuery("arrays.rows", None, "needed", "send the candidates' rows")
    rows = _few(arrays, "rows")
    of_each, of_person = (rows.size, channels), _few(arrays, "user.rows")
    preferred = _preferred(arrays, sum(counts))
    numbers = Numbers(
        rows,
        _shaped(arrays, "fused", rows.shape, 0),
        _shaped(arrays, "scores", of_each, np.nan),
        _shaped(arrays, "ranks", of_each, 0),
        arrays.get("query.vector"),
        of_person,
        _shaped(arrays, "user.times_ms", of_person.shape, 0),
        _shaped(arrays, "user.weights", of_person.shape, 0),
        _shaped(arrays, "user.log_price", (2,), np.nan),
        _shaped(arrays, "preferences.codes", preferred, 0),
        _shaped(arrays, "preferences.weights", preferred, 0),
        counts,
    )
    numbers.check()
    return numbers


def _few(arrays: Mapping[str, Array], name: str) -> I32:
    rows = arrays.get(name)
    if rows is None:
        return np.empty(0, np.int32)
    if rows.size > MAX_CANDIDATES:
        limit = f"at most {MAX_CANDIDATES} rows"
        raise InvalidQuery(f"arrays.{name}", rows.size, limit, "send fewer")
    return rows


def _preferred(arrays: Mapping[str, Array], count: int) -> tuple[int]:
    """Return the shape of preferences. None is made up: whoever counts some sends them."""
    if count > MAX_PREFERENCES:
        limit = f"at most {MAX_PREFERENCES} in all fields"
        raise InvalidQuery("user.preferences", count, limit, "send the strongest")
    for name in ("preferences.codes", "preferences.weights"):
        if count and name not in arrays:
            limit = f"{count} numbers, as user.preferences counts"
            raise InvalidQuery(f"arrays.{name}", None, limit, "send them, or count none")
    return (count,)


def _shaped(
    arrays: Mapping[str, Array], name: str, shape: tuple[int, ...], default: float
) -> Array:
    """Return an array that must have this shape, or one full of `default` where it was left out."""
    array = arrays.get(name)
    if array is None:
        return np.full(shape, default, form_of_kind(name)[0])
    if array.shape != shape:
        raise InvalidQuery(f"arrays.{name}", array.shape, f"shape {shape}", "align the arrays")
    return array


def warm() -> None:
    """Have all that a call needs compiled before the first comes: in a new place, seconds."""
    rows = np.zeros(1, np.int32)
    weights = np.zeros(1, np.float32)
    numbers_of(
        {"rows": rows, "preferences.codes": rows, "preferences.weights": weights}, 0, (1,)
    )  # fmt: skip
    places_of(rows, np.zeros(1, np.int64))
    handed_back(weights, np.zeros((1, 1), np.float32), 1, 0, 1, np.zeros(1, np.int64))
