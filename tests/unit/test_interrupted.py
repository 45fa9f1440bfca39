"""Ctrl-C while a command begins, which takes as long as its imports."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys

class Impatient:
    def find_spec(self, name, *_):
        if name == "{module}":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Impatient())
from app.cli import main
main()
"""


def test_who_interrupts_a_command_before_it_began_is_shown_no_stack():
    for module in ("typer", "app.commands.duolu", "numba"):
        program = PROGRAM.format(module=module)
        command = [sys.executable, "-c", program, "doctor"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 130
        assert done.stderr == "duolu: interrupted; nothing is half published\n"
