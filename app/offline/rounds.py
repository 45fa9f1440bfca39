"""Work that is looked for again and again on a thread of its own, and done in another process."""

from __future__ import annotations

import logging
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence

log = logging.getLogger(__name__)


class Rounds:
    """Calls `look` every `pause_s` until it is closed. What it raises is logged, and it goes on."""

    def __init__(self, name: str, look: Callable[[], None], pause_s: float) -> None:
        self._name = name
        self._look = look
        self._pause_s = pause_s
        self._is_closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """End soon; a process under way is ended."""
        self._is_closing.set()
        if self._thread.is_alive():
            self._thread.join()

    def run_to_end(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        meanwhile: Callable[[], object] = lambda: None,
        every_s: float = 1.0,
    ) -> int | None:
        """Return the exit code of a command, None where closing ended it."""
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=environment
        )
        try:
            while child.poll() is None:
                if self._is_closing.wait(every_s):
                    return None
                meanwhile()
            return child.returncode
        finally:
            if child.returncode is None:  # closed, or `meanwhile` raised
                child.terminate()
                child.wait()

    def _run(self) -> None:
        while not self._is_closing.wait(self._pause_s):
            try:
                self._look()
            except Exception:
                log.exception("the %s goes on", self._name)
