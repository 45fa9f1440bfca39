"""How releases are called: by version, by model and version, or by model.

20260131T041000Z-a1b2c3d4               that release, first looked for among the model that serves
ensemble/20260131T041000Z-a1b2c3d4      that release of models/ensemble
ensemble                                what is published of models/ensemble
ensemble~1                              what was published before it, ~2 before that
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.domain.errors import UnknownName
from app.snapshot.artifact import MANIFEST
from app.snapshot.store import ArtifactStore

SHOWN = 5
"""Releases and models that an error names."""


@dataclass(frozen=True, slots=True)
class ReleaseNames:
    """All models under one folder."""

    models: Path
    default: str  # the model that serves

    def store(self, model: str) -> ArtifactStore:
        return ArtifactStore(self.models / model, "release")

    def resolve(self, name: str) -> str:
        """Return the id of the release that a name means. Raises UnknownName saying what exists."""
        model, slash, version = name.partition("/")
        if slash:
            return version if self._has(model, version) else self._unknown(name)
        if self._has(self.default, name):
            return name
        model, _, back = name.partition("~")
        if _is_simple(model) and (self.models / model).is_dir():
            return self._published(model, back) or self._unknown(name)
        return name if self._owner(name) is not None else self._unknown(name)

    def owner(self, release_id: str) -> ArtifactStore:
        """Return the store that has this release. Raises UnknownName."""
        found = self._owner(release_id)
        return self.store(found) if found is not None else self.store(self._unknown(release_id))

    def _owner(self, release_id: str) -> str | None:
        names = (self.default, *(m for m in self._models() if m != self.default))
        return next((model for model in names if self._has(model, release_id)), None)

    def _published(self, model: str, back: str) -> str | None:
        store = self.store(model)
        current = store.current_id()
        if not back:
            return current
        if not back.isdecimal():
            return None
        served = [i for i in store.history() if i != current]
        steps = int(back)
        return current if steps == 0 else served[-steps] if steps <= len(served) else None

    def _has(self, model: str, release_id: str) -> bool:
        if not (_is_simple(model) and _is_simple(release_id)):
            return False
        return (self.models / model / release_id / MANIFEST).is_file()

    def _models(self) -> Iterator[str]:
        if self.models.is_dir():
            yield from sorted(p.name for p in self.models.iterdir() if self.store(p.name).ids())

    def _unknown(self, name: str) -> str:
        known = ", ".join(self.store(self.default).ids()[-SHOWN:]) or "none"
        others = ", ".join(list(self._models())[:SHOWN]) or "none"
        raise UnknownName(
            "release", name, f"newest of models/{self.default}: {known}; models: {others}"
        )


def _is_simple(name: str) -> bool:
    """A folder's name and nothing that leads elsewhere."""
    return 0 < len(name) < 256 and Path(name).name == name and not name.startswith(".")
