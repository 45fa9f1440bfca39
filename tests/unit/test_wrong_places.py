"""Folders that are none, or may not be written: one line each, that names the place."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DUOLU = Path(sys.executable).with_name("duolu")


@pytest.mark.parametrize(("command", "code"), [("reindex", 1), ("snapshots", 1), ("doctor", 1)])
def test_a_data_folder_that_is_a_file_is_named_without_a_stack(tmp_path, command, code):
    file = tmp_path / "data"
    file.touch()
    row = tmp_path / "row.jsonl"
    row.write_text('{"id": "a", "title": "tea"}')
    sources = [str(row)] if command == "reindex" else []
    where = ["--data", str(file), "--models", str(tmp_path / "models")]
    done = subprocess.run(
        [DUOLU, command, *sources, *where], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert str(file) in done.stdout + done.stderr
    assert "Not a directory" in done.stdout + done.stderr


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_port_that_is_taken_is_named_before_anything_is_opened(tmp_path, workers):
    where = ["--data", str(tmp_path / "data"), "--models", str(tmp_path / "models")]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [DUOLU, "serve", "--port", port, "--workers", workers, *where]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"duolu: 127.0.0.1:{port}: Address already in use")
    assert "--port" in line
