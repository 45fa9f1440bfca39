"""A key that the processes of one service share and nobody else knows."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from app.domain.errors import InvalidInput

BYTES = 32


def shared_secret(path: Path) -> bytes:
    """Read the key at `path`, or make it there: whole or not at all, readable by its owner only."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        made = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        handle = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(made, path)  # fails where another process was first
        except FileExistsError:
            pass
        finally:
            made.unlink()
    key = path.read_bytes()
    if len(key) != BYTES:
        raise InvalidInput(f"{path} holds {len(key)} bytes instead of {BYTES}; delete it")
    return key
