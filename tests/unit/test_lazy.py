"""Attributes that are worked out when first asked for."""

import threading
from types import SimpleNamespace

import numpy as np

from app.domain.lazy import Lazy
from app.snapshot.remembered import Remembered


class Counted:
    def __init__(self):
        self.times = 0

    @Lazy
    def value(self):
        self.times += 1
        return self.times


def test_a_value_is_worked_out_once_an_instance():
    one, other = Counted(), Counted()
    assert (one.value, one.value, other.value) == (1, 1, 1)
    assert one.times == other.times == 1


def test_requests_that_share_nothing_do_not_wait_for_each_other():
    both = threading.Barrier(2, timeout=5)
    empty = np.empty(0, np.int32), np.empty(0, np.float32)
    memory = SimpleNamespace(find=lambda key: (both.wait(), empty)[1])
    found = []

    def ask():
        found.append(Remembered(memory, ("火锅",)).chosen)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
