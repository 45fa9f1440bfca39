"""Text to terms. The same object reads documents when indexing and queries when searching.

Chinese: jieba's words and the dictionary words inside them (search granularity), then every name
of the catalogue that the text contains. A name only ever adds a term: it never changes how the
text around it is cut, so a long name cannot hide its parts. English: Porter2 stems. Words with
hyphens or digits stand in their other forms as well (`app.corpus.forms`).
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path

import rjieba
import Stemmer

from app.corpus.forms import ANY, Form, other_forms
from app.corpus.text import HAN_RUN, RUNS, normalise
from app.domain.errors import CorruptArtifact, InvalidInput
from app.domain.query import MAX_QUERY_TERMS

VERSION = 2  # raise when the same text would give other terms
MAX_TERM_CHARACTERS = 64  # longer runs are cut: base64 and the like are nobody's query
NAME_CHARACTERS = range(2, 9)
MAX_NAMES = 100_000  # 0.25 s to load
_LIBRARIES = ("rjieba", "pystemmer", "opencc")
_STEMS = 1 << 16


class Analyzer:
    """Cuts text into terms. Thread-safe; a process opens its own from disk."""

    def __init__(self, names: Sequence[str]) -> None:
        """Take the catalogue's names in normal form; see `build` and `open`."""
        self.names = tuple(names)
        self.id = _identity(self.names)
        self._jieba = _dictionary()
        self._known = frozenset(names)
        without_words: Callable[[], rjieba.Jieba] = rjieba.Jieba.empty
        self._finder = without_words()
        for name in names:
            self._finder.add_word(name, 1, None)
        # Without its own cache the stemmer holds no state between calls; lru_cache has a lock.
        self._stem = lru_cache(_STEMS)(Stemmer.Stemmer("english", 0).stemWord)

    @classmethod
    def build(cls, user_words: Iterable[str]) -> Analyzer:
        """Learn the catalogue's names and brands: runs of 2 to 8 Chinese characters.

        Words that jieba knows are left out; beyond `MAX_NAMES` the most frequent stay.
        """
        counts: Counter[str] = Counter()
        for word in user_words:
            counts.update(r for r in HAN_RUN.findall(normalise(word)) if len(r) in NAME_CHARACTERS)
        new = [name for name in counts if not _dictionary().has_word(name)]
        new.sort(key=lambda name: (-counts[name], name))
        return cls(sorted(new[:MAX_NAMES]))

    def normalise(self, text: str) -> str:
        """Return the normal form of a text; see `app.corpus.text`."""
        return normalise(text)

    def terms(self, text: str, analyzer: str = "default") -> list[str]:
        """Cut into terms, in reading order, duplicates kept. Any string is accepted.

        "whitespace" keeps the tokens of pre-tokenised text as they are, but for the normal form.
        """
        return self._cut(normalise(text), analyzer)

    def _cut(self, text: str, analyzer: str) -> list[str]:
        if analyzer == "whitespace":
            return [token[:MAX_TERM_CHARACTERS] for token in text.split()]
        if analyzer != "default":
            raise InvalidInput(f"analyzer = {analyzer!r}: use default or whitespace")
        if ANY.search(text):
            return [term for term, _, _ in self.spans(text)]
        terms: list[str] = []
        for chinese, word in RUNS.findall(text):
            if chinese:
                terms += self._chinese(chinese)
            else:
                terms.append(self._word(word))
        return terms

    def is_word(self, text: str) -> bool:
        """Tell whether Chinese characters are a word of the dictionary or a name."""
        return text in self._known or bool(_dictionary().has_word(text))

    def spans(self, text: str) -> list[tuple[str, int, int]]:
        """Return the terms of a text in normal form with where each stands in it: `terms`, placed.

        A term may stand inside another. Of pre-tokenised text use the offsets of its tokens.
        """
        waiting = other_forms(text)[::-1] if ANY.search(text) else []
        found: list[tuple[str, int, int]] = []
        for match in RUNS.finditer(text):
            start, end = match.span()
            while waiting and (waiting[-1].start, -waiting[-1].end) < (start, -end):
                found.append(self._form(waiting.pop()))  # the whole before its parts
            if match[2]:
                found.append((self._word(match[2]), start, end))
            else:
                found += self._chinese_spans(match[1], start)
        found += [self._form(form) for form in reversed(waiting)]
        return found

    def _form(self, form: Form) -> tuple[str, int, int]:
        return self._word(form.text), form.start, form.end

    def query_terms(self, text: str, analyzers: Sequence[str]) -> tuple[str, ...]:
        """Return the distinct terms under each analyzer, in order of first appearance."""
        normal = normalise(text)
        found = dict.fromkeys(term for name in analyzers for term in self._cut(normal, name))
        return tuple(found)[:MAX_QUERY_TERMS]

    def save(self, path: Path) -> None:
        """Write the names and what they were made with under the directory `path`."""
        path.mkdir(parents=True, exist_ok=True)
        facts = {"id": self.id, "version": VERSION, "libraries": _libraries()}
        (path / "analyzer.json").write_text(json.dumps(facts, indent=1), "utf-8")
        (path / "names.txt").write_text("\n".join(self.names), "utf-8")

    @classmethod
    def open(cls, path: Path) -> Analyzer:
        """Read what `save` wrote; refuse it where this process would cut text otherwise."""
        facts = json.loads((path / "analyzer.json").read_text("utf-8"))
        analyzer = cls((path / "names.txt").read_text("utf-8").split())
        if analyzer.id != facts["id"]:
            raise CorruptArtifact(
                f"{path}: analyzer {facts['id']} was made with {facts['libraries']}, "
                f"here is {_libraries()}; run: duolu reindex"
            )
        return analyzer

    def _word(self, word: str) -> str:
        """Stem one word; ocean's, oceans and ocean are one term."""
        return str(self._stem(word.replace("'", "")[:MAX_TERM_CHARACTERS]))

    def _chinese(self, run: str) -> list[str]:
        names = self._names_in(run)
        if not names:
            return list(self._jieba.cut_for_search(run))
        return [term for term, _, _ in _merge(self._jieba.tokenize(run, "search"), names)]

    def _chinese_spans(self, run: str, offset: int) -> list[tuple[str, int, int]]:
        words, names = self._jieba.tokenize(run, "search"), self._names_in(run)
        merged = _merge(words, names)
        if not offset:
            return merged
        return [(term, offset + start, offset + end) for term, start, end in merged]

    def _names_in(self, run: str) -> list[tuple[str, int]]:
        """Find all names, nested ones too, with their ends, ordered by start then end."""
        found: list[tuple[str, int]] = []
        start = 0
        for word in self._finder.cut_all(run) if self._known else ():
            if word in self._known:  # cut_all gives every occurrence in order of its start
                start = run.index(word, start)
                found.append((word, start + len(word)))
        return found


def _merge(
    words: list[tuple[str, int, int]], names: Sequence[tuple[str, int]]
) -> list[tuple[str, int, int]]:
    """Put each name behind the words that it covers, unless it is one of them."""
    if not names:
        return words
    spans, placed = set(words), [(name, end - len(name), end) for name, end in names]
    waiting = [name for name in placed if name not in spans]
    if not waiting:
        return words
    waiting.sort(key=lambda n: -n[2])
    merged: list[tuple[str, int, int]] = []
    for word in words:
        while waiting and waiting[-1][2] <= word[1]:
            merged.append(waiting.pop())
        merged.append(word)
    return merged + waiting[::-1]


@cache
def _dictionary() -> rjieba.Jieba:
    """Load jieba's own dictionary once, 80 ms and 24 MB. Nothing is ever added to it."""
    return rjieba.Jieba()


def _libraries() -> dict[str, str]:
    return {name: version(name) for name in _LIBRARIES}


def _identity(names: Sequence[str]) -> str:
    """Name everything that decides the terms: our version, the libraries', the names.

    Python's Unicode tables are left out: normal form and case folding are stable across them.
    """
    facts = json.dumps([VERSION, _libraries(), list(names)])
    return f"{VERSION}-{hashlib.sha256(facts.encode()).hexdigest()[:12]}"
