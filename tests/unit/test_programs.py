"""The program that fills a matrix in one call, against NumPy's calls one by one."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from app.features.catalog import CATALOG
from app.features.feature import REQUEST_SCOPES, Catalog, Feature, FeatureSet, feature
from app.features.formula import (
    SIGNS,
    Argument,
    Constant,
    Formula,
    Operation,
    formula_of,
    is_its_input,
    is_log1p,
    value_of,
)
from app.features.inputs import gather
from app.features.plan import WIDE, plan_of
from app.features.program import Place, Sources, Writer, logs_of, run
from app.features.side_by_side import Layout, place_of
from tests.builders import city_rows, make_snapshot
from tests.builders.releases import some_candidates
from tests.builders.requests import make_context

PLACES = {
    "narrow": Place("text", 1), "other": Place("scores", 0), "wide": Place("numbers", 1, True),
    "own": Place("alone", 0), "shared": Place("scalars", 1), "best": Place("best_hits", 0),
}  # fmt: skip

numbers = st.floats(width=32) | st.sampled_from([0.0, 1e-45, 3e38, np.nan, np.inf, -np.inf])
leaves = st.sampled_from([Argument(name) for name in PLACES]) | numbers.map(Constant)
formulas = st.recursive(
    leaves, lambda f: st.builds(Operation, st.sampled_from(SIGNS), f, f), max_leaves=8
)


def module_of(*features: Feature) -> ModuleType:
    """As if somebody had written these in a module of their own."""
    module = ModuleType("mine")
    vars(module).update({f.name: f for f in features})
    return module


@settings(max_examples=300, deadline=None)
@given(wanted=st.lists(formulas, min_size=1, max_size=6), seed=st.integers(0, 99))
def test_a_program_computes_the_bits_of_the_calls(wanted: list[Formula], seed: int) -> None:
    rng, n = np.random.default_rng(seed), 130  # two tiles and a bit
    sources = Sources(
        *((rng.standard_normal((n, 2)) * 10.0 ** rng.integers(-20, 20)).astype(np.float32)
          for _ in range(6)),
        rng.integers(0, 9, (n, 2)).astype(np.int16), rng.standard_normal((2, n)) * 1e12,
        np.empty((0, 0), np.float32), np.empty((0, 0), np.float32), np.empty(0),
        np.empty((0, 0), np.float32),
        rng.standard_normal((2, n)).astype(np.float32).astype(np.float64),
        rng.standard_normal(2), *(rng.standard_normal(1).astype(np.float32) for _ in range(2)),
        np.empty(0),
    )  # fmt: skip
    sources.scores[3], sources.numbers[1, 70] = np.nan, np.inf
    values: dict[str, Any] = {
        "narrow": sources.text[:, 1], "other": sources.scores[:, 0], "wide": sources.numbers[1],
        "own": sources.alone[0].astype(np.float32), "shared": float(sources.scalars[1]),
        "best": float(sources.best_hits[0]),
    }  # fmt: skip
    writer = Writer(PLACES.__getitem__)
    for target, formula in enumerate(wanted):
        writer.column(formula, target)
    program, out = writer.program(), np.empty((n, len(wanted)), np.float32)
    run(program, sources._replace(constants=program.constants), out)
    expected = np.empty_like(out)
    with np.errstate(all="ignore"):
        for target, formula in enumerate(wanted):
            expected[:, target] = value_of(formula, values)
    np.testing.assert_array_equal(out, expected)


def test_what_two_columns_share_is_computed_once() -> None:
    shared = Operation("-", Argument("narrow"), Constant(2.0))
    writer = Writer(PLACES.__getitem__)
    writer.column(Operation("/", shared, Argument("wide")), 0)
    once = writer.program().registers
    writer.column(Operation("*", shared, Argument("wide")), 1)
    assert writer.program().registers == once + 1


@pytest.mark.parametrize(
    "compute",
    [np.log1p, abs, lambda x: x if x > 0 else -x, lambda x: x + np.float64(2), lambda x: 3.0],
    ids=["a function", "a sign", "a branch", "a number with a precision of its own", "no input"],
)
def test_more_than_arithmetic_is_refused_when_it_is_declared(compute: Any) -> None:
    with pytest.raises(TypeError, match="is declared arithmetic, but"):
        formula_of(compute, ["x"])


def test_what_is_read_and_not_computed_with_is_refused_when_it_is_declared() -> None:
    with pytest.raises(TypeError, match="does not compute with user_actions"):
        formula_of(lambda doc_price, user_actions: doc_price * 2, ["doc_price", "user_actions"])


def test_what_all_candidates_share_may_be_divided_by_zero(tmp_path: Any) -> None:
    @feature(unit="x", arithmetic=True)
    def terms_per_size(query_term_count: Any, user_actions: Any) -> Any:
        """Infinite for a stranger, or missing where nothing was asked."""
        return query_term_count / user_actions

    @feature(unit="x", arithmetic=True)
    def price_per_size(doc_price: Any, query_term_count: Any, user_actions: Any) -> Any:
        """Of a column as well."""
        return doc_price + 1 / (query_term_count / user_actions)

    @feature(unit="x")
    def doubled(terms_per_size: Any) -> Any:
        """Has the first one called."""
        return terms_per_size * 2

    catalog = Catalog.collect(module_of(terms_per_size, price_per_size, doubled))
    snapshot = make_snapshot(city_rows(80), tmp_path / "s")
    candidates = some_candidates(snapshot, np.random.default_rng(3), 70)
    for text, count in (("", 3), ("火锅", 3), ("火锅", 2)):
        features = FeatureSet(catalog, [*catalog.features][:count])
        gathered = gather(features.inputs, make_context(snapshot, text), candidates)
        whole, single = features.matrix(gathered, 70), features.matrix(dict(gathered), 70)
        np.testing.assert_array_equal(whole, single)
    assert np.isinf(whole[:, 0]).all()


def test_features_that_are_called_and_computed_may_read_each_other(tmp_path: Any) -> None:
    @feature(unit="x", arithmetic=True)
    def half_price(doc_price: Any) -> Any:
        """Computed, and read by one that is called."""
        return doc_price / 2

    @feature(unit="x")
    def root_price(half_price: Any) -> Any:
        """Called: a feature of somebody's own, with whatever Python there is."""
        return np.sqrt(half_price)

    @feature(unit="x", arithmetic=True)
    def root_behind(root_price: Any, half_price: Any, list_size: Any) -> Any:
        """Arithmetic, of what was called."""
        return root_price - half_price * list_size

    catalog = Catalog.collect(module_of(half_price, root_price, root_behind))
    snapshot = make_snapshot(city_rows(80), tmp_path / "s")
    candidates = some_candidates(snapshot, np.random.default_rng(3), 70)
    features = FeatureSet(catalog, ["root_behind", "half_price", "root_price"])
    gathered = gather(features.inputs, make_context(snapshot, "火锅"), candidates)
    whole, single = features.matrix(gathered, 70), features.matrix(dict(gathered), 70)
    np.testing.assert_array_equal(whole, single)
    assert np.isfinite(whole).any(axis=0).all()


def test_inputs_are_as_precise_as_a_program_takes_them_to_be(tmp_path: Any) -> None:
    """Columns float32 but for those said to be float64, scalars Python's own floats."""
    snapshot = make_snapshot(city_rows(80), tmp_path / "s")
    ctx = make_context(snapshot, "火锅 under 80", origin=(31.2, 121.4))
    candidates = some_candidates(snapshot, np.random.default_rng(3), 70)
    layout = Layout.of(gather((), ctx, candidates).lookup)
    fields = {
        "text": ["title"], "number": ["price"], "preference": ["tags"], "window": ["7d"],
        "channel": list(candidates.channels),
    }  # fmt: skip
    stars = [f"{t.name}(*)" for t in CATALOG.templates.values() if t.over in fields]
    features = FeatureSet(CATALOG, CATALOG.expand([*CATALOG.features, *stars], fields))
    inputs = gather(features.inputs, ctx, candidates)
    for name in features.inputs:
        value, place = inputs[name], place_of(layout, name)
        if name.startswith(REQUEST_SCOPES) or not isinstance(value, np.ndarray):
            assert type(value) is float, name
        elif not name.startswith("hit_rank"):
            is_wide = place.is_wide if place else name.startswith(WIDE)
            assert value.dtype == (np.float64 if is_wide else np.float32), name


@settings(max_examples=50, deadline=None)
@given(n=st.integers(0, 70), seed=st.integers(0, 99))
def test_logarithms_of_many_columns_are_the_bits_of_each_alone(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    block = (rng.standard_normal((n, 3)) ** 2 * 10.0 ** rng.integers(-9, 9)).astype(np.float32)
    nothing = Sources(*(np.empty((0, 0), np.float32) for _ in Sources._fields))
    sources = nothing._replace(
        counters=block, sums=np.ascontiguousarray(block.T), alone=np.empty((0, n))
    )
    found = logs_of([Place("counters", 2), Place("sums", 0), Place("counters", 1)], sources)
    for column, of in zip(found, (2, 0, 1), strict=True):
        assert column.tobytes() == np.log1p(block[:, of]).tobytes()
        assert column.tolist() == [float(np.log1p(value)) for value in block[:, of]]


def test_logarithms_are_taken_together_but_of_what_others_read(tmp_path: Any) -> None:
    @feature(unit="x")
    def doubled(doc_gain_log: Any) -> Any:
        """Has its logarithm called."""
        return doc_gain_log * 2

    own = module_of(doubled, *CATALOG.features.values())
    snapshot = make_snapshot(city_rows(80), tmp_path / "s")
    candidates = some_candidates(snapshot, np.random.default_rng(3), 70)
    names = ["doc_impressions_log", "doc_gain_log", "doubled", "query_memory_log", "doc_ctr"]
    names += ["price_away_from_usual", "user_actions_log"]
    features = FeatureSet(Catalog.collect(own), names)
    gathered = gather(features.inputs, make_context(snapshot, "火锅"), candidates)
    plan = features._plan(gathered)
    assert plan.logs == (Place("counters", 0), Place("sums", 0))
    assert {"doc_gain_log", "doubled"} < {step.name for step in plan.steps}
    whole, single = features.matrix(gathered, 70), features.matrix(dict(gathered), 70)
    np.testing.assert_array_equal(whole, single)


@pytest.mark.parametrize(
    "compute",
    [
        lambda x: np.log1p(x + 1), lambda x: np.log1p(x) * 2, np.log, type, lambda x: x,
        lambda x: np.log1p(np.where(x == 0, np.nan, x)),
        lambda x: np.log1p(np.where(x == x, x, 0.0)),
        lambda x: np.log1p(np.nan_to_num(x)),
        lambda x: np.log1p(np.asarray(x)),
        lambda x: np.log1p(x) if x != 0 else 0.0,
        lambda x: np.log1p(x, dtype=np.float64), lambda x: np.log1p(x or 1.0),
    ],
)  # fmt: skip
def test_what_does_more_or_less_is_no_logarithm(compute: Any) -> None:
    assert is_log1p(np.log1p, ["x"])
    assert not is_log1p(compute, ["x"])


def test_a_logarithm_of_what_was_mended_first_is_called(tmp_path: Any) -> None:
    @feature(unit="x")
    def log_of_some(doc_impressions: Any) -> Any:
        """Missing where nobody saw it."""
        return np.log1p(np.where(doc_impressions == 0, np.nan, doc_impressions))

    snapshot = make_snapshot(city_rows(80), tmp_path / "s")
    candidates = some_candidates(snapshot, np.random.default_rng(3), 70)
    features = FeatureSet(Catalog.collect(module_of(log_of_some)), ["log_of_some"])
    gathered = gather(features.inputs, make_context(snapshot, "火锅"), candidates)
    whole, single = features.matrix(gathered, 70), features.matrix(dict(gathered), 70)
    np.testing.assert_array_equal(whole, single)
    assert np.isnan(whole).any()


@pytest.mark.parametrize("compute", [lambda x: x or 0.0, lambda x: x if x != 0 else 1.0])
def test_what_hands_on_some_values_alone_is_no_input(compute: Any) -> None:
    assert is_its_input(lambda x: x, ["x"])
    assert not is_its_input(compute, ["x"])


@njit
def _halved(price: Any) -> Any:
    return price / 2


@pytest.mark.parametrize(
    "compute", [{3.0: 1.0}.__getitem__, lambda x: [0.5, 2.0][int(x == 3)] + 1 // 0 * x, _halved]
)
def test_a_feature_may_do_what_it_likes_with_its_input(compute: Any) -> None:
    def mine(doc_price: Any) -> Any:
        """Somebody's own: it fails on what is no number, each in its way."""
        return compute(doc_price)

    assert FeatureSet(Catalog.collect(module_of(feature(unit="x")(mine))), ["mine"])._steps
    assert not is_log1p(compute, ["doc_price"])


def test_a_feature_of_whole_numbers_is_called(tmp_path: Any) -> None:
    snapshot = make_snapshot(city_rows(80), tmp_path / "s")
    candidates = some_candidates(snapshot, np.random.default_rng(3), 70)
    layout = Layout.of(gather((), make_context(snapshot, "x"), candidates).lookup)
    features = FeatureSet(CATALOG, ["hit_of_best(lexical)"])
    step = features._steps[0]
    ranked = step._replace(formula=Argument("hit_rank[lexical]"), reads=("hit_rank[lexical]",))
    assert not plan_of(layout, features.names, [step], features.inputs).steps
    assert plan_of(layout, features.names, [ranked], ()).steps == (ranked,)
