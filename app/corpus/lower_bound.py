"""Where a value stands, or would stand, among ascending ones: by halves, inside kernels."""

from __future__ import annotations

from typing import Any

from numba import njit


@njit(cache=True, nogil=True)
def lower_bound(values: Any, low: int, high: int, wanted: Any) -> int:
    """Return the first place in [low, high) whose value is no less than `wanted`, else `high`.

    `values`: (n,) ascending between the two, of the kind of `wanted`, no NaN.
    """
    while low < high:
        middle = (low + high) // 2
        if values[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low
