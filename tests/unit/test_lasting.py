"""What is made for good is never looked through again, and the collector works on afterwards."""

import gc

import pytest

from app.commands.lasting import lasting


class Knot:
    """Holds itself: only a collection finds it."""

    def __init__(self) -> None:
        self.self = self


def test_no_collection_looks_at_what_is_made_for_good() -> None:
    try:
        with lasting():
            made = Knot()
        assert not any(seen is made for seen in gc.get_objects())
    finally:
        gc.unfreeze()


def test_what_comes_later_is_collected_as_ever() -> None:
    try:
        with lasting():
            pass
        assert gc.isenabled()
        gc.collect()
        Knot()
        assert gc.collect() > 0
    finally:
        gc.unfreeze()


def test_the_collector_works_on_after_an_import_that_failed() -> None:
    try:
        with pytest.raises(ImportError), lasting():
            raise ImportError
        assert gc.isenabled()
    finally:
        gc.unfreeze()
