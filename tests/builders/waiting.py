"""Patience: for what comes about in another thread or process, on machines however busy."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx

from app.settings import Settings
from tests.builders.snapshots import CONFIG

PATIENCE_S = 120


def patience() -> list[str]:
    """Settings with time enough for every search to be whole: speed is not what is looked at."""
    channels = Settings.load(CONFIG, environment={}).channels
    return [
        "service.timeout_ms=60000", "rank.timeout_ms=20000",
        *(f"channels.{name}.timeout_ms=20000" for name in channels),
    ]  # fmt: skip


def until(holds: Callable[[], object], patience_s: float = PATIENCE_S) -> float:
    """Wait for something to come about; return how many seconds it took.

    A service that does not answer is not there yet.
    """
    started = time.monotonic()
    while not _is_so(holds):
        assert time.monotonic() < started + patience_s, "it never happened"
        time.sleep(0.02)
    return time.monotonic() - started


def _is_so(holds: Callable[[], object]) -> bool:
    try:
        return bool(holds())
    except httpx.TransportError:
        return False
