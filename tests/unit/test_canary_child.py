"""How a release is opened where it may kill: each end of the child is a verdict."""

from __future__ import annotations

import os
import resource
import signal
import time

import pytest

from app.rank import canary


@pytest.mark.parametrize(
    ("deed", "said"),
    [
        (lambda _: os.kill(os.getpid(), signal.SIGSEGV), "killed the process (SIGSEGV)"),
        (lambda _: os.abort(), "killed the process (SIGABRT)"),
        (lambda _: os._exit(7), "ended the process with 7"),
        (lambda _: os.kill(os.getpid(), signal.SIGXCPU), "s of processor time"),
        (lambda _: {"ok": True, "kind": "", "reason": ""}, ""),
    ],
)
def test_each_end_of_a_child_is_a_verdict(monkeypatch, deed, said):
    monkeypatch.setattr(canary, "open_and_replay", deed)
    verdict = canary._verdict_of_child("models/m")
    assert verdict["ok"] == (not said)
    assert said in str(verdict["reason"])


def test_work_without_end_is_ended(monkeypatch):
    def spin(_: str) -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (0, 1))
        while True:
            pass

    monkeypatch.setattr(canary, "open_and_replay", spin)
    assert "processor time" in str(canary._verdict_of_child("models/m")["reason"])


def test_sleep_without_end_is_ended(monkeypatch):
    monkeypatch.setattr(canary, "WALL_S", 0.05)
    monkeypatch.setattr(canary, "open_and_replay", lambda _: time.sleep(60))
    assert "no end" in str(canary._verdict_of_child("models/m")["reason"])


def test_what_asks_for_too_much_memory_is_refused(monkeypatch):
    monkeypatch.setattr(canary, "MAX_BYTES", 1 << 20)
    monkeypatch.setattr(canary, "open_and_replay", lambda _: {"ok": bool(bytearray(1 << 28))})
    assert not canary._verdict_of_child("models/m")["ok"]
