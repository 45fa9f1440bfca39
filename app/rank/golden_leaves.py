"""Golden rows for every leaf: real requests reach the common ones, rows made up the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from app.rank.golden import Golden
from app.rank.release import RankingModel
from app.rank.trees.reach import count, reached, rows_for_the_rest
from app.rank.trees.text import NotExpressible

FILE = "leaves.npz"
MOST = 20_000  # rows, some megabytes: each leaf of a large ensemble has one


def complete(goldens: Sequence[Golden], model: RankingModel, folder: Path) -> dict[str, int]:
    """Write what the goldens' requests leave out; return what the manifest says of all.

    Of trees that our scorer cannot read nothing is made up, and no leaves are counted.
    """
    facts = {"rows": sum(golden.scores.size for golden in goldens)}
    try:
        trees = model.trees()
    except NotExpressible:
        return facts
    if not goldens or not trees:
        return facts
    rows = np.concatenate([golden.features for golden in goldens])
    made = rows_for_the_rest(trees, rows, MOST)
    if len(made):
        Golden({}, made, model.predict(made)).save(folder / FILE)
    got, leaves = count(reached(trees, np.concatenate([rows, made])))
    return {**facts, "made_up": len(made), "leaves_reached": got, "leaves": leaves}


def golden_line(facts: Mapping[str, int]) -> str:
    """Say it for people."""
    if "leaves" not in facts:
        return f"golden rows: {facts['rows']:,}; how many leaves they reach is not known"
    return (
        f"golden rows: {facts['rows']:,} of requests and {facts['made_up']:,} made up reach "
        f"{facts['leaves_reached']:,} of {facts['leaves']:,} leaves"
    )
