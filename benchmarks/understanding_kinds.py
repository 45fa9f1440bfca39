"""Own test queries: drawn by seed from a catalogue, turned into what people type instead.

Each names what it must find: documents by title, or by what they hold.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
import rjieba
from opencc import OpenCC
from rapidfuzz.distance import OSA
from understanding_queries import WORD, Asked, Bound, Catalogue, Document, Fits, says, values

from app.corpus.english import english_words
from app.corpus.geometry import within_km
from app.corpus.pinyin import initials, keys
from app.corpus.text import HAN_RUN, normalise

TRADITIONAL = OpenCC("s2t").convert
NEAR_KM = 5.0
_ALPHABET = "abcdefghijklmnopqrstuvwxyz"


def draw(catalogue: Catalogue, each: int, seed: int) -> list[Asked]:
    """Draw up to `each` distinct queries of every kind."""
    found: dict[str, Asked] = {}
    for number, make in enumerate(_MAKERS):
        rng, held = random.Random(seed * 1000 + number), 0
        for asked in make(catalogue, rng):
            if asked.text not in found:
                found[asked.text] = asked
                held += 1
            if held == each:
                break
    return list(found.values())


def _sounds(key: str, spell: Callable[[str], list[str]]) -> Fits:
    """Documents with a name that may be typed so."""

    def fits(document: Document) -> bool:
        heads = [h for h in HAN_RUN.findall(normalise(document["title"])) if len(h) <= 8]
        return any(key in spell(name) for name in (*values(document), *heads))

    return fits


def _names(catalogue: Catalogue, rng: random.Random) -> Iterator[str]:
    """Yield names, those that many bear more often."""
    names, weights = list(catalogue.names), list(catalogue.names.values())
    for _ in range(10_000):
        yield rng.choices(names, [w**0.5 for w in weights])[0]


def _titles(
    catalogue: Catalogue, rng: random.Random, pattern: str, longest: int = 24
) -> Iterator[Document]:
    for _ in range(10_000):
        document = rng.choice(catalogue.documents)
        if len(document["title"]) <= longest and re.search(pattern, document["title"]):
            yield document


def _as(document: Document) -> Fits:
    return lambda d: normalise(d["title"]) == normalise(document["title"])


def _pinyin(catalogue: Catalogue, rng: random.Random) -> Iterator[Asked]:
    for name in _names(catalogue, rng):
        key = keys(name)[0]
        if len(key) >= 4:
            yield Asked("pinyin", key, _sounds(key, keys), 1)


def _spaced(catalogue: Catalogue, rng: random.Random) -> Iterator[Asked]:
    for name in _names(catalogue, rng):
        key = keys(name)[0]
        if len(key) >= 4:
            text = " ".join(keys(character)[0] for character in name)
            yield Asked("pinyin, spaced", text, _sounds(key, keys), 1)


def _fuzzy(catalogue: Catalogue, rng: random.Random) -> Iterator[Asked]:
    """Sounds that the south does not tell apart."""
    pairs = (("zh", "z"), ("sh", "s"), ("ch", "c"), ("ang", "an"), ("eng", "en"), ("ing", "in"))
    for name in _names(catalogue, rng):
        key = keys(name)[0]
        here = [(a, b) for a, b in pairs if a in key]
        if here and len(key) >= 6:
            yield Asked("pinyin, fuzzy", key.replace(*rng.choice(here), 1), says(name), 1)


def _title_words(catalogue: Catalogue, rng: random.Random) -> Iterator[Asked]:
    """Words inside titles that are no values of any field, by their sound."""
    counts = Counter[str]()
    for document in catalogue.documents:
        counts.update({w for w in rjieba.cut(normalise(document["title"])) if HAN_RUN.fullmatch(w)})
    words = [w for w, n in counts.items() if n >= 3 and len(w) > 1 and w not in catalogue.names]
    for word in rng.sample(sorted(words), len(words)):
        key = keys(word)[0]
        if len(key) >= 4:
            yield Asked("pinyin in titles", key, _holds_sound(key, len(word)), 1)


def _holds_sound(key: str, length: int) -> Fits:
    """Documents with so many characters in the title that sound so."""

    def fits(document: Document) -> bool:
        runs = HAN_RUN.findall(normalise(document["title"]))
        pieces = (r[i : i + length] for r in runs for i in range(len(r) - length + 1))
        return any(key in keys(piece) for piece in pieces)

    return fits


def _initials(catalogue: Catalogue, rng: random.Random) -> Iterator[Asked]:
    english = frozenset(english_words())  # who types "my" means it
    for name in _names(catalogue, rng):
        key = initials(name)[0]
        if 2 <= len(key) <= 4 and key not in english:
            yield Asked("initials", key, _sounds(key, initials), 1)


def _mixed(catalogue: Catalogue, rng: random.Random) -> Iterator[Asked]:
    for name in _names(catalogue, rng):
        text = name[:-1] + keys(name[-1])[0]
        yield Asked("mixed script", text, _sounds(keys(name)[0], keys), 1)


def _homophones(catalogue: Catalogue, rng: random.Random) -> Iterator[Asked]:
    alike: dict[str, list[str]] = {}
    for name in catalogue.names:
        for character in name:
            alike.setdefault(keys(character)[0], [])
    for code in range(0x4E00, 0x9FA5):
        character = chr(code)
        if keys(character)[0] in alike and normalise(character) == character:
            alike[keys(character)[0]].append(character)
    for name in _names(catalogue, rng):
        at = rng.randrange(len(name))
        text = name[:at] + rng.choice(alike[keys(name[at])[0]][:40]) + name[at + 1 :]
        if text not in catalogue.names and len(name) >= 2:
            yield Asked("homophone", text, _sounds(keys(text)[0], keys), 1)


def _typos(catalogue: Catalogue, rng: random.Random) -> Iterator[Asked]:
    """One letter left out, doubled, changed or swapped in a word that several titles hold."""
    words = [w for w, count in catalogue.words.items() if len(w) >= 5 and count >= 3]
    for _ in range(10_000):
        word = rng.choice(words)
        at = rng.randrange(1, len(word) - 1)
        slips = (
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
            word[:at] + rng.choice(_ALPHABET) + word[at + 1 :],
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        )
        typed = rng.choice(slips)
        if typed not in catalogue.words:
            yield Asked("typo", typed, _holds_near(typed, word), 1)


def _holds_near(typed: str, word: str) -> Fits:
    """Documents with the word, or with another that is as near to what was typed."""

    def fits(document: Document) -> bool:
        text = normalise(f"{document['title']} {document.get('text', '')}")
        return any(w == word or OSA.distance(w, typed) <= 1 for w in WORD.findall(text))

    return fits


def _phrase_typos(catalogue: Catalogue, rng: random.Random) -> Iterator[Asked]:
    """A title in letters with one slip: the other words say which is meant."""
    for document in _titles(catalogue, rng, r"^[A-Za-z' ]{12,}$", 60):
        words = document["title"].split()
        at = max(range(len(words)), key=lambda i: len(words[i]))
        word = words[at]
        if len(word) >= 6 and len(words) > 1:
            cut = rng.randrange(2, len(word) - 1)
            words[at] = word[:cut] + word[cut + 1 :]
            yield Asked("typo in a title", " ".join(words), _as(document), 1)


def _traditional(catalogue: Catalogue, rng: random.Random) -> Iterator[Asked]:
    for document in _titles(catalogue, rng, r"[\u4e00-\u9fff]{4}"):
        text = TRADITIONAL(document["title"])
        if text != document["title"]:
            yield Asked("traditional", text, _as(document), 1)


def _wide(catalogue: Catalogue, rng: random.Random) -> Iterator[Asked]:
    for document in _titles(catalogue, rng, r"[A-Za-z0-9]{2}"):
        title = document["title"]
        text = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in title)
        yield Asked("full width", text, _as(document), 1)


def _numbers(catalogue: Catalogue, rng: random.Random) -> Iterator[Asked]:
    """Letters and digits written together or apart, units in another language."""
    units = {"g": "克", "kg": "公斤", "ml": "毫升", "米": "m", "平米": "m2", "分钟": "minutes"}
    for document in _titles(catalogue, rng, r"\d", 40):
        title = document["title"]
        amount = re.search(r"(\d+)(kg|g|ml|分钟|米)(?![a-z])", title)
        model = re.search(r"\b([A-Za-z]+)(\d+)\b", title)
        apart = re.search(r"([A-Za-z]+) (\d+)\b", title)
        if amount:
            text = title.replace(amount[0], f"{amount[1]} {units[amount[2]]}")
        elif model:
            text = title.replace(model[0], f"{model[1]} {model[2]}")
        elif apart:
            text = title.replace(apart[0], apart[1] + apart[2])
        else:
            continue
        yield Asked("numbers", text, _as(document), 1)


def _joined(catalogue: Catalogue, rng: random.Random) -> Iterator[Asked]:
    """Two words as one."""
    for document in _titles(catalogue, rng, r"[A-Za-z]{3,} [A-Za-z]{3,}", 60):
        pairs = re.findall(r"(?=\b([A-Za-z]{3,}) ([A-Za-z]{3,})\b)", document["title"])
        if pairs:
            first, second = rng.choice(pairs)
            together = (first + second).lower()
            if together not in catalogue.words:
                yield Asked("joined", together, _both(first.lower(), second.lower()), 1)


def _both(first: str, second: str) -> Fits:
    return lambda d: {first, second} <= set(WORD.findall(normalise(d["title"])))


def _bounds(catalogue: Catalogue, rng: random.Random) -> Iterator[Asked]:
    for _ in range(10_000):
        bound, (kind, fits) = rng.choice(catalogue.bounds), rng.choice([*catalogue.kinds.items()])
        is_han = HAN_RUN.search(bound.pattern) is not None
        value = rng.choice(bound.values)
        keeps = _keeps(bound, value, fits)
        held = sum(map(keeps, catalogue.documents))
        if is_han == (HAN_RUN.search(kind) is not None) and held >= 3:
            text = bound.pattern.format(n=f"{value:g}", x=kind)
            yield Asked("constraint", text, keeps, min(6, held))


def _keeps(bound: Bound, value: float, fits: Fits) -> Fits:
    def keeps(document: Document) -> bool:
        held = document.get(bound.field)
        if held is None or not fits(document):
            return False
        return bool(held >= value if bound.is_least else held <= value)

    return keeps


def _places(catalogue: Catalogue, rng: random.Random) -> Iterator[Asked]:
    placed = [d for d in catalogue.documents if "lat" in d]
    for document in _titles(catalogue, rng, r"^[\u4e00-\u9fff]{4,10}$|^[A-Za-z' ]{8,22}$"):
        if "lat" not in document:
            continue
        name = document["title"]
        is_han = HAN_RUN.search(name) is not None
        kind, fits = rng.choice(
            [(k, f) for k, f in catalogue.kinds.items() if bool(HAN_RUN.search(k)) == is_han]
        )
        text = f"{name}附近的{kind}" if is_han else f"{kind} near {name}"
        near = _within(catalogue, name, fits)
        held = sum(map(near, placed))
        if held >= 3:
            yield Asked("place", text, near, min(5, held))


def _within(catalogue: Catalogue, name: str, fits: Fits) -> Fits:
    """Documents of a kind near to one that is called so."""
    called = [d for d in catalogue.documents if normalise(d["title"]) == normalise(name)]
    lats = np.array([d.get("lat", np.nan) for d in called])
    lons = np.array([d.get("lon", np.nan) for d in called])

    def near(document: Document) -> bool:
        if "lat" not in document or not fits(document):
            return False
        return bool(within_km(document["lat"], document["lon"], NEAR_KM, lats, lons).any())

    return near


_MAKERS: tuple[Callable[[Catalogue, random.Random], Iterator[Asked]], ...] = (
    _pinyin, _spaced, _fuzzy, _initials, _mixed, _homophones, _typos, _phrase_typos, _traditional,
    _wide, _numbers, _joined, _bounds, _places, _title_words,
)  # fmt: skip
