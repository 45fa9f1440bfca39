"""Who falls into which arm: always the same, in proportion, one experiment apart from another."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import InvalidInput
from app.rank.experiments import CURRENT, Assigned, Experiment, arms_of, assign
from app.settings import Settings
from app.wiring import experiments_of
from tests.builders.snapshots import CONFIG

HALVES = Experiment("halves", "halves", ((CURRENT, 0.5), ("new", 0.5)))
FEW = Experiment("few", "few", (("a", 0.1), ("b", 0.2)))
PEOPLE = [f"u{i}" for i in range(20_000)]


def settings(**experiments: object) -> Settings:
    tree = Settings.load(CONFIG, environment={}).model_dump() | {"experiments": experiments}
    return Settings.parse(tree, "test")


def test_each_arm_gets_its_share_of_people():
    found = Counter(str(assign([FEW], unit)) for unit in PEOPLE)
    assert found["few:a"] / len(PEOPLE) == pytest.approx(0.1, abs=0.01)
    assert found["few:b"] / len(PEOPLE) == pytest.approx(0.2, abs=0.01)
    assert found["None"] / len(PEOPLE) == pytest.approx(0.7, abs=0.01)


@given(st.text(), st.lists(st.sampled_from([HALVES, FEW]), max_size=2))
def test_somebody_is_drawn_the_same_way_always(unit, experiments):
    first = assign(experiments, unit)
    assert first == assign(experiments, unit)
    if HALVES in experiments:
        assert first is not None


def test_who_falls_beside_one_experiment_goes_on_to_the_next_and_nobody_is_in_two():
    both = [assign([FEW, HALVES], unit) for unit in PEOPLE]
    alone = [assign([HALVES], unit) for unit in PEOPLE]
    for here, there, unit in zip(both, alone, PEOPLE, strict=True):
        few = assign([FEW], unit)
        assert here == (few or there)
    rest = [b for b in both if b is not None and b.experiment == "halves"]
    assert sum(b.arm == "new" for b in rest) / len(rest) == pytest.approx(0.5, abs=0.02)


def test_another_salt_draws_people_anew():
    salted = Experiment("halves", "october", HALVES.arms)
    moved = sum(assign([HALVES], u) != assign([salted], u) for u in PEOPLE)
    assert moved / len(PEOPLE) == pytest.approx(0.5, abs=0.02)


def test_nobody_who_was_in_an_arm_leaves_it_when_the_last_arm_grows():
    grown = Experiment("few", "few", (("a", 0.1), ("b", 0.6)))
    for unit in PEOPLE[:3000]:
        before = assign([FEW], unit)
        assert before is None or assign([grown], unit) == before


def test_the_file_is_read_in_its_order_and_what_is_switched_off_is_left_out():
    read = experiments_of(
        settings(
            second={"releases": {"lambdarank/x": 0.1, "current": 0.1}},
            first={"releases": {"y": 0.5}, "salt": "autumn"},
            off={"releases": {"z": 1.0}, "enabled": False},
        )
    )
    assert [(e.name, e.salt) for e in read] == [("second", "second"), ("first", "autumn")]
    assert arms_of(read) == ["lambdarank/x", "y"]
    assert str(Assigned("first", "y")) == "first:y"


@pytest.mark.parametrize(
    ("releases", "said"),
    [({}, "sum to 0;"), ({"a": 0.7, "b": 0.4}, "sum to 1.1; each share is above 0"),
     ({"a": 0.0, "b": 0.5}, "above 0"), ({"a": 1.5}, "at most 1"), ({"a": "x"}, "number"),
     ({"a": float("nan")}, "at most 1"), ({"a": -0.5, "b": 1.0}, "above 0")],
)  # fmt: skip
def test_shares_that_cannot_be_are_refused_naming_the_experiment(releases, said):
    with pytest.raises(InvalidInput, match=rf"experiments\.one.*{said}"):
        experiments_of(settings(one={"releases": releases}))
