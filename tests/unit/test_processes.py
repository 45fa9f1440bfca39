"""Work shared between processes comes back in order, and a killed process is an error."""

import os
import signal

import pytest

from app.domain.errors import ServerError
from app.offline.processes import ordered_map


def process_of(item):
    return item, os.getpid()


def refuse(item):
    raise ValueError(item)


def die(item):
    os.kill(os.getpid(), signal.SIGKILL)


def test_results_come_in_the_order_of_the_items_from_other_processes():
    results = list(ordered_map(process_of, range(20), workers=2))
    assert [item for item, _ in results] == [*range(20)]
    assert os.getpid() not in {pid for _, pid in results}


@pytest.mark.parametrize(("items", "workers"), [(range(20), 1), (range(1), 2), ((), 2)])
def test_one_worker_or_one_item_needs_no_other_process(items, workers):
    here = os.getpid()
    assert list(ordered_map(process_of, items, workers)) == [(i, here) for i in items]


def test_few_items_are_taken_before_their_turn():
    taken = []
    items = (taken.append(i) or i for i in range(50))
    results = ordered_map(process_of, items, workers=2)
    next(results)
    results.close()
    assert len(taken) <= 5


def test_an_error_and_a_killed_worker_reach_the_caller():
    with pytest.raises(ValueError, match="0"):
        list(ordered_map(refuse, range(3), workers=2))
    with pytest.raises(ServerError, match="fewer --workers"):
        list(ordered_map(die, range(3), workers=2))
