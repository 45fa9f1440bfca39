"""Divides judged data into folds by what was asked or when, never by row.

One text asked twice is one question, and a click is evidence only for what comes after it: a
split by row would let a model see its own exam.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


def text_fold(text: str, folds: int = 5) -> int:
    """Return `int(sha1(text in UTF-8), 16) % folds`: the same fold on every machine, for ever."""
    digest = hashlib.sha1(text.encode("utf-8"), usedforsecurity=False).hexdigest()
    return int(digest, 16) % folds


def split_by_text(
    items: Iterable[T], text: Callable[[T], str], held_out: int, folds: int = 5
) -> tuple[list[T], list[T]]:
    """Return (train, test) in the order given; test is fold `held_out` by `text_fold`."""
    parts: tuple[list[T], list[T]] = ([], [])
    for item in items:
        parts[text_fold(text(item), folds) == held_out].append(item)
    return parts


def split_by_time(
    items: Iterable[T], when: Callable[[T], tuple[int, str]], parts: int = 5
) -> tuple[list[T], list[T]]:
    """Return (earlier, later) in order of `when` = (epoch ms, id that breaks ties).

    `later` is the last `n // parts` of n items, so it is empty below `parts` items.
    """
    ordered = sorted(items, key=when)
    cut = len(ordered) - len(ordered) // parts
    return ordered[:cut], ordered[cut:]
