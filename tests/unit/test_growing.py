"""Arrays that grow behind a mapped file: what was handed out stays, and the file never changes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import typeof

from app.corpus import growing
from app.corpus.growing import Growing
from app.corpus.growing_columns import GrowingDictionary, GrowingRagged
from app.corpus.ragged import Dictionary, Ragged, open_array, save_array


@pytest.fixture(params=["mapped", "copied"])
def however(request, monkeypatch):
    """Both ways of making room."""
    if request.param == "copied":
        monkeypatch.setattr(growing, "_libc", lambda: None)
    return request.param


@pytest.mark.parametrize("shape", [(0,), (1,), (1000,), (5000, 7)])
def test_an_array_goes_on_behind_its_file(shape, however, tmp_path):
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    save_array(tmp_path / "a", values)
    array = Growing(open_array(tmp_path / "a"))
    before = array.view()
    more = np.full((3000, *shape[1:]), -1, np.float32)
    array.append(more)
    np.testing.assert_array_equal(array.view(), np.concatenate([values, more]))
    np.testing.assert_array_equal(before, values)
    np.testing.assert_array_equal(open_array(tmp_path / "a"), values)


def test_a_larger_room_holds_what_the_smaller_held(however, tmp_path, monkeypatch):
    monkeypatch.setattr(growing, "SPARE_BYTES", 64)
    values = np.arange(1000, dtype=np.int32)
    save_array(tmp_path / "a", values)
    array, views = Growing(open_array(tmp_path / "a")), []
    for i in range(50):
        array.append(np.full(100, i, np.int32))
        views.append(array.view())
    whole = np.concatenate([values, np.repeat(np.arange(50, dtype=np.int32), 100)])
    for view in views:
        np.testing.assert_array_equal(view, whole[: view.size])


def test_kernels_see_the_type_of_a_mapped_array(however, tmp_path):
    save_array(tmp_path / "a", np.ones((9, 3), np.float32))
    mapped = open_array(tmp_path / "a")
    array = Growing(mapped)
    array.append(np.ones((1, 3), np.float32))
    assert typeof(array.view()) == typeof(mapped)


def test_what_does_not_fit_is_refused():
    array = Growing(np.zeros((3, 2), np.float32))
    with pytest.raises(TypeError, match="float64"):
        array.append(np.zeros((1, 2)))
    with pytest.raises(TypeError, match="rows do not fit"):
        array.append(np.zeros((1, 3), np.float32))


@given(st.lists(st.lists(st.integers(0, 9), max_size=4), max_size=12), st.integers(0, 12))
def test_a_view_of_a_growing_column_is_its_first_entries(lists, n):
    n = min(n, len(lists))
    column = GrowingRagged(Ragged.pack(lists[:n], np.int32))
    for entry in lists[n:]:
        column.append(Ragged.pack([entry], np.int32))
    for size in range(n, len(lists) + 1):
        seen = column.view(size)
        assert [seen[i].tolist() for i in range(size)] == lists[:size]


def test_a_dictionary_knows_each_string_as_of_a_point_of_the_log():
    known = GrowingDictionary(Dictionary.pack(["a", "b"]))
    known.add(["c", "a", "c"], [5, 6, 9])
    known.remove("b", 7)
    known.remove("c", 8)
    found = {s: known.view(s).find_all(["a", "b", "c", "d"]).tolist() for s in range(4, 10)}
    assert found == {
        4: [0, 1, -1, -1],
        5: [0, 1, 2, -1],
        6: [3, 1, 2, -1],
        7: [3, -1, 2, -1],
        8: [3, -1, -1, -1],
        9: [3, -1, 4, -1],
    }
    assert [len(known.view(s)) for s in range(4, 10)] == [2, 3, 4, 4, 4, 5]
    others = Dictionary.pack(["d", "c", "b", "a"])
    assert known.view(7).join(others).tolist() == [-1, 2, -1, 3]
