"""Puts right what the catalogue does not know: pinyin, initials, slips, homophones, split words.

    huoguo → 火锅   hg → 火锅   获锅 → 火锅   restaraunt → restaurant   wi fi → wifi

Only what finds little is touched: a word in letters that stands in no document and in no English
dictionary, and Chinese characters that make no word, neither the catalogue's nor a dictionary's. A
long query is a sentence: a slip in it costs little, a wrong guess would mislead it. What people
type often is right, unless as many type what would stand there instead; and it is what others may
have meant, where no name of the catalogue sounds so. What is changed is said in the answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from app.corpus.pinyin import is_sound, keys
from app.corpus.text import HAN_RUN, RUNS, normalise
from app.domain.reading import Reading
from app.query.by_sound import Change, Word, by_sound, is_usual
from app.query.loose import Span, Terms, loose
from app.snapshot.snapshot import Snapshot

INITIALS = range(2, 5)
WORDS_A_NAME = 6  # hai di lao
MIXED = 4  # Chinese characters on either side of letters
VOWELS = frozenset("aeiou")
LONGEST_RUN = 8  # Chinese characters looked at together
MOST_CHANGES = 4  # in one query: more is another query
ROUNDS = 4
MOST_HAN, MOST_WORDS = 10, 12  # Chinese characters, words in letters: more are a sentence
FEW_WORDS = 2  # beside so many, two to four letters may be initials


def correct(text: str, reading: Reading, terms: Terms, snapshot: Snapshot) -> str | None:
    """Return a text in normal form put right, None where nothing is to be changed.

    `reading` is the text's: what it names and bounds is right as it stands. `terms` are its terms
    with where each stands. Of two slips side by side one may hide the other, so what was put right
    is looked at again.
    """
    right = None
    for _ in range(ROUNDS):
        found = _put_right(text, reading, terms, snapshot)
        if found is None:
            break
        text = right = found
        reading, terms = snapshot.reader.read(text), snapshot.analyzer.spans(text)
    return right


def _put_right(text: str, reading: Reading, terms: Terms, snapshot: Snapshot) -> str | None:
    found = _changes(text, reading, terms, snapshot)
    changes = [change for change in found if not _is_typed_so(text, change, snapshot)]
    if not changes or len(changes) > MOST_CHANGES:
        return None
    right, at = [], 0
    for change in sorted(changes):
        if change.start >= at:  # letters and the characters beside them may claim the same
            right += [text[at : change.start], change.text]
            at = change.end
    return normalise("".join([*right, text[at:]]))


def _is_typed_so(text: str, change: Change, snapshot: Snapshot) -> bool:
    """Tell whether more people type what stands there than what would stand there instead.

    Asked of the change itself and of all that it may be a part of, up to the whole text. As many
    are enough where documents do not hold the other either.
    """
    if text[change.start : change.end] == change.text:
        return True
    typed = snapshot.spelling.typed
    if not typed.people.size:
        return False
    spans = [
        (start, end)
        for start in range(max(change.start - LONGEST_RUN, 0), change.start + 1)
        for end in range(change.end, min(change.end + LONGEST_RUN, len(text)) + 1)
    ]
    spans.append((0, len(text)))
    now = typed.by([text[s:e] for s, e in spans])
    if not now.any():
        return False
    then = typed.by([text[s : change.start] + change.text + text[change.end : e] for s, e in spans])
    least = then if _is_known(change.text, snapshot) else then - 1
    return bool(((now > 0) & (now > least)).any())


def _changes(text: str, reading: Reading, terms: Terms, snapshot: Snapshot) -> Iterator[Change]:
    runs, said = list(RUNS.finditer(text)), reading.spans()
    written = len([run for run in runs if run[2]])
    if written > MOST_WORDS or _says_all(said, runs):
        return
    looks_at_han = len(text) <= MOST_HAN or sum([len(run[1]) for run in runs if run[1]]) <= MOST_HAN
    words = list[Word]()
    for run in runs:
        if run[2] and run[2].isalpha() and not _says_of(said, run):
            words.append(_word(run, terms, snapshot))
            continue
        if words:
            yield from _in_words(text, words, written, snapshot)
            words = []
        if run[1] and looks_at_han:
            for start, end in loose(text, run.span(), said, terms, snapshot):
                yield from _in_chinese(text, start, end, snapshot)
    if words:
        yield from _in_words(text, words, written, snapshot)


def _says_all(said: Sequence[Span], runs: Sequence[re.Match[str]]) -> bool:
    """Tell whether each run lies in one of the spans."""
    if not said:
        return False
    return all([any([s <= r.start() and r.end() <= e for s, e in said]) for r in runs])


def _says_of(said: Sequence[Span], run: re.Match[str]) -> bool:
    """Tell whether a span holds any of the run."""
    return bool(said) and any([start < run.end() and run.start() < end for start, end in said])


def _word(run: re.Match[str], terms: Terms, snapshot: Snapshot) -> Word:
    text, place = run[2], run.span()
    term = next(term for term, start, end in terms if (start, end) == place)
    is_known = snapshot.documents.terms.find(term) >= 0
    spelling = snapshot.spelling
    is_right = is_known or spelling.is_english(text) or spelling.is_named(text)
    return Word(*place, text, is_known, is_right, is_sound(text))


def _in_words(
    text: str, words: Sequence[Word], written: int, snapshot: Snapshot
) -> Iterator[Change]:
    """Look at words in letters that stand side by side, the longest sound first."""
    if all([word.is_known and not word.is_sound for word in words]):
        return
    at = 0
    while at < len(words):
        change = by_sound(words[at : at + WORDS_A_NAME], snapshot)
        change = change or _mixed(text, words[at], snapshot)
        if change is None and not words[at].is_right:
            change = _by_letters(words, at, written, snapshot)
        while at < len(words) and (change is None or words[at].end <= change.end):
            at += 1
            if change is None:
                break
        if change is not None:
            yield change


def _mixed(text: str, word: Word, snapshot: Snapshot) -> Change | None:
    """Find a name typed in part by its sound, as 火guo: with the characters that touch the word."""
    if word.is_known and not word.is_sound:
        return None
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


def _by_letters(words: Sequence[Word], at: int, written: int, snapshot: Snapshot) -> Change | None:
    """Put one word right: by joining it to the next, splitting, its letters, or initials."""
    first, spelling = words[at], snapshot.spelling
    before, after = (
        words[at - 1].text if at else "",
        "".join(w.text for w in words[at + 1 : at + 2]),
    )
    if after and _is_known(first.text + after, snapshot):
        return Change(first.start, words[at + 1].end, first.text + after)
    two = spelling.as_two(first.text)
    if two is not None:
        return Change(first.start, first.end, two)
    guesses = [
        guess
        for guess in spelling.by_letters(first.text)
        if is_usual(guess, snapshot)
        or (before and spelling.as_two(before + guess.text))  # it stands beside these in a name
        or (after and spelling.as_two(guess.text + after))
    ]
    may_be_initials = len(first.text) in INITIALS and written <= FEW_WORDS
    if may_be_initials and (not guesses or not VOWELS & set(first.text)):
        guesses = spelling.by_initials(first.text) or guesses
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
                is_as_long = len(guess.text) == end - start and HAN_RUN.fullmatch(guess.text)
                if is_as_long and is_usual(guess, snapshot):
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


def _is_known(word: str, snapshot: Snapshot) -> bool:
    """Tell whether a word in letters stands in any document."""
    terms = snapshot.analyzer.terms(word)
    return bool((snapshot.documents.terms.find_all(terms) >= 0).all())
