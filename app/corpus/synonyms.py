"""Words that mean the same, as an operator writes them down.

    hotpot, 火锅, steamboat          each finds the others
    iphone, ipad => apple           the left find the right, not the other way round
    # a comment

Compiled into a snapshot's lexicon at reindex, so that reading a query depends on nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import orjson

from app.corpus.names import LONGEST, SHORTEST, is_name
from app.corpus.text import normalise
from app.domain.errors import InvalidInput

MOST_OTHERS = 16  # of one phrase: each is searched for
MOST_PHRASES = 100_000
ONE_WAY = "=>"


@dataclass(frozen=True, slots=True)
class Synonyms:
    """What is searched for beside each phrase. All in normal form."""

    others: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def parse(cls, lines: Iterable[str], source: str) -> Self:
        """Read the file's lines. Raises InvalidInput naming file and line."""
        others: dict[str, dict[str, None]] = {}
        for number, line in enumerate(lines, 1):
            where = f"{source}:{number}"
            left, arrow, right = line.partition("#")[0].partition(ONE_WAY)
            if not left.strip() and not arrow:
                continue
            typed = _phrases(left, where)
            found = _phrases(right, where) if arrow else typed
            if not arrow and len(typed) < 2:
                raise InvalidInput(f"{where}: {left.strip()!r} alone; write a, b or a => b")
            for phrase in typed:
                held = others.setdefault(phrase, {})
                held.update(dict.fromkeys(other for other in found if other != phrase))
                if len(held) > MOST_OTHERS:
                    raise InvalidInput(f"{where}: {phrase!r} has over {MOST_OTHERS} synonyms")
        if len(others) > MOST_PHRASES:
            raise InvalidInput(f"{source}: {len(others)} phrases, at most {MOST_PHRASES}")
        return cls({phrase: tuple(held) for phrase, held in others.items()})

    def save(self, path: Path) -> None:
        path.write_bytes(orjson.dumps(dict(self.others)))

    @classmethod
    def open(cls, path: Path) -> Self:
        read: dict[str, list[str]] = orjson.loads(path.read_bytes())
        return cls({phrase: tuple(others) for phrase, others in read.items()})


def _phrases(text: str, where: str) -> list[str]:
    """Return the phrases between commas; each must be one that a query can name."""
    phrases = list(dict.fromkeys(normalise(part) for part in text.replace("，", ",").split(",")))
    for phrase in phrases:
        if not is_name(phrase):
            raise InvalidInput(
                f"{where}: {phrase!r} is no phrase of {SHORTEST} to {LONGEST} characters; "
                "write a, b or a => b"
            )
    return phrases
