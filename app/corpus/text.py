"""Text as everybody compares it: one spelling for what reads the same, and the runs inside it.

Normal form: NFKC, case folded, Latin letters without accents, invisible characters removed,
traditional Chinese as simplified, single spaces. Index, query and logs all go through here.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import pairwise

from opencc import OpenCC

_HAN = r"\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff"
HAN_RUN = re.compile(f"[{_HAN}]+")

LETTER = rf"[^\W_{_HAN}]"
RUNS = re.compile(rf"([{_HAN}]+)|(\d+(?:\.\d+)+|{LETTER}+(?:'{LETTER}+)*)")
"""Group 1: Chinese characters. Group 2: a decimal number, or letters and digits of any script
held together by apostrophes. What matches neither is punctuation."""

_SURROGATE = re.compile(r"[\ud800-\udfff]")
_SETTLED = re.compile(r"[\x00-\x7f\u4e00-\u9fa5]*")  # of this, case alone has two spellings


def normalise(text: str) -> str:
    """Return the normal form. Idempotent; lone surrogates become U+FFFD, so it encodes to UTF-8."""
    if _SIMPLE.fullmatch(text):
        return " ".join(text.lower().split())
    if _SETTLED.fullmatch(text):
        text, is_simple = text.lower(), False
    else:
        text = _SURROGATE.sub("\ufffd", text)
        text = unicodedata.normalize("NFKC", text).casefold().translate(_PLAIN)
        text = unicodedata.normalize("NFKC", text)  # what marks kept apart composes now
        is_simple = HAN_RUN.search(text) is None
    if not is_simple:
        simpler = _SIMPLER.convert(text)
        text = simpler if simpler == text else _SIMPLER.convert(simpler)  # 薴: first 苧, then 苎
    return " ".join(text.split())


def traced(text: str) -> tuple[str, list[int]]:
    """Return the normal form, one character at a time, and where each of its own comes from.

    So every place in it leads back to the text as written. Spaces stay as many as there were.
    """
    pieces, places = [], []
    for at, character in enumerate(text):
        piece = _normal_character(character)
        pieces.append(piece)
        places += [at] * len(piece)
    return "".join(pieces), places


@lru_cache(1 << 14)
def _normal_character(character: str) -> str:
    return " " if character.isspace() else normalise(character)


def _plain_letters() -> dict[int, str]:
    """Map each accented Latin letter to its letter, marks and invisible characters to nothing."""
    plain = {}
    for code in (*range(0xC0, 0x250), *range(0x1E00, 0x1F00)):
        base = unicodedata.normalize("NFD", chr(code))[0]
        if base.isascii():
            plain[code] = base.lower()
    plain |= {code: "" for code in range(0x300, 0x370)}  # marks that compose with no letter
    plain |= {ord(c): "" for c in "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"}
    plain |= {code: "" for code in range(0xFE00, 0xFE10)}  # variation selectors
    plain |= {ord(c): "'" for c in "\u2018\u2019\u02bc\u2032"}
    return plain | {ord("ø"): "o", ord("ł"): "l", ord("đ"): "d", ord("æ"): "ae", ord("œ"): "oe"}


_PLAIN = _plain_letters()
_SIMPLER = OpenCC("t2s")


def _traditional() -> frozenset[str]:
    """Return the settled characters that have a simpler form, alone or in some phrase."""
    all_settled = [chr(code) for code in range(0x4E00, 0x9FA6)]
    simpler = _SIMPLER.convert("\n".join(all_settled)).split("\n")
    alone = {c for c, other in zip(all_settled, simpler, strict=True) if c != other}
    return frozenset(alone | set(_IN_PHRASES))


_IN_PHRASES = "沈坏覆瞭藉哩衹甦"  # 深沈 is 深沉, 沈 alone is a name


def _simple() -> re.Pattern[str]:
    """Compile what is settled and has no simpler form: most queries are of nothing else."""
    edges = [0x4DFF, *sorted(map(ord, _traditional())), 0x9FA6]
    ranges = [f"{chr(a + 1)}-{chr(b - 1)}" for a, b in pairwise(edges) if b - a > 1]
    return re.compile(rf"[\x00-\x7f{''.join(ranges)}]*")


_SIMPLE = _simple()
