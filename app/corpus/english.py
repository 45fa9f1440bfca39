"""Which words in letters are right as they stand, whether a catalogue knows them or not.

The list is pyspellchecker's, made from film subtitles: 150,000 words, names of people and places
among them. It says nothing of brands and coined names.
"""

from __future__ import annotations

import gzip
from importlib.resources import files

import orjson

SHORT = 3  # letters
OFTEN = 1_000  # so often a short word must be heard: hg and bbq are abbreviations first


def english_words() -> list[str]:
    """Return them in lower case, ascending."""
    file = files("spellchecker") / "resources" / "en.json.gz"
    counts: dict[str, int] = orjson.loads(gzip.decompress(file.read_bytes()))
    return sorted(
        word
        for word, count in counts.items()
        if word.isalpha() and (len(word) > SHORT or count >= OFTEN)
    )
