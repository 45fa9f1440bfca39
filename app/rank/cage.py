"""Holds the canary's process: its imports are nearly all that it costs, so it stays a minute."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from app.domain.errors import CorruptArtifact, FeatureMismatch
from app.rank.canary import WALL_S

KEPT_S = 60.0  # whoever tries one release often tries another
LIMIT_S = WALL_S + 60.0  # the canary ends by itself, unless its imports hang
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
"""The canary forks, which other threads would not survive."""
READ_BYTES = 1 << 16


class Cage:
    """One canary process at most, for any number of threads, which take turns."""

    def __init__(self, kept_s: float = KEPT_S) -> None:
        """The canary waits for another release for so long."""
        self._kept_s = kept_s
        self._turn = threading.Lock()
        self._canary: _Canary | None = None
        self._leaving: threading.Timer | None = None

    def send(self, path: Path) -> None:
        """Open a release there first. Raises CorruptArtifact or FeatureMismatch."""
        verdict = self.ask(path)
        if not verdict["ok"]:
            kind = FeatureMismatch if verdict["kind"] == "FeatureMismatch" else CorruptArtifact
            raise kind(f"the canary refuses it: {verdict['reason']}; run: duolu rollback")

    def ask(self, path: Path) -> Mapping[str, Any]:
        """Return the verdict on a release or a model's text. Raises CorruptArtifact without one."""
        with self._turn:
            self._stay()
            try:
                return self._verdict(path)
            finally:
                self._leave_later()

    def close(self) -> None:
        """End the process, where there is one."""
        with self._turn:
            self._stay()
            self._drop()

    def _verdict(self, path: Path) -> Mapping[str, Any]:
        """Ask the one that waits; where it has gone meanwhile, and only then, a new one."""
        until_s, ended = time.monotonic() + LIMIT_S, 0
        for _ in range(1 if self._canary is None else 2):
            self._canary = self._canary or _Canary()
            verdict = self._canary.verdict(path, until_s)
            if verdict is not None:
                return verdict
            ended = self._drop()
        raise CorruptArtifact(
            f"the canary of {path} ended with {ended} and no verdict within {LIMIT_S:.0f} s; "
            f"to see why, run: python -m app.rank.canary {path}"
        )

    def _stay(self) -> None:
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None

    def _leave_later(self) -> None:
        if self._canary is not None:
            self._leaving = threading.Timer(self._kept_s, self.close)
            self._leaving.daemon = True
            self._leaving.start()

    def _drop(self) -> int:
        canary, self._canary = self._canary, None
        return 0 if canary is None else canary.end()


class _Canary:
    """`python -m app.rank.canary`, which reads paths and writes verdicts, a line each."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "app.rank.canary"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={**os.environ, **ONE_THREAD}, bufsize=0, process_group=0,
        )  # fmt: skip

    def verdict(self, path: Path, until_s: float) -> dict[str, Any] | None:
        """Return what it says of a release, None where it ends or is silent until then."""
        asked, answers = self._process.stdin, self._process.stdout
        assert asked is not None
        assert answers is not None
        waiting, said = select.poll(), b""  # select knows no descriptor above 1,023
        waiting.register(answers, select.POLLIN)
        try:
            asked.write(os.fsencode(path) + b"\n")
            while not said.endswith(b"\n"):
                left_ms = max(until_s - time.monotonic(), 0) * 1e3
                piece = os.read(answers.fileno(), READ_BYTES) if waiting.poll(left_ms) else b""
                if not piece:
                    return None
                said += piece
            verdict: dict[str, Any] = json.loads(said)
        except (OSError, json.JSONDecodeError):
            return None
        return verdict if verdict["path"] == str(path) else None

    def end(self) -> int:
        """Kill it, and what it forked. Returns how it ended."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with self._process:
            return self._process.wait()


def send_canary(path: Path) -> None:
    """Send one that does not stay. Raises CorruptArtifact or FeatureMismatch."""
    cage = Cage()
    try:
        cage.send(path)
    finally:
        cage.close()
