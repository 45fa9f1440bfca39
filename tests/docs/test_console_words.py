"""What the console says: every word is known, in both languages, and none is there for nothing."""

from __future__ import annotations

import re
from pathlib import Path

CODE = Path(__file__).parents[2] / "app" / "console" / "code"
WORD = re.compile(
    r'^  "?([\w.]+)"?: \[\s*"((?:[^"\\]|\\.)+)",\s*"((?:[^"\\]|\\.)+)",?\s*\],$', re.M
)
SAID = re.compile(r'\bt\(\s*"([\w.]+)"')
EITHER = re.compile(r'\bt\([^()]*\? "([\w.]+)" : "([\w.]+)"\)')


def words() -> dict[str, tuple[str, str]]:
    text = (CODE / "words.js").read_text("utf-8")
    start = text.index("const WORDS")
    table = text[start : text.index("};", start)]
    found = {key: (english, chinese) for key, english, chinese in WORD.findall(table)}
    assert len(found) > 100
    assert len(found) == len(re.findall(r'^  "?[\w.]+"?: \[', table, re.M)), (
        "a word is laid out oddly"
    )
    return found


def said() -> set[str]:
    code = "\n".join(file.read_text("utf-8") for file in CODE.glob("*.js"))
    return {*SAID.findall(code), *(word for pair in EITHER.findall(code) for word in pair)}


def test_every_word_that_is_said_is_known_in_both_languages():
    assert said() - words().keys() == set()


def test_both_languages_fill_in_the_same_figures():
    def figures(text: str) -> list[str]:
        return sorted(re.findall(r"\{\d\}", text))

    assert not [key for key, (a, b) in words().items() if figures(a) != figures(b)]


def test_no_word_is_there_that_nobody_says():
    code = "\n".join(f.read_text("utf-8") for f in CODE.glob("*.js") if f.name != "words.js")
    fields = {"price", "rating", "popularity", "category", "brand", "tags", "in_stock"}
    server = {
        "understand", "recall", "merge", "select", "ok", "skipped", "timed_out", "failed", "entity",
        "beyond_k", "no_match", *(key for key in words() if key.startswith("stage.")),
    }  # fmt: skip
    unsaid = {key for key in words() if not re.search(rf'["`]{re.escape(key)}["`]', code)}
    assert unsaid - fields - server == set()
