"""Cuts judged lists into fit, valid and test: by time where they are timed, else by query text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.corpus.string_keys import hash64
from app.offline.judged import Judged
from app.offline.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Parts:
    """Disjoint in time or in query text, never cut through a group."""

    fitting: tuple[list[Judged], list[Judged]]  # fit, valid
    test: list[Judged]


def cut(judged: Sequence[Judged], recipe: Recipe) -> Parts:
    """Keep the useful lists, at most `max_groups`, and cut them."""
    useful = [j for j in judged if j.is_useful]
    if all(j.is_timed for j in useful):
        # The newest lists: old ones have little behaviour before them to learn from.
        ordered = sorted(useful, key=lambda j: (j.now_ms, j.qid))[-recipe.sampling.max_groups :]
        places = [(i + 0.5) / len(ordered) for i in range(len(ordered))]
    else:
        ordered = sorted(useful, key=lambda j: hash64(f"{recipe.seed} {j.qid}"))
        ordered = ordered[: recipe.sampling.max_groups]
        places = [hash64(f"fold {recipe.seed} {j.request.text}") / 2**64 for j in ordered]
    valid_from = 1 - recipe.split.valid - recipe.split.test
    test_from = 1 - recipe.split.test
    fit = [j for j, at in zip(ordered, places, strict=True) if at < valid_from]
    valid = [j for j, at in zip(ordered, places, strict=True) if valid_from <= at < test_from]
    test = [j for j, at in zip(ordered, places, strict=True) if at >= test_from]
    return Parts((fit, valid), test)
