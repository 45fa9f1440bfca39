"""The parts of a rank call as they came: each array of its form, each number what it must be.

Kernels index by rows and codes, unguarded, so nothing goes on from here unseen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from app.domain.arrays import Array
from app.domain.candidates import CandidateSet
from app.domain.errors import InvalidQuery
from app.domain.user import Preference, UserState
from app.rank.sound import (
    are_actions,
    are_candidates,
    are_different,
    are_numbers,
    is_preference,
    least,
    places_of,
)

MAX_CANDIDATES = 10_000

KINDS: Mapping[str, tuple[str, int]] = {
    "rows": ("i4", 1), "fused": ("f4", 1), "scores": ("f4", 2), "ranks": ("i2", 2),
    "query.vector": ("f4", 1), "user.rows": ("i4", 1), "user.times_ms": ("i8", 1),
    "user.weights": ("f4", 1), "user.log_price": ("f8", 1),
}  # fmt: skip
PREFERENCE_KINDS: Mapping[str, tuple[str, int]] = {"codes": ("i4", 1), "weights": ("f4", 1)}
"""Dtype and dimensions of each array; preferences.FIELD.codes and .weights beside them."""

PREFERENCES, CODES, WEIGHTS = "preferences.", ".codes", ".weights"

_DTYPES = {dtype: np.dtype(dtype) for dtype in ("i2", "i4", "i8", "f4", "f8")}
_NAN_IS_FINE = ("scores", "user.log_price")


def kind_of(name: str) -> tuple[str, int]:
    """Return the dtype and dimensions that an array of this name must have."""
    if name in KINDS:
        return KINDS[name]
    parts = name.split(".")
    if parts[0] == "preferences" and len(parts) >= 3 and parts[-1] in PREFERENCE_KINDS:
        return PREFERENCE_KINDS[parts[-1]]
    raise InvalidQuery("arrays", name, f"known: {', '.join(KINDS)}", "leave it out")


def check_form(name: str, dtype: np.dtype[Any], dimensions: int) -> None:
    """Refuse an array of a wrong dtype or number of dimensions."""
    wanted, wanted_dimensions = kind_of(name)
    if dtype != _DTYPES[wanted] or dimensions != wanted_dimensions:
        given, limit = (f"{d} of {k} dimensions" for d, k in (
            (dtype.str[1:], dimensions), (wanted, wanted_dimensions)
        ))  # fmt: skip
        raise InvalidQuery(f"arrays.{name}", given, limit, "send that")


def tastes_of(names: Sequence[str]) -> tuple[str, ...]:
    """Return the fields whose preferences arrays of these names are. Raises InvalidQuery."""
    ours = [name.removeprefix(PREFERENCES) for name in names if name.startswith(PREFERENCES)]
    fields = [name.removesuffix(CODES) for name in ours if name.endswith(CODES)]
    for name in ours:
        if name.rpartition(".")[0] not in fields:
            wrong = f"arrays.{PREFERENCES}{name}"
            raise InvalidQuery(wrong, None, "codes come with weights", "send both")
    return tuple(fields)


def check_numbers(name: str, array: Array) -> None:
    """Refuse numbers that are none."""
    values = array.reshape(-1)
    if array.dtype.kind == "i":
        if (low := least(values)) < 0:
            raise InvalidQuery(f"arrays.{name}", low, "at least 0", "count from 0")
    elif not are_numbers(values, name in _NAN_IS_FINE):
        raise InvalidQuery(f"arrays.{name}", None, "finite numbers", "send no NaN and no infinity")


def _refuse(arrays: Mapping[str, Array], *names: str) -> NoReturn:
    """Say which of some arrays is not what it must be."""
    given = {name: arrays[name] for name in names if name in arrays}
    for name, array in given.items():
        check_numbers(name, array)
    for name, array in given.items():
        if array.dtype == np.int32 and not are_different(array):
            raise InvalidQuery(f"arrays.{name}", None, "each row once", "send a row once")
    raise InvalidQuery("arrays", None, f"{', '.join(names)} that fit together", "mend them")


def candidates_of(channels: tuple[str, ...], arrays: Mapping[str, Array]) -> CandidateSet:
    """Return the candidates. Raises InvalidQuery naming what is wrong."""
    if "rows" not in arrays:
        raise InvalidQuery("arrays.rows", None, "needed", "send the candidates' rows")
    rows = arrays["rows"]
    shape = (rows.size, len(channels))
    if rows.size > MAX_CANDIDATES:
        raise InvalidQuery("arrays.rows", rows.size, f"at most {MAX_CANDIDATES} rows", "send fewer")
    fused = _shaped(arrays, "fused", shape[:1], 0)
    scores, ranks = _shaped(arrays, "scores", shape, np.nan), _shaped(arrays, "ranks", shape, 0)
    if not are_candidates(rows, fused, scores, ranks):
        _refuse(arrays, "rows", "fused", "scores", "ranks")
    return CandidateSet(rows, fused, channels, scores, ranks)


def user_of(
    user_id: str | None, arrays: Mapping[str, Array], tastes: Sequence[str] = ()
) -> UserState:
    """Return a person's state, with preferences in these fields. Raises InvalidQuery."""
    rows = arrays.get("user.rows", np.empty(0, np.int32))
    if rows.size > MAX_CANDIDATES:
        limit = f"at most {MAX_CANDIDATES} documents acted on"
        raise InvalidQuery("arrays.user.rows", rows.size, limit, "send the newest")
    times_ms = _shaped(arrays, "user.times_ms", rows.shape, 0)
    weights = _shaped(arrays, "user.weights", rows.shape, 0)
    log_price = _shaped(arrays, "user.log_price", (2,), np.nan)
    if not are_actions(rows, times_ms, weights, log_price):
        _refuse(arrays, "user.rows", "user.times_ms", "user.weights", "user.log_price")
    preferences = {field: _preference(field, arrays) for field in tastes}
    return UserState(user_id, rows, times_ms, weights, preferences, log_price)


def _preference(field: str, arrays: Mapping[str, Array]) -> Preference:
    of_codes, of_weights = f"{PREFERENCES}{field}{CODES}", f"{PREFERENCES}{field}{WEIGHTS}"
    codes = arrays[of_codes]
    weights = _shaped(arrays, of_weights, codes.shape, 0)
    if not is_preference(codes, weights):
        for each, array in ((of_codes, codes), (of_weights, weights)):
            check_numbers(each, array)
        raise InvalidQuery(f"arrays.{of_codes}", None, "ascending, each once", "sort them")
    return Preference(codes, weights)


def _shaped(
    arrays: Mapping[str, Array], name: str, shape: tuple[int, ...], default: float
) -> Array:
    """Return an array that must have this shape, or one full of `default` where it was left out."""
    array = arrays.get(name)
    if array is None:
        dtype = np.dtype(kind_of(name)[0])
        return np.full(shape, default, dtype)
    if array.shape != shape:
        raise InvalidQuery(f"arrays.{name}", array.shape, f"shape {shape}", "align the arrays")
    return array


def warm() -> None:
    """Have all that a call needs compiled before the first comes: in a new place, seconds."""
    rows, codes, weights = np.zeros(1, np.int32), np.zeros(1, np.int32), np.zeros(1, np.float32)
    candidates_of((), {"rows": rows})
    tastes = {"preferences.field.codes": codes, "preferences.field.weights": weights}
    user_of(None, tastes, ["field"])
    check_numbers("query.vector", weights)
    places_of(rows, np.zeros(1, np.int64))
