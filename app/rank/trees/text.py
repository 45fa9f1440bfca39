"""Reads the trees from LightGBM's model text, and says what the fast scorer cannot express.

The text and not `dump_model()`: the dump clips infinite thresholds to 1e300.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from app.domain.arrays import F64, I32, Bools

MAX_LEAVES = 64
MISSING = ("none", "zero", "nan")


class NotExpressible(ValueError):
    """The model has something that only LightGBM can score; the message says what."""


def _unknown() -> F64:
    return np.empty(0, np.float64)


@dataclass(frozen=True, slots=True)
class Tree:
    """Splits in LightGBM's order; a child below 0 is leaf ~child."""

    features: I32  # (s,)
    thresholds: F64  # (s,) goes left where value <= threshold
    default_left: Bools  # (s,) where a missing value goes
    nan_is_missing: Bools  # (s,) False: NaN is read as 0
    left: I32  # (s,)
    right: I32  # (s,)
    leaves: F64  # (s + 1,)
    counts: F64 = field(default_factory=_unknown)  # (s,) training rows, empty where not told
    leaf_counts: F64 = field(default_factory=_unknown)  # (s + 1,)


def read_trees(text: str) -> tuple[int, list[Tree]]:
    """Return the number of features and the trees in order. Raises NotExpressible."""
    head, *bodies = text.split("end of trees", maxsplit=1)[0].split("\nTree=")
    facts = _facts(head)
    if facts.get("num_class") != "1" or facts.get("num_tree_per_iteration") != "1":
        raise NotExpressible("more than one tree a round (multiclass)")
    if "average_output" in head:
        raise NotExpressible("averaged output (random forest)")
    return int(facts["max_feature_idx"]) + 1, [_tree(_facts(body)) for body in bodies]


def _tree(facts: Mapping[str, str]) -> Tree:
    leaves = np.array(facts["leaf_value"].split(), np.float64)
    if facts["num_cat"] != "0":
        raise NotExpressible("categorical splits")
    if facts.get("is_linear", "0") != "0":
        raise NotExpressible("linear trees")
    if leaves.size > MAX_LEAVES:
        raise NotExpressible(f"a tree of {leaves.size} leaves; at most {MAX_LEAVES}")
    splits = {key: facts.get(key, "").split() for key in _SPLITS} if leaves.size > 1 else _NONE
    kinds = np.array(splits["decision_type"], np.int64)
    missing = (kinds >> 2) & 3
    if (missing == MISSING.index("zero")).any():
        raise NotExpressible("zero as missing")
    return Tree(
        np.array(splits["split_feature"], np.int32),
        np.array(splits["threshold"], np.float64),
        (kinds & 2) > 0,
        missing == MISSING.index("nan"),
        np.array(splits["left_child"], np.int32),
        np.array(splits["right_child"], np.int32),
        leaves,
        np.array(facts.get("internal_count", "").split() if leaves.size > 1 else [], np.float64),
        np.array(facts.get("leaf_count", "").split(), np.float64),
    )


_SPLITS = ("split_feature", "threshold", "decision_type", "left_child", "right_child")
_NONE: Mapping[str, list[str]] = {key: [] for key in _SPLITS}


def _facts(block: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in block.split("\n") if "=" in line)
