"""The feature language, and what each feature owes."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import InvalidInput
from app.features.catalog import CATALOG
from app.features.cosines import highest
from app.features.feature import REQUEST_SCOPES, Catalog, FeatureSet, feature, template
from app.features.inputs import gather
from app.features.nearness import lowest
from tests.builders import city_rows, make_snapshot
from tests.builders.releases import some_candidates
from tests.builders.requests import make_context

NOW_MS = 1_700_000_000_000.0


def test_a_feature_is_computed_from_its_parameters():
    age = FeatureSet(CATALOG, ["doc_age_hours", "doc_age_log"])
    assert age.inputs == ("doc_published_at", "query_now_ms")
    published = np.array([NOW_MS - 3.6e6, np.nan])
    out = age.matrix({"query_now_ms": NOW_MS, "doc_published_at": published}, 2)
    np.testing.assert_allclose(out[0], [1.0, np.log(2.0)], rtol=1e-6)
    assert np.isnan(out[1]).all()


def test_a_template_reads_the_inputs_of_its_field():
    found = CATALOG.find("bm25(title)")
    assert found.inputs == ("pair_bm25[title]",)
    assert CATALOG.find("over_lowest(price)").inputs == ("doc_number[price]", "query_number_low")


def test_a_star_is_one_feature_a_field():
    names = CATALOG.expand(["bm25(*)", "cosine"], {"text": ["title", "text"]})
    assert names == ("bm25(title)", "bm25(text)", "cosine")


def test_an_unknown_feature_is_named():
    with pytest.raises(InvalidInput, match="'bm26\\(title\\)'"):
        CATALOG.expand(["bm26(title)"], {})
    with pytest.raises(InvalidInput, match="the model reads nonsense"):
        FeatureSet(CATALOG, ["nonsense"])


def test_two_features_of_one_name_are_refused():
    def make():
        @feature(unit="x")
        def same(doc_a):
            """A."""
            return doc_a

        return SimpleNamespace(same=same)

    with pytest.raises(ValueError, match="defined twice"):
        Catalog.collect(make(), make())


def test_a_feature_without_docstring_is_refused():
    with pytest.raises(TypeError, match="docstring"):

        @template(unit="x", over="text")
        def silent(doc_a):
            return doc_a


def test_a_feature_that_reads_itself_is_refused():
    @feature(unit="x")
    def first(second):
        """A."""
        return second

    @feature(unit="x")
    def second(first):
        """B."""
        return first

    catalog = Catalog.collect(SimpleNamespace(first=first, second=second))
    with pytest.raises(InvalidInput, match="reads itself"):
        FeatureSet(catalog, ["first"])


def every_feature():
    whole = list(CATALOG.features.values())
    return whole + [t.of("x") for t in CATALOG.templates.values()]


@pytest.mark.parametrize("one", every_feature(), ids=lambda f: f.name)
def test_missing_in_is_missing_out_never_a_number_by_accident(one):
    """NaN in every input: a comparison or a maximum could quietly turn it into 0."""
    features = FeatureSet(CATALOG, [one.name])
    inputs = {
        name: np.nan if name.startswith(REQUEST_SCOPES) else np.full(3, np.nan)
        for name in features.inputs
    }
    assert np.isnan(features.matrix(inputs, 3)).all()


@pytest.mark.parametrize("one", every_feature(), ids=lambda f: f.name)
def test_a_feature_of_which_one_scalar_is_missing_would_have_computed_nan(one):
    """It is not computed then: that saves time and may not change an answer."""
    rng = np.random.default_rng(3)
    values = {
        i: 2.5 if i.startswith(REQUEST_SCOPES) else rng.uniform(0.1, 9, 8) for i in one.inputs
    }
    for scalar in (i for i in one.inputs if i.startswith(REQUEST_SCOPES)):
        assert np.isnan(one.compute(**values_of(one, {**values, scalar: np.nan}))).all()


def values_of(one, values):
    """By parameter, for a template's inputs have the field in their names."""
    return {name.partition("[")[0]: value for name, value in values.items()}


def test_a_feature_that_is_an_input_as_it_stands_is_that_input_even_through_another():
    @feature(unit="x")
    def first(doc_a):
        """A."""
        return doc_a

    @feature(unit="x")
    def second(first):
        """B."""
        return first

    @feature(unit="x")
    def third(second):
        """C."""
        return second + 1

    catalog = Catalog.collect(SimpleNamespace(first=first, second=second, third=third))
    features = FeatureSet(catalog, ["third", "second", "first"])
    assert features.inputs == ("doc_a",)
    np.testing.assert_array_equal(
        features.matrix({"doc_a": np.array([1.0, 5.0])}, 2), [[2, 1, 1], [6, 5, 5]]
    )


def test_a_scalar_fills_its_column_and_the_matrix_is_in_c_order():
    features = FeatureSet(CATALOG, ["candidates", "cosine", "hit_rank(lexical)"])
    inputs = {"list_size": 3.0, "pair_cosine": np.nan, "hit_rank[lexical]": np.int16([1, 0, 2])}
    out = features.matrix(inputs, 3)
    assert out.dtype == np.float32
    assert out.flags.c_contiguous
    np.testing.assert_array_equal(out, [[3, np.nan, 1], [3, np.nan, 0], [3, np.nan, 2]])


@pytest.mark.parametrize("one", every_feature(), ids=lambda f: f.name)
def test_a_rows_value_depends_on_no_other_row(one):
    features = FeatureSet(CATALOG, [one.name])
    rng = np.random.default_rng(3)
    inputs = {
        name: (2.5 if name.startswith(("query_", "user_", "list_")) else rng.uniform(0.1, 9, 64))
        for name in features.inputs
    }
    whole = features.matrix(inputs, 64)
    order = rng.permutation(64)[:20]
    few = {n: v if isinstance(v, float) else v[order] for n, v in inputs.items()}
    np.testing.assert_array_equal(features.matrix(few, 20), whole[order])


def test_inputs_that_lie_side_by_side_give_the_same_matrix_as_each_by_its_name(tmp_path):
    snapshot = make_snapshot(city_rows(120), tmp_path / "s")
    ctx = make_context(snapshot, "火锅 tea", origin=(31.2, 121.4))
    candidates = some_candidates(snapshot, np.random.default_rng(3), 90)
    fields = {"text": ["title", "tags", "no such"], "number": ["price", "rating", "no such"]}
    names = CATALOG.expand(
        ["bm25(*)", "bm25_of_best(*)", "length(title)", "equals(tags)", "attr(*)", "cosine",
         "hit_score(lexical)", "hit_score(nobody)", "hit_rank(vector)", "hit_rank(nobody)",
         "hit_of_best(lexical)", "hit_of_best(vector)", "hit_of_best(nobody)", "hit_count",
         "affinity(tags)", "doc_age_hours", "query_length"], fields,
    )  # fmt: skip
    features = FeatureSet(CATALOG, names)
    gathered = gather(features.inputs, ctx, candidates)
    whole, single = features.matrix(gathered, 90), features.matrix(dict(gathered), 90)
    np.testing.assert_array_equal(whole, single)
    assert np.isfinite(whole).any(axis=0).sum() > 8


@pytest.mark.parametrize("text", ["火锅 tea", ""])
def test_a_slice_with_the_whole_lists_scalars_gives_the_same_bits(tmp_path, text):
    """Templates of all fields at once too: they take the list's best as it was given."""
    snapshot = make_snapshot(city_rows(120), tmp_path / "s")
    ctx = make_context(snapshot, text, origin=(31.2, 121.4))
    candidates = some_candidates(snapshot, np.random.default_rng(4), 90)
    names = ["bm25_of_best(title)", "bm25_of_best(tags)", "hit_of_best(lexical)", "cosine",
             "hit_of_best(vector)", "cosine_behind_best", "hit_count"]  # fmt: skip
    features = FeatureSet(CATALOG, names)
    gathered = gather(features.inputs, ctx, candidates)
    whole = features.matrix(gathered, 90)
    best = {name: gathered[name] for name in features.list_inputs}
    some = np.arange(5, 90, 7)
    few = gather(features.inputs, ctx, candidates.take(some), best)
    np.testing.assert_array_equal(features.matrix(few, some.size), whole[some])


@given(values=st.lists(st.floats(width=32), max_size=9))
def test_the_best_and_the_nearest_of_a_list_are_those_of_what_is_known(values):
    known = [v for v in values if not np.isnan(v)]
    column = np.array(values, np.float32)
    np.testing.assert_array_equal(highest(column), max(known, default=np.nan))
    np.testing.assert_array_equal(lowest(column), min(known, default=np.nan))
