"""Attributes that are worked out when they are first asked for, without a lock.

Until Python 3.12 functools.cached_property holds one lock for all instances of a class while it
works, so that requests which share nothing would wait for each other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Lazy(Generic[T]):
    """A property worked out once an instance; twice, to the same, where two threads ask at once."""

    def __init__(self, work: Callable[[Any], T]) -> None:
        self._work, self._name = work, work.__name__
        self.__doc__ = work.__doc__

    def __get__(self, instance: Any, owner: type | None = None) -> T:
        """Keep the value where the instance is asked first, so that this is called no more."""
        value: T = self._work(instance)
        instance.__dict__[self._name] = value
        return value
