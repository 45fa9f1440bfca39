"""Which releases were opened safely: each goes through the canary once, and is then remembered.

root/PROVEN   one line a release: its id, its fingerprint, the libraries that opened it

The fingerprint covers the manifests of the release and of those that it uses, and so every byte of
their files: whoever changes one and seals it anew has a release that was never proven.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import subprocess
import sys
import threading
from importlib.metadata import version
from pathlib import Path

from app.domain.errors import CorruptArtifact, FeatureMismatch
from app.rank.canary import WALL_S
from app.rank.dependencies import reachable
from app.snapshot.artifact import MANIFEST, verify, write_pointer
from app.snapshot.store import ArtifactStore

log = logging.getLogger(__name__)

FILE = "PROVEN"
LIMIT_S = WALL_S + 60.0  # the canary ends by itself, unless its imports hang
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
"""The canary forks, which other threads would not survive."""


class Proofs:
    """What the canary passed, of one store. Other processes on the store share the file."""

    def __init__(self, store: ArtifactStore) -> None:
        self.store = store
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
        send_canary(path)
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


def build() -> str:
    """Name the native code that a proof is about, without a space."""
    libraries = "/".join(f"{name}-{version(name)}" for name in ("duolu", "lightgbm", "numba"))
    return f"{libraries}/{platform.machine()}-{platform.python_version()}"


def send_canary(path: Path) -> None:
    """Open a release in another process first. Raises CorruptArtifact or FeatureMismatch."""
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "app.rank.canary", str(path)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={**os.environ, **ONE_THREAD}, timeout=LIMIT_S, check=False,
        )  # fmt: skip
        verdict = json.loads(ended.stdout)
    except subprocess.TimeoutExpired:
        raise CorruptArtifact(f"the canary of {path} had no end after {LIMIT_S:.0f} s") from None
    except json.JSONDecodeError:
        raise CorruptArtifact(
            f"the canary of {path} ended with {ended.returncode} and no verdict; to see why, run: "
            f"python -m app.rank.canary {path}"
        ) from None
    if not verdict["ok"]:
        kind = FeatureMismatch if verdict["kind"] == "FeatureMismatch" else CorruptArtifact
        raise kind(f"the canary refuses it: {verdict['reason']}; run: duolu rollback")
