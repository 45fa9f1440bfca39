"""Tempered counts of terms against a dict a row, to the bit."""

from dataclasses import replace

import numpy as np
import pytest

from app.corpus.term_counts import term_counts
from tests.builders import city_rows, make_snapshot

ROWS = [{**row, "title": " ".join([row["title"]] * (i % 4 + 1))} for i, row in
        enumerate(city_rows(60))]  # fmt: skip


@pytest.fixture(scope="module")
def documents(tmp_path_factory):
    folder = tmp_path_factory.mktemp("counts") / "s"
    return make_snapshot(ROWS, folder, channels=()).documents


def counted(documents, row):
    """Add up one field, then the fields, in float32."""
    total = {}
    for name, column in documents.tokens.items():
        weight, own = np.float32(documents.schema.fields[name].weight), {}
        for term in column.tokens[row].tolist():
            own[term] = own.get(term, np.float32(0)) + weight
        for term, sum_ in own.items():
            total[term] = total.get(term, np.float32(0)) + sum_
    return {term: np.log1p(sum_) for term, sum_ in sorted(total.items()) if sum_ != 0}


def test_counts_are_those_of_a_dict_a_row(documents):
    rows = np.array([7, 0, 59, 7, 23], np.int64)
    found = term_counts(documents, rows)
    assert found.shape == (5, len(documents.terms))
    for i, row in enumerate(rows.tolist()):
        part = slice(found.indptr[i], found.indptr[i + 1])
        wanted = counted(documents, row)
        assert found.indices[part].tolist() == list(wanted)
        np.testing.assert_array_max_ulp(
            found.data[part], np.array(list(wanted.values()), np.float32), 1
        )


def test_a_row_counts_alike_among_any_others(documents):
    every = term_counts(documents, np.arange(60))
    for row in range(60):
        alone = term_counts(documents, np.array([row]))
        part = slice(every.indptr[row], every.indptr[row + 1])
        assert alone.indices.tobytes() == every.indices[part].tobytes()
        assert alone.data.tobytes() == every.data[part].tobytes()


def test_a_field_without_weight_counts_nothing(documents):
    fields = {n: replace(f, weight=0.0) for n, f in documents.schema.fields.items()}
    weightless = replace(documents, schema=replace(documents.schema, fields=fields))
    assert term_counts(weightless, np.arange(60)).nnz == 0


def test_no_rows_are_no_error(documents):
    assert term_counts(documents, np.empty(0, np.int64)).shape == (0, len(documents.terms))
