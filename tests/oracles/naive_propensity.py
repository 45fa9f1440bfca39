"""The slow and plain answer: expectation-maximisation, a pair and a position at a time."""

from __future__ import annotations

from collections import defaultdict

from app.domain.events import Session


def naive_em(sessions: list[Session], rounds: int = 2000) -> dict[int, float]:
    """Return P(examined) by position, relative to the first, of the Poisson position-based model.

    Clicks on a pair at a position are Poisson with mean displays × examined × attractive; each
    parameter in turn is set to clicks / what the other one expects.
    """
    shown, clicked = defaultdict(int), defaultdict(int)
    for s in sessions:
        for position, document in enumerate(s.shown, 1):
            cell = (s.query, document, position)
            shown[cell] += 1
            clicked[cell] += document in s.clicked
    pairs = {cell[:2] for cell in shown}
    examined = {position: 1.0 for *_, position in shown}
    for _ in range(rounds):
        seen, won = dict.fromkeys(pairs, 0.0), dict.fromkeys(pairs, 0.0)
        for cell, times in shown.items():
            seen[cell[:2]] += times * examined[cell[2]]
            won[cell[:2]] += clicked[cell]
        expected, found = defaultdict(float), defaultdict(float)
        for cell, times in shown.items():
            expected[cell[2]] += times * won[cell[:2]] / seen[cell[:2]]
            found[cell[2]] += clicked[cell]
        examined = {k: found[k] / expected[k] for k in examined}
    return {k: v / examined[1] for k, v in examined.items()}
