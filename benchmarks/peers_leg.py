"""One way of one engine to answer, with the parameters that it was given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from peers_asked import Work

TEXT, VECTOR, BOTH = "text", "vector", "both"
AS_MUCH = 0.005
"""Recall that a beam may find less than ours and still count as equal."""

BEAMS = (100, 110, 120, 130, 150, 175, 200, 250, 300, 400, 600)
"""Widths that are tried for engines whose beam is set by the recall that it shall reach."""


@dataclass(frozen=True, slots=True)
class Leg:
    """What is timed is `ask`, down to the engine's own answer; `rows` is not."""

    engine: str
    kind: str
    parameters: str
    ask: Callable[[int], Any]  # the number of a question
    rows: Callable[[Any], Sequence[int]]  # best first

    @property
    def name(self) -> str:
        return f"{self.engine}: {self.kind}"

    def found(self, work: Work) -> list[Sequence[int]]:
        """Answer every question once."""
        return [self.rows(self.ask(i)) for i in range(len(work.questions))]


def narrowest(legs: Iterable[tuple[int, Leg]], work: Work, recall: float) -> tuple[int, Leg]:
    """Return the first (beam, leg) that finds as much as `recall`, the last where none does."""
    last = None
    for beam, leg in legs:
        last = beam, leg
        if work.recall(leg.found(work)) >= recall - AS_MUCH:
            break
    if last is None:
        raise ValueError("no beam to try")
    return last
