"""Names found by rolling hashes, against a search for each name at each place."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from app.corpus.lexicon import Found, Lexicon
from app.corpus.names import LONGEST, NAME, Names
from app.corpus.synonyms import Synonyms

LETTERS = "ab3é火锅𠮷 -"
texts = st.text(LETTERS, max_size=12)
owners = st.lists(st.tuples(st.integers(NAME, 1), st.integers(0, 9)), max_size=40)
FIELDS = ("category", "brand")


def lexicon_of(owned: dict[str, list[tuple[int, int]]]) -> Lexicon:
    held = {text: [number for owner in owned[text] for number in owner] for text in owned}
    return Lexicon.build(Names(FIELDS, held, Counter(list(held)), Counter(), Counter()), Synonyms())


def is_letter(character: str) -> bool:
    return character.isalnum() and character < "\u2e80"


def is_break(text: str, at: int) -> bool:
    inside = 0 < at < len(text)
    return not inside or not (is_letter(text[at - 1]) and is_letter(text[at]))


def named(owned: dict[str, list[tuple[int, int]]], text: str) -> list[Found]:
    """Try every stretch."""
    return [
        Found(
            start, end, text[start:end],
            tuple((FIELDS[field], code) for field, code in owned[text[start:end]] if field >= 0),
            next((row for field, row in owned[text[start:end]] if field == NAME), -1),
        )
        for start in range(len(text))
        for end in range(start + 1, min(start + LONGEST, len(text)) + 1)
        if text[start:end] in owned and is_break(text, start) and is_break(text, end)
    ]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(texts.filter(bool), owners, max_size=12), st.lists(texts, max_size=4))
def test_every_name_is_found_with_all_whom_it_belongs_to(
    owned: dict[str, list[tuple[int, int]]], others: list[str]
) -> None:
    lexicon = lexicon_of(owned)
    for text in (*owned, "".join(owned), " ".join([*others, *owned]), *others):
        assert lexicon.find(text) == named(owned, text[:128])


def test_a_name_of_very_many_values_keeps_them_all() -> None:
    owned = {"火锅": [(0, code) for code in range(1000)], "锅": [(NAME, 7)]}
    [whole, part] = lexicon_of(owned).find("火锅")
    assert whole.options == tuple(("category", code) for code in range(1000))
    assert (part.options, part.title_row) == ((), 7)
