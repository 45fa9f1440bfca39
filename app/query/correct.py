"""Puts right what the catalogue does not know: pinyin, initials, slips, homophones, split words.

    huoguo → 火锅   hg → 火锅   获锅 → 火锅   restaraunt → restaurant   wi fi → wifi

Only what finds little is touched: a word in letters that stands in no document, and Chinese
characters that make no word together and no known term. What is changed is said in the answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from app.corpus.pinyin import keys
from app.corpus.text import HAN_RUN, RUNS, normalise
from app.domain.reading import Reading
from app.snapshot.snapshot import Snapshot

SHORTEST_SOUND = 4  # letters of a word that may be a name by its sound
INITIALS = range(2, 5)
WORDS_A_NAME = 6  # hai di lao
MIXED = 4  # Chinese characters on either side of letters
VOWELS = frozenset("aeiou")
LONGEST_RUN = 8  # Chinese characters looked at together
_FREE = re.compile(rb"\x00+")
MOST_CHANGES = 4  # in one query: more is another query
ROUNDS = 4


class Change(NamedTuple):
    start: int
    end: int
    text: str


class Word(NamedTuple):
    start: int
    end: int
    text: str
    is_known: bool  # stands in some document


def correct(text: str, reading: Reading, snapshot: Snapshot) -> str | None:
    """Return a text in normal form put right, None where nothing is to be changed.

    `reading` is the text's: what it names and bounds is right as it stands. Of two slips side by
    side one may hide the other, so what was put right is looked at again.
    """
    right = None
    for _ in range(ROUNDS):
        found = _put_right(text, reading, snapshot)
        if found is None:
            break
        text = right = found
        reading = snapshot.reader.read(text)
    return right


def _put_right(text: str, reading: Reading, snapshot: Snapshot) -> str | None:
    changes = list(_changes(text, reading, snapshot))
    if not changes or len(changes) > MOST_CHANGES:
        return None
    right, at = [], 0
    for change in sorted(changes):
        if change.start >= at:  # letters and the characters beside them may claim the same
            right += [text[at : change.start], change.text]
            at = change.end
    return normalise("".join([*right, text[at:]]))


def _changes(text: str, reading: Reading, snapshot: Snapshot) -> Iterator[Change]:
    said = [(m.start, m.end) for m in reading.mentions]
    said += [(q.start, q.end) for q in reading.quantities]
    words: list[Word] = []
    for match in RUNS.finditer(text):
        is_said = any(start < match.end() and match.start() < end for start, end in said)
        if match[2] and not is_said and match[2].isalpha():
            words.append(Word(*match.span(), match[2], _is_known(match[2], snapshot)))
            continue
        yield from _in_words(text, words, snapshot)
        words = []
        if match[1]:
            for start, end in _loose(match[1], match.start(), said, snapshot):
                yield from _in_chinese(text, start, end, snapshot)
    yield from _in_words(text, words, snapshot)


def _in_words(text: str, words: Sequence[Word], snapshot: Snapshot) -> Iterator[Change]:
    """Look at words in letters that stand side by side, the longest sound first."""
    at = 0
    while at < len(words):
        change = _by_sound(words[at : at + WORDS_A_NAME], snapshot)
        if change is None and not words[at].is_known:
            change = _mixed(text, words[at], snapshot)
            change = change or _by_letters(words[at : at + 2], snapshot)
        while at < len(words) and (change is None or words[at].end <= change.end):
            at += 1
            if change is None:
                break
        if change is not None:
            yield change


def _by_sound(words: Sequence[Word], snapshot: Snapshot) -> Change | None:
    """Find the most of the first words that are together a name by its sound."""
    for count in range(len(words), 0, -1):
        sound = "".join(w.text for w in words[:count])
        if len(sound) < SHORTEST_SOUND or all(w.is_known for w in words[:count]):
            continue
        guesses = snapshot.spelling.by_sound(sound)
        if guesses:
            return Change(words[0].start, words[count - 1].end, guesses[0].text)
    return None


def _mixed(text: str, word: Word, snapshot: Snapshot) -> Change | None:
    """Find a name typed in part by its sound, as 火guo: with the characters that touch the word."""
    before = HAN_RUN.findall(text[max(word.start - MIXED, 0) : word.start][::-1])
    after = HAN_RUN.match(text, word.end)
    left = len(before[0]) if before and _is_han(text, word.start - 1) else 0
    right = min(after.end() - after.start(), MIXED) if after else 0
    for start in range(word.start - left, word.start + 1):
        for end in range(word.end + right, word.end - 1, -1):
            if (start, end) == (word.start, word.end):
                continue
            for sound in keys(text[start:end]):
                guesses = snapshot.spelling.by_sound(sound)
                if guesses:
                    return Change(start, end, guesses[0].text)
    return None


def _is_han(text: str, at: int) -> bool:
    return at >= 0 and HAN_RUN.match(text[at]) is not None


def _by_letters(words: Sequence[Word], snapshot: Snapshot) -> Change | None:
    """Put the first word right: by joining it to the next, splitting, its letters, or initials."""
    first = words[0]
    if len(words) > 1 and _is_known(first.text + words[1].text, snapshot):
        return Change(first.start, words[1].end, first.text + words[1].text)
    for cut in range(2, len(first.text) - 1):
        if _is_known(first.text[:cut], snapshot) and _is_known(first.text[cut:], snapshot):
            return Change(first.start, first.end, f"{first.text[:cut]} {first.text[cut:]}")
    guesses = snapshot.spelling.by_letters(first.text)
    if len(first.text) in INITIALS and (not guesses or not VOWELS & set(first.text)):
        guesses = snapshot.spelling.by_initials(first.text) or guesses
    return Change(first.start, first.end, guesses[0].text) if guesses else None


def _in_chinese(text: str, start: int, end: int, snapshot: Snapshot) -> Iterator[Change]:
    """Look at characters that make no word together, the longest stretch first."""
    if end - start == 1:
        yield from _with_neighbours(text, start, snapshot)
    while start < end:
        change = _homophone(text, start, end, snapshot)
        if change is not None:
            yield change
        start = change.end if change else start + 1


def _homophone(text: str, start: int, last: int, snapshot: Snapshot) -> Change | None:
    """Find the longest name that the characters from `start` on sound like."""
    for end in range(min(start + LONGEST_RUN, last), start + 1, -1):
        for key in keys(text[start:end]):
            for guess in snapshot.spelling.by_sound(key):
                if len(guess.text) == end - start and HAN_RUN.fullmatch(guess.text):
                    return Change(start, end, guess.text)
    return None


def _with_neighbours(text: str, at: int, snapshot: Snapshot) -> Iterator[Change]:
    """Take one character that the catalogue does not know for a slip in the name around it."""
    if (snapshot.documents.terms.find_all((text[at],)) >= 0).all():
        return
    first, last = at, at + 1
    while at - first < MIXED and _is_han(text, first - 1):
        first -= 1
    while last - at <= MIXED and last < len(text) and _is_han(text, last):
        last += 1
    for start in range(first, at + 1):
        change = _homophone(text, start, last, snapshot)
        if change is not None and change.end > at:
            yield change
            return


def _loose(
    run: str, offset: int, said: Sequence[tuple[int, int]], snapshot: Snapshot
) -> Iterator[tuple[int, int]]:
    """Yield the stretches of a Chinese run that no known word and nothing said covers."""
    covered = bytearray(len(run))
    terms = snapshot.analyzer.terms(run)
    for term, known in zip(terms, snapshot.documents.terms.find_all(terms) >= 0, strict=True):
        at = run.find(term) if known and len(term) > 1 else -1
        while at >= 0:
            covered[at : at + len(term)] = b"\x01" * len(term)
            at = run.find(term, at + 1)
    for start, end in said:
        for at in range(max(start - offset, 0), min(end - offset, len(run))):
            covered[at] = 1
    for free in _FREE.finditer(bytes(covered)):
        yield offset + free.start(), offset + free.end()


def _is_known(word: str, snapshot: Snapshot) -> bool:
    """Tell whether a word in letters stands in any document."""
    terms = snapshot.analyzer.terms(word)
    return bool((snapshot.documents.terms.find_all(terms) >= 0).all())
