"""Is a model text whole? Asked before LightGBM reads it, which trusts every number: a child or a
length that is wrong makes it write where it should not, a size that is wrong makes it read there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_INTEGER = r"-?\d{1,18}"
_NUMBER = r"-?(?:\d+(?:\.\d*)?(?:[eE][-+]?\d+)?|inf)"
INTEGERS = re.compile(f"{_INTEGER}(?: {_INTEGER})*")
NUMBERS = re.compile(f"{_NUMBER}(?: {_NUMBER})*")

OF_LEAVES = {"leaf_value": NUMBERS, "leaf_weight": NUMBERS, "leaf_count": INTEGERS}
OF_SPLITS = {
    "split_feature": INTEGERS, "split_gain": NUMBERS, "threshold": NUMBERS,
    "decision_type": INTEGERS, "left_child": INTEGERS, "right_child": INTEGERS,
    "internal_value": NUMBERS, "internal_weight": NUMBERS, "internal_count": INTEGERS,
}  # fmt: skip
NEEDED = frozenset(
    ("leaf_value", "split_feature", "threshold", "decision_type", "left_child", "right_child")
)
CATEGORICAL, MOST_KINDS = 1, 12
"""decision_type: a categorical split, where missing goes, and one of three kinds of missing."""


class Broken(ValueError):
    """The text is no model; the message says which line of which tree is wrong."""


def refuse_broken(text: str) -> None:
    """Raise Broken unless every tree is one, and the header is about these trees."""
    head, *rest = text.split("\nTree=")
    if not rest or "end of trees" not in rest[-1]:
        raise Broken("it has no trees, or no end of them")
    rest[-1] = rest[-1].split("end of trees", maxsplit=1)[0]
    facts = _facts(head, "the header")
    features = _whole(facts, "max_feature_idx", "the header") + 1
    for name in ("feature_names", "feature_infos"):
        if len(facts.get(name, "").split(" ")) != features:
            raise Broken(f"the header: {name} are not {features}")
    for name in ("num_class", "num_tree_per_iteration"):
        if not 1 <= _whole(facts, name, "the header") <= len(rest):
            raise Broken(f"the header: {name} = {facts[name]}")
    _refuse_sizes(facts, rest)
    for number, body in enumerate(rest):
        first, _, lines = body.partition("\n")
        if first != str(number):
            raise Broken(f"tree {number} is called {first[:20]!r}")
        _refuse_tree(_facts(lines, f"tree {number}"), features, f"tree {number}")


def _refuse_sizes(facts: Mapping[str, str], rest: Sequence[str]) -> None:
    """Each size is the length of a tree's text, "Tree=" and the newlines after it included."""
    ends = [1] * (len(rest) - 1) + [0]  # the newline that split them belongs to the one before
    sizes = [len(b.encode()) + len("Tree=") + e for b, e in zip(rest, ends, strict=True)]
    if facts.get("tree_sizes", "").split(" ") != [str(size) for size in sizes]:
        raise Broken("the header: tree_sizes are not those of the trees")


def _refuse_tree(facts: Mapping[str, str], features: int, at: str) -> None:
    leaves = _whole(facts, "num_leaves", at)
    if leaves < 1:
        raise Broken(f"{at}: num_leaves = {leaves}")
    for lines, count in ((OF_LEAVES, leaves), (OF_SPLITS, leaves - 1)):
        for name, form in lines.items():
            _refuse_line(facts, name, form, count, leaves > 1, at)
    if "inf" in facts["leaf_value"]:
        raise Broken(f"{at}: leaf_value is not finite")
    if leaves > 1:
        _refuse_splits(facts, features, at)


def _refuse_line(
    facts: Mapping[str, str], name: str, form: re.Pattern[str], count: int, is_split: bool, at: str
) -> None:
    """A tree of one leaf leaves lines out or empty."""
    line = facts.get(name, "")
    is_needed = name in NEEDED and (is_split or name == "leaf_value")
    if not line and not is_needed:
        return
    if not form.fullmatch(line) or line.count(" ") + 1 != count:
        raise Broken(f"{at}: {name} are not {count} numbers")


def _refuse_splits(facts: Mapping[str, str], features: int, at: str) -> None:
    def integers(name: str) -> list[int]:
        return [int(value) for value in facts[name].split(" ")]

    if not all(0 <= feature < features for feature in integers("split_feature")):
        raise Broken(f"{at}: split_feature beyond {features} features")
    kinds = integers("decision_type")
    if not all(0 <= kind < MOST_KINDS for kind in kinds):
        raise Broken(f"{at}: decision_type is none")
    if bool(_whole(facts, "num_cat", at)) != any(kind & CATEGORICAL for kind in kinds):
        raise Broken(f"{at}: num_cat and decision_type disagree")
    _refuse_children(integers("left_child"), integers("right_child"), at)


def _refuse_children(left: Sequence[int], right: Sequence[int], at: str) -> None:
    """From the root every split and every leaf is reached, by one way each."""
    children = [*left, *right]
    expected = {*range(1, len(left)), *(~leaf for leaf in range(len(left) + 1))}
    open_, seen = [0], 0
    while open_ and seen <= len(left):
        node = open_.pop()
        seen += 1
        open_ += [c for c in (left[node], right[node]) if 0 <= c < len(left)]
    if len(children) != len(set(children)) or set(children) != expected or seen != len(left):
        raise Broken(f"{at}: left_child and right_child make no tree")


def _whole(facts: Mapping[str, str], name: str, at: str) -> int:
    text = facts.get(name, "")
    if not re.fullmatch(r"-?\d{1,9}", text):
        raise Broken(f"{at}: {name} = {text[:20]!r} is no whole number")
    return int(text)


def _facts(block: str, at: str) -> dict[str, str]:
    """Read lines of "name=value"; a name said twice would be read as the one or the other."""
    pairs = [line.split("=", 1) for line in block.split("\n") if "=" in line]
    facts = dict(pairs)
    if len(facts) != len(pairs):
        raise Broken(f"{at}: a line stands there twice")
    return facts
