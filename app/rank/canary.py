"""Opens releases in a process that may die of it, as altered models make LightGBM die or hang.

    python -m app.rank.canary PATH…  →  one JSON line each: {"path", "ok", "kind", "reason"}

A path is a release's folder, or a model's text that is to become one (offline.elsewhere).

Each path is opened in a child of its own, so that one which kills it is a refusal like any other.
At low priority, for the services beside it are answering; imports wait until that is said.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path

NICE = 15
CPU_S = 20  # of one release; busy machines stretch time, so work is what is limited
WALL_S = 120.0  # a child that waits for nothing uses no processor
MAX_BYTES = 8 << 30  # of address space, most of which is never touched
MAX_VERDICT_BYTES = 1 << 16
ROWS_A_SCALE = 100  # that a text without golden rows is tried with


def main(paths: Iterable[str]) -> None:
    """Write a verdict for each path to standard output, in order."""
    os.nice(NICE)
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # native libraries write to 1 what nobody asked for
    _import_and_compile()
    for path in paths:
        print(json.dumps({"path": path, **_verdict_of_child(path)}), file=out, flush=True)


def open_and_replay(path: str) -> dict[str, object]:
    """Return the verdict on a release: ok, or the kind of error and its words."""
    from app.rank.release import open_release

    try:
        _score_some(Path(path)) if Path(path).is_file() else open_release(Path(path))
    except MemoryError:
        return _refused("CorruptArtifact", f"{path} asks for more than {MAX_BYTES >> 30} GiB")
    except Exception as error:  # a stranger's text can raise anything on its way through
        return _refused(type(error).__name__, str(error))
    return {"ok": True, "kind": "", "reason": ""}


def _score_some(file: Path) -> None:
    """Open a model's text that has no golden rows, and let LightGBM score rows of all kinds."""
    import numpy as np

    from app.rank.lightgbm_model import LightGbmModel

    model = LightGbmModel.open(file)
    d, drawn = len(model.feature_names), np.random.default_rng(7).normal
    rows = [np.full((1, d), x) for x in (0.0, np.nan, -1e30, 1e30)]
    for scale in (1.0, 1e3):
        rows.append(scale * drawn(size=(ROWS_A_SCALE, d)))
    matrix = np.concatenate(rows).astype(np.float32)
    model.predict(matrix)
    model.booster.predict(matrix, raw_score=True, num_threads=1)


def _import_and_compile() -> None:
    """Do once what every child needs: to import, and to have the scorer's machine code loaded."""
    import numpy as np

    from app.rank.trees.scorer import score
    from app.rank.trees.tables import build

    importlib.import_module("app.rank.release")
    score(build(1, []), np.zeros((1, 1), np.float32))


def _verdict_of_child(path: str) -> dict[str, object]:
    """Open in a child and read what it says; where it says nothing, say how it ended."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _answer(path, writing)
    os.close(writing)
    said = _read(reading, time.monotonic() + WALL_S)
    os.close(reading)
    if said is None:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if said is None:
        return _refused("CorruptArtifact", f"opening {path} had no end after {WALL_S:.0f} s")
    try:
        verdict: dict[str, object] = json.loads(said)
    except json.JSONDecodeError:
        return _refused("CorruptArtifact", f"opening {path} {_end(status)}")
    return verdict


def _answer(path: str, pipe: int) -> None:
    """The child: limits first, then the release, then its end without any cleaning up."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_AS, (MAX_BYTES, MAX_BYTES))
    try:
        text = json.dumps(open_and_replay(path)).encode()
        os.write(pipe, text[:MAX_VERDICT_BYTES])
    finally:
        os._exit(0)


def _read(pipe: int, until_s: float) -> bytes | None:
    """Read to the end, or return None where there is none in time."""
    said = b""
    while True:
        ready, _, _ = select.select([pipe], [], [], max(until_s - time.monotonic(), 0))
        if not ready:
            return None
        piece = os.read(pipe, MAX_VERDICT_BYTES)
        if not piece:
            return said
        said += piece


def _end(status: int) -> str:
    """Say how a child ended that gave no verdict."""
    if not os.WIFSIGNALED(status):
        return f"ended the process with {os.waitstatus_to_exitcode(status)}"
    number = os.WTERMSIG(status)
    if number in (signal.SIGXCPU, signal.SIGKILL):
        return f"took more than {CPU_S} s of processor time"
    return f"killed the process ({signal.Signals(number).name})"


def _refused(kind: str, reason: str) -> dict[str, object]:
    return {"ok": False, "kind": kind, "reason": " ".join(reason.split())[:1000]}


if __name__ == "__main__":
    main(sys.argv[1:] or (line.rstrip("\n") for line in sys.stdin))
