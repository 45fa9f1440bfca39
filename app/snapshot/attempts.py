"""Artifacts are opened once: one that fails is remembered with its reason and not tried again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TypeVar

from app.domain.errors import DuoluError, UnknownName

log = logging.getLogger(__name__)
T = TypeVar("T")
REFUSALS = (DuoluError, OSError, ValueError, KeyError)


class Attempts:
    """What does not serve, and why. What served before goes on serving."""

    def __init__(self) -> None:
        # Replaced whole: other threads read it. Artifact, and what it was opened on → why not.
        self._refused: Mapping[str, Exception] = {}
        self._waiting: Mapping[str, str] = {}

    @property
    def problems(self) -> dict[str, str]:
        refused = {what: f"{what}: {error}" for what, error in self._refused.items()}
        return refused | {what: f"{what} waits: {why}" for what, why in self._waiting.items()}

    def insist(self, what: str, opened: Callable[[], T]) -> T:
        """Open an artifact, or raise why not: at once, where it was refused before."""
        before = self._refused.get(what)
        if before is not None and not isinstance(before, UnknownName):  # it may be on its way
            raise before
        try:
            found = opened()
        except REFUSALS as error:
            if before is None:
                is_unexpected = not isinstance(error, DuoluError)
                log.error("%s does not serve: %s", what, error, exc_info=is_unexpected)
            self._refused = {**self._refused, what: error}
            raise
        self._refused = {w: e for w, e in self._refused.items() if w != what}
        return found

    def attempt(self, what: str, fallback: T, opened: Callable[[], T]) -> T:
        """Open an artifact, or return `fallback`, which is what served before."""
        try:
            return self.insist(what, opened)
        except REFUSALS:
            return fallback

    def wait(self, artifact_id: str, why: str | None) -> None:
        """Remember what an artifact waits for that is open here; None: it waits no more."""
        if why is not None and self._waiting.get(artifact_id) != why:
            log.warning("%s waits: %s", artifact_id, why)
        self._waiting = {} if why is None else {artifact_id: why}

    def problem_of(self, artifact_id: str) -> str | None:
        """Return why an artifact does not serve, None where nothing was wrong with it."""
        return next((p for p in self.problems.values() if p.startswith(artifact_id)), None)

    def forget(self, artifact_id: str) -> None:
        """Let it be tried once more: somebody who may have mended it asks for it."""
        self._refused = {k: e for k, e in self._refused.items() if not k.startswith(artifact_id)}
