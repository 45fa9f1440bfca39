"""Which releases were opened safely: each goes through the canary once, and is then remembered.

root/PROVEN   one line a release: its id, its fingerprint, the libraries that opened it

The fingerprint covers the manifests of the release and of those that it uses, and so every byte of
their files: whoever changes one and seals it anew has a release that was never proven.
"""

from __future__ import annotations

import hashlib
import logging
import platform
import threading
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from pathlib import Path

from app.rank.cage import send_canary
from app.rank.dependencies import reachable
from app.snapshot.artifact import MANIFEST, verify, write_pointer
from app.snapshot.store import ArtifactStore

log = logging.getLogger(__name__)

FILE = "PROVEN"


class Proofs:
    """What the canary passed, of one store. Other processes on the store share the file."""

    def __init__(self, store: ArtifactStore, send: Callable[[Path], None] = send_canary) -> None:
        """`send` opens a release in another process first: Cage.send, where it stays for more."""
        self.store = store
        self._send = send
        self._passed: set[str] = set()  # where the store cannot be written
        self._writing = threading.Lock()

    def require(self, release_id: str) -> None:
        """Return at once for a release that was proven, else send the canary: a second or so.

        Raises UnknownName, CorruptArtifact or FeatureMismatch with what the canary said.
        """
        path = self.store.path(release_id)
        verify(path, "release")
        mark = f"{fingerprint(path)} {build()}"
        if mark in self._passed or self._listed().get(release_id) == mark:
            return
        self._send(path)
        self._passed.add(mark)
        self.add(release_id, mark)

    def add(self, release_id: str, mark: str | None = None) -> None:
        """Remember that a release was opened safely."""
        mark = mark or f"{fingerprint(self.store.path(release_id))} {build()}"
        with self._writing:
            alive = set(self.store.ids())
            marks = {i: m for i, m in self._listed().items() if i in alive} | {release_id: mark}
            lines = "\n".join(f"{i} {m}" for i, m in marks.items())
            try:
                write_pointer(self.store.root / FILE, lines)
            except OSError as error:  # read-only, as a container has it: others prove it again
                log.info("%s is not kept: %s", self.store.root / FILE, error)

    def _listed(self) -> dict[str, str]:
        try:
            lines = (self.store.root / FILE).read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return {}
        return {i: mark for i, _, mark in (line.partition(" ") for line in lines)}


def fingerprint(path: Path) -> str:
    """Return the sha256 of a release's manifest and of the manifests of all that it uses."""
    digest = hashlib.sha256()
    for used in reachable(path):
        file = used / MANIFEST
        digest.update(file.read_bytes() if file.is_file() else b"missing")
    return digest.hexdigest()


@cache
def build() -> str:
    """Name the native code that a proof is about, without a space."""
    libraries = "/".join(f"{name}-{version(name)}" for name in ("duolu", "lightgbm", "numba"))
    return f"{libraries}/{platform.machine()}-{platform.python_version()}"
