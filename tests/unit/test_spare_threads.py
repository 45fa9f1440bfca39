"""A large batch is scored by several threads, and not a bit tells."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import lightgbm
import numpy as np
import pytest

from app.domain.arrays import F32
from app.rank import spare
from app.rank.lightgbm_model import LightGbmModel
from app.rank.spare import FROM_ROWS, SpareThreads

NAMES = tuple("abcdef")


@pytest.fixture(scope="module")
def model() -> LightGbmModel:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(800, 6)).astype(np.float32)
    options = {"objective": "regression", "verbosity": -1, "num_threads": 1}
    return LightGbmModel(lightgbm.train(options, lightgbm.Dataset(x, x[:, 0] ** 2), 20), NAMES)


def some(n: int) -> F32:
    return np.random.default_rng(n).normal(size=(n, 6)).astype(np.float32)


def never() -> bool:
    return False


class Counting:
    """A model that notes by which threads it is asked, and for how many rows."""

    def __init__(self, model: LightGbmModel) -> None:
        self.model, self.feature_names = model, model.feature_names
        self.asked: list[tuple[str, int]] = []

    def predict(self, features: F32) -> F32:
        self.asked.append((threading.current_thread().name, len(features)))
        return self.model.predict(features)


@pytest.mark.parametrize("n", [0, 1, 127, FROM_ROWS - 1, FROM_ROWS, FROM_ROWS + 1, 9_999, 20_001])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_the_bits_are_those_of_one_call(model, n, count):
    crew, features = SpareThreads(count, never), some(n)
    assert crew.predict(model, features).tobytes() == model.predict(features).tobytes()
    crew.close()


def test_a_usual_batch_stays_whole_and_a_large_one_is_shared(model):
    crew, counting = SpareThreads(3, never), Counting(model)
    crew.predict(counting, some(500))
    assert [rows for _, rows in counting.asked] == [500]
    counting.asked.clear()
    crew.predict(counting, some(2 * FROM_ROWS))
    assert sum(rows for _, rows in counting.asked) == 2 * FROM_ROWS
    assert len(counting.asked) == 3
    assert sum(name.startswith("score") for name, _ in counting.asked) == 2
    crew.close()


def test_on_a_busy_machine_every_batch_stays_whole(model):
    crew, counting = SpareThreads(3, is_busy=lambda: True), Counting(model)
    crew.predict(counting, some(2 * FROM_ROWS))
    assert [rows for _, rows in counting.asked] == [2 * FROM_ROWS]
    crew.close()


def test_callers_wait_for_no_helper_and_helpers_come_back(model):
    crew, features = SpareThreads(2, never), some(3 * FROM_ROWS)
    expected = model.predict(features).tobytes()
    with ThreadPoolExecutor(8) as callers:
        found = list(callers.map(lambda _: crew.predict(model, features).tobytes(), range(64)))
    assert set(found) == {expected}
    counting = Counting(model)
    crew.predict(counting, features)
    assert len(counting.asked) == 3
    crew.close()


def test_a_model_that_fails_in_a_part_fails_the_call_and_frees_the_helper(model):
    class Failing(Counting):
        def predict(self, features: F32) -> F32:
            if threading.current_thread().name.startswith("score"):
                raise MemoryError
            return super().predict(features)

    crew = SpareThreads(1, never)
    with pytest.raises(MemoryError):
        crew.predict(Failing(model), some(FROM_ROWS))
    assert crew._take(1) == 1
    crew.close()


def test_it_knows_how_many_cores_it_may_use():
    assert spare.cores() >= 1
