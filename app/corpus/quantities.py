"""Numbers in a query that bound a field: 100-150元, 评分4.5以上, under $30, at least 2 bedrooms.

Nothing here knows a catalogue. A number field brings its own words (its name, and `words` of the
configuration), its units with their factors, and words that stand for a value (免费 is 0). A number
belongs to a field by the unit that it carries or by the field's word beside it; a number with
neither bounds nothing and stays a word to search for.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from app.corpus.schema import FieldSpec, FieldType, Schema
from app.corpus.text import normalise
from app.domain.filters import Range
from app.domain.reading import Quantity

AROUND = 0.2  # "about 100" is 80 to 120
GAP = 8  # characters between a field's word and its number
_CHINESE = "零一二两三四五六七八九"
_DIGITS = {c: i for i, c in enumerate("零一二")} | {"两": 2} | {
    c: i for i, c in enumerate("三四五六七八九", 3)
}  # fmt: skip
_TENS = {"十": 10, "百": 100, "千": 1_000, "万": 10_000}
_NUMBER = rf"(?:\d+(?:\.\d+)?(?:[千万]|k\b)?|[{_CHINESE}十百千万]+)"
_NUMERAL = re.compile(rf"[\d{_CHINESE}十百千万]")  # without one there is no number
_TO = r"(?:-|–|—|~|到|至|and|to)"
_BELOW = (
    "不超过", "不高于", "不多于", "不大于", "低于", "少于", "小于", "最多", "至多", "at most",
    "no more than", "up to", "less than", "cheaper than", "under", "below", "within", "max",
)  # fmt: skip
_ABOVE = (
    "不低于", "不少于", "不小于", "高于", "超过", "大于", "至少", "最少", "at least",
    "no less than", "more than", "over", "above", "from", "min",
)  # fmt: skip
_ABOUT = ("大约", "大概", "约", "about", "around", "roughly")
_OR_LESS = (
    "以下", "以内", "之内", "之下", "or less", "and below", "or below", "or under", "max",
)  # fmt: skip
_OR_MORE = (
    "及以上", "或以上", "以上", "之上", "起", "+", "or more", "and up", "and above", "or above",
    "or higher", "or better", "plus",
)  # fmt: skip
_ROUGHLY = ("左右", "上下", "or so")
MUST = re.compile(r"(必须|一定要|一定得|只要|只看|务必|must be|must|only|strictly)[^\d]{0,12}$")
_LINK = re.compile(
    r"[\s:=,是为在有的要得能最好希望要求大概约]*(?:\b(?:is|are|of|was|between|be|with|a)\b)?\s*"
)


class Vocabulary(NamedTuple):
    """How people name one number field."""

    field: str
    words: tuple[str, ...]  # longest first
    units: Mapping[str, float]  # unit → what one of it is in the field's own
    values: Mapping[str, float]  # word → the value that it stands for


MOST = 16
"""Quantities of one query: each is looked up in every document, and nobody means more."""


@dataclass(frozen=True, slots=True)
class Quantities:
    """Finds the bounded fields in a text, for one schema."""

    vocabularies: tuple[Vocabulary, ...]
    pattern: re.Pattern[str]
    word: re.Pattern[str] | None  # a field's word
    value: re.Pattern[str] | None  # a word that stands for a value

    @classmethod
    def of(cls, schema: Schema) -> Quantities:
        """Compile what the number fields of a schema are called."""
        known = tuple(_vocabulary(f) for f in schema.of_type(FieldType.NUMBER))
        unit = _any_of(u for v in known for u in v.units) or "(?!)"
        sign = _any_of(u for v in known for u in v.units if not u[0].isalpha()) or "(?!)"
        before = _any_of((*_BELOW, *_ABOVE, *_ABOUT, "between"))
        after = _any_of((*_OR_LESS, *_OR_MORE, *_ROUGHLY))
        return cls(
            known,
            re.compile(
                rf"(?:(?P<before>{before})\s*)?(?:(?P<unit0>{sign})\s*)?"
                rf"(?P<low>{_NUMBER})(?:\s*(?P<unit1>{unit}))?"
                rf"(?:\s*{_TO}\s*(?:{sign})?\s*(?P<high>{_NUMBER})(?:\s*(?P<unit2>{unit}))?(?:之间)?)?"
                rf"(?:\s*(?P<after>{after}))?"
            ),
            _compiled(w for v in known for w in v.words),
            _compiled(w for v in known for w in v.values),
        )

    def find(self, text: str) -> tuple[Quantity, ...]:
        """Find what is bounded in a text in normal form, in reading order: MOST at most."""
        if not (_NUMERAL.search(text) or (self.value and self.value.search(text))):
            return ()
        found: list[Quantity] = []
        end = 0
        for match in self.pattern.finditer(text):
            if match.start("low") < end or _is_inside_word(text, match):
                continue
            quantity = self._read(text, match, end)
            if quantity is not None:
                found.append(quantity)
                end = quantity.end
        return tuple(sorted([*found, *self._values(text, found)], key=lambda q: q.start)[:MOST])

    def _read(self, text: str, match: re.Match[str], floor: int) -> Quantity | None:
        units = [match[g] for g in ("unit0", "unit1", "unit2") if match[g]]
        before = self._word_before(text, match.start(), floor)
        after = self._word_after(text, match.end())
        for word in (before, None, after):
            known = self._named(word[2] if word else None, units)
            if known is not None:
                factor = known.units[units[-1]] if units else 1.0
                start = min(match.start(), word[0]) if word else match.start()
                end = max(match.end(), word[1]) if word else match.end()
                is_hard = MUST.search(text, 0, start) is not None
                return Quantity(Range(known.field, *_bounds(match, factor)), start, end, is_hard)
        return None

    def _named(self, word: str | None, units: list[str]) -> Vocabulary | None:
        """Return the field that is called so and measured so; a number alone has none."""
        if word is None and not units:
            return None
        fitting = (
            known
            for known in self.vocabularies
            if (word is None or word in known.words) and all(u in known.units for u in units)
        )
        return next(fitting, None)

    def _word_before(self, text: str, at: int, floor: int) -> tuple[int, int, str] | None:
        """Return the field's word nearest before `at`, if only filling stands between."""
        if self.word is None:
            return None
        nearest = None
        for match in self.word.finditer(text, max(floor, at - GAP - 12), at):
            if _LINK.fullmatch(text, match.end(), at):
                nearest = match
        return (*nearest.span(), nearest[0]) if nearest else None

    def _word_after(self, text: str, at: int) -> tuple[int, int, str] | None:
        filling = _LINK.match(text, at)
        match = self.word.match(text, filling.end()) if self.word and filling else None
        return (*match.span(), match[0]) if match else None

    def _values(self, text: str, found: list[Quantity]) -> Iterator[Quantity]:
        """Yield the words that stand for a value, where the field is not bounded already."""
        bounded = {q.range.field for q in found}
        for match in self.value.finditer(text) if self.value else ():
            for known in self.vocabularies:
                if match[0] in known.values and known.field not in bounded:
                    bounded.add(known.field)
                    value = known.values[match[0]]
                    word = self._word_before(text, match.start(), 0)
                    start = word[0] if word and word[2] in known.words else match.start()
                    is_hard = MUST.search(text, 0, start) is not None
                    yield Quantity(Range(known.field, value, value), start, match.end(), is_hard)


def _vocabulary(field: FieldSpec) -> Vocabulary:
    own = normalise(field.name.replace("_", " "))
    words = {normalise(w) for w in field.words} | {own, own.removesuffix("s")} - {""}
    return Vocabulary(
        field.name,
        tuple(sorted(words, key=lambda w: -len(w))),
        {normalise(unit): factor for unit, factor in field.units.items()},
        {normalise(word): value for word, value in field.values.items()},
    )


def _bounds(match: re.Match[str], factor: float) -> tuple[float, float]:
    """Return the lower and the upper bound, in the field's own unit."""
    low = _number(match["low"]) * factor
    if match["high"]:
        high = _number(match["high"]) * factor
        return min(low, high), max(low, high)
    if match["before"] in _BELOW or match["after"] in _OR_LESS:
        return -math.inf, low
    if match["before"] in _ABOVE or match["after"] in _OR_MORE:
        return low, math.inf
    if match["before"] in _ABOUT or match["after"] in _ROUGHLY:
        return low * (1 - AROUND), low * (1 + AROUND)
    return low, low


def _number(text: str) -> float:
    """Read digits with 千, 万 or k, or a number in Chinese characters."""
    if text[0].isdigit():
        scale = {"k": 1e3, "千": 1e3, "万": 1e4}.get(text[-1], 1.0)
        return float(text.rstrip("k千万")) * scale
    total = section = digit = 0
    for character in text:
        if character == "万":
            total, section, digit = (total + section + digit) * 10_000, 0, 0
        elif character in _TENS:
            section, digit = section + (digit or 1) * _TENS[character], 0
        else:
            digit = _DIGITS[character]
    return float(total + section + digit)


def _is_inside_word(text: str, match: re.Match[str]) -> bool:
    """Tell whether the number is the tail of a name, as in iphone15 or t2."""
    at = match.start("low")
    return at > 0 and match.start() == at and text[at - 1].isascii() and text[at - 1].isalpha()


def _compiled(words: Iterable[str]) -> re.Pattern[str] | None:
    pattern = _any_of(words)
    return re.compile(pattern) if pattern else None


def _any_of(words: Iterable[str]) -> str:
    """Return a pattern of any of the words, longest first; Latin ones between word ends."""
    ordered = sorted(set(words), key=lambda w: (-len(w), w))
    return "|".join(
        rf"\b{re.escape(w)}\b" if w.isascii() and w[0].isalpha() else re.escape(w) for w in ordered
    )
