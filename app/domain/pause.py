"""How work that nobody waits for lets those go on who are waited for."""

from __future__ import annotations

from collections.abc import Callable

Pause = Callable[[], None]
"""Called between the steps of such work; it may sleep."""


def go_on() -> None:
    """Make no pause."""
