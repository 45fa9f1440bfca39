"""Artifacts are opened once: one that fails is remembered with its reason and not tried again."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from app.domain.errors import DuoluError

log = logging.getLogger(__name__)
T = TypeVar("T")


class Attempts:
    """What does not serve, and why. What served before goes on serving."""

    def __init__(self) -> None:
        self.problems: dict[str, str] = {}  # artifact, and what it was opened on → why not

    def attempt(self, what: str, fallback: T, opened: Callable[[], T]) -> T:
        """Open an artifact, or return `fallback`; a failure is logged and kept under `what`."""
        if what in self.problems:
            return fallback
        try:
            return opened()
        except (DuoluError, OSError, ValueError, KeyError) as error:
            log.exception("%s does not serve", what)
            self.problems[what] = f"{what}: {error}"
            return fallback

    def problem_of(self, artifact_id: str) -> str | None:
        """Return why an artifact does not serve, None where nothing was wrong with it."""
        return next((p for p in self.problems.values() if p.startswith(artifact_id)), None)

    def forget(self, artifact_id: str) -> None:
        """Let it be tried once more: somebody who may have mended it asks for it."""
        self.problems = {k: p for k, p in self.problems.items() if not p.startswith(artifact_id)}
