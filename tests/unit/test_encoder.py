"""The default encoder: unit vectors or nothing, alike for what is alike, kept on disk."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from app.corpus.grams import buckets, grams
from app.corpus.svd import SvdEncoder, truncated_svd
from tests.builders.snapshots import make_documents

COFFEE = ["espresso coffee beans", "coffee latte espresso", "latte beans roast", "咖啡 拿铁 coffee"]
FILMS = ["space film galaxy", "galaxy robot film", "robot space alien", "alien film 电影"]
ROWS = [{"id": f"d{i}", "title": title} for i, title in enumerate(COFFEE + FILMS)]
ROWS.append({"id": "silent", "title": "!!!"})


@pytest.fixture(scope="module")
def documents(tmp_path_factory):
    return make_documents(ROWS, tmp_path_factory.mktemp("documents"))


@pytest.fixture(scope="module")
def encoder(documents):
    return SvdEncoder.train(documents, 4, seed=7)


def test_every_document_with_terms_has_a_unit_vector_and_others_a_zero_one(documents, encoder):
    vectors = encoder.encode_documents(documents)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(ROWS), 4)
    assert np.allclose(np.linalg.norm(vectors[:-1], axis=1), 1, atol=1e-5)
    assert not vectors[-1].any()


def test_a_query_is_closer_to_its_subject_even_without_a_shared_word(documents, encoder):
    vectors = encoder.encode_documents(documents)
    similar = vectors @ encoder.encode(["roast"])  # stands in one coffee document only
    assert similar[:3].min() > similar[4:8].max()


def test_a_query_of_a_documents_terms_points_where_the_document_does(documents, encoder):
    vectors = encoder.encode_documents(documents)
    query = encoder.encode(["space", "film", "galaxi"])
    assert vectors[4] @ query == pytest.approx(1, abs=1e-5)


def test_a_misspelt_word_points_near_the_word(encoder):
    assert "espreso" not in set(encoder._terms.strings)
    word, misspelt = encoder.encode(["espresso"]), encoder.encode(["espreso"])
    assert word @ misspelt > 0.9


@pytest.mark.parametrize("terms", [[], ["zzzqqq"], ["2019"], ["👍"], ["\ufffd"]])
def test_terms_nothing_is_known_of_have_no_vector(encoder, terms):
    assert encoder.encode(terms) is None


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text(max_size=12) | st.sampled_from(["coffe", "film", "robot"]), max_size=20))
def test_any_terms_give_a_unit_vector_or_none(encoder, terms):
    encodable = [t for t in terms if t.isprintable()]
    vector = encoder.encode(encodable)
    assert vector is None or np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_training_twice_gives_equal_bits_and_another_seed_or_dim_another_id(documents, encoder):
    again = SvdEncoder.train(documents, 4, seed=7)
    assert again.id == encoder.id
    assert np.array_equal(again.encode_documents(documents), encoder.encode_documents(documents))
    assert SvdEncoder.train(documents, 5, seed=7).id != encoder.id


def test_a_saved_encoder_opens_with_the_same_id_and_bits(documents, encoder, tmp_path):
    encoder.save(tmp_path / "encoder")
    opened = SvdEncoder.open(tmp_path / "encoder")
    assert (opened.id, opened.dim) == (encoder.id, encoder.dim)
    assert np.array_equal(opened.encode(["latt", "xlatt"]), encoder.encode(["latt", "xlatt"]))
    assert np.array_equal(opened.encode_documents(documents), encoder.encode_documents(documents))


def test_a_kept_encoder_reads_new_words_of_documents_as_it_reads_them_in_queries(encoder, tmp_path):
    later = make_documents([{"id": "new", "title": "espreso galaxi"}], tmp_path)
    vector = encoder.encode_documents(later)[0]
    assert vector @ encoder.encode(["espreso", "galaxi"]) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("rows", [[], [{"id": "a", "title": "?"}], [{"id": "a", "title": "tea"}]])
def test_a_catalogue_of_next_to_nothing_trains(rows, tmp_path):
    documents = make_documents(rows, tmp_path)
    vectors = (encoder := SvdEncoder.train(documents, 8, seed=1)).encode_documents(documents)
    assert vectors.shape == (len(rows), 8)
    assert np.isfinite(vectors).all()
    encoder.save(tmp_path / "encoder")
    SvdEncoder.open(tmp_path / "encoder").encode(["tea"])


def test_the_randomised_svd_spans_what_the_exact_one_does():
    rng = np.random.default_rng(3)
    low_rank = rng.standard_normal((60, 6)) @ rng.standard_normal((6, 40))
    noisy = (low_rank + 0.01 * rng.standard_normal((60, 40))).astype(np.float32)
    found = truncated_svd(sparse.csr_array(noisy), 6, np.random.default_rng(0))
    exact = np.linalg.svd(noisy)[2][:6].T
    assert np.allclose(np.linalg.svd(found.T @ exact)[1], 1, atol=1e-3)  # cosines of the angles


def test_directions_past_the_rank_are_zero():
    matrix = sparse.csr_array(np.outer(np.arange(1, 9), np.arange(1, 6)).astype(np.float32))
    found = truncated_svd(matrix, 4, np.random.default_rng(0))
    assert np.linalg.norm(found[:, 0]) == pytest.approx(1, abs=1e-5)
    assert not found[:, 1:].any()


def test_grams_are_marked_at_the_edges_and_numbers_have_none():
    assert grams("tea") == ["<te", "tea", "ea>", "<tea", "tea>"]
    assert grams("火锅店") == ["火", "锅", "店", "火锅", "锅店"]
    assert grams("2019") == []
    assert buckets("tea") == buckets("tea")
