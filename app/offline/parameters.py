"""What LightGBM is told: a recipe's own parameters, checked, and those that are ours to give."""

from __future__ import annotations

import difflib
import re
from typing import Any

from lightgbm.basic import _ConfigAliases

from app.domain.errors import InvalidInput
from app.offline.recipe import Recipe

REPEATABLE = {"deterministic": True, "verbosity": -1}
# Rows that place the bins: LightGBM's own 200,000, of 150 features, would take half a GB.
BOUNDED = {"bin_construct_sample_cnt": 100_000}
ELSEWHERE = {
    "objective": "objective",
    "seed": "seed",
    "num_iterations": "rounds",
    "early_stopping_round": "early_stopping",
    "metric": "gate.metric",
    "eval_at": "gate.metric",
}
OURS = ("num_threads", "device_type", "deterministic", "linear_tree", "data", "valid", "config",
        "input_model", "output_model", "group_column", "label_column", "weight_column",
        "ignore_column", "num_machines", "task")  # fmt: skip
_CUTOFF = re.compile(r"ndcg@(\d+)", re.IGNORECASE)
DEFAULT_CUTOFF = 10


def parameters(recipe: Recipe, threads: int) -> dict[str, Any]:
    """Return LightGBM's parameters but for the objective, which may be a function.

    Raises InvalidInput for one that LightGBM does not know (it would pass over it in silence) or
    that stands elsewhere in the recipe.
    """
    for name in recipe.parameters:
        _check(name)
    return {
        **REPEATABLE,
        **BOUNDED,
        # One must be said: left to itself, LightGBM times both ways and takes now this, now that.
        "force_row_wise": not recipe.parameters.get("force_col_wise", False),
        **recipe.parameters,
        "metric": "ndcg",
        "eval_at": [cutoff(recipe.gate.metric)],
        "seed": recipe.seed,
        "num_threads": threads,
    }


def cutoff(metric: str) -> int:
    """Return the k at which nDCG stops the boosting: the gate's, 10 where that is no nDCG@k."""
    found = _CUTOFF.fullmatch(metric)
    return int(found[1]) if found else DEFAULT_CUTOFF


def _check(name: str) -> None:
    known: dict[str, list[str]] = _ConfigAliases._get_all_param_aliases()
    meant = next((n for n, aliases in known.items() if name == n or name in aliases), None)
    if meant is None:
        near = difflib.get_close_matches(name, known, 1)
        raise InvalidInput(
            f"[parameters] {name}: LightGBM has no such parameter"
            + (f"; did you mean {near[0]}?" if near else "; take it out")
        )
    if meant in ELSEWHERE:
        raise InvalidInput(f"[parameters] {name}: write it as the recipe's {ELSEWHERE[meant]}")
    if meant in OURS:
        raise InvalidInput(f"[parameters] {name}: is not the recipe's to say; take it out")
