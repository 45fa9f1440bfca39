"""What the doctor says of one thing that was looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Literal

from app.domain.errors import DuoluError


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    what: str
    state: Literal["ok", "note", "wrong"]
    detail: str
    remedy: str = ""

    def to_json(self) -> dict[str, str]:
        return asdict(self)


def checked(what: str, look: Callable[[], Finding]) -> Finding:
    """Look; what cannot be read is wrong, by its own error."""
    try:
        return look()
    except (DuoluError, OSError) as error:
        return Finding(what, "wrong", str(error))
