"""What begins as typed is found: by characters, by sound, by initials, with one slip."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.corpus.completion_keys import Keys
from app.corpus.completion_search import best_among, best_in, max_tree, prefix_range, slip_ranges
from app.corpus.completions import Completions, covered
from app.corpus.ragged import Strings
from app.corpus.text import normalise

TEXTS = (
    "火锅", "海底捞 hotpot", "重庆小面", "iPhone 15 Pro", "Starbucks Reserve", "货柜", "獲得",
    "ＬＶ包",
)  # fmt: skip
ALPHABET = "ab 火锅c"
SOME_TEXT = st.text(ALPHABET, min_size=1, max_size=6)


@pytest.fixture(scope="module")
def completions(tmp_path_factory):
    path = tmp_path_factory.mktemp("completions") / "c"
    Completions.build(TEXTS, [normalise(t) for t in TEXTS], np.linspace(1, 0.3, 8)).save(path)
    return Completions.open(path)


def found(completions, typed, slipped=False):
    find = completions.find_slipped if slipped else completions.find
    return [TEXTS[i] for r in find(normalise(typed)) for i in completions.best(r, 9).entries]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("火", "火锅"),
        ("hg", "火锅"),
        ("huog", "火锅"),
        ("HuoG", "火锅"),
        ("ｈｕｏｇ", "火锅"),
        ("火g", "火锅"),
        ("火鍋", "火锅"),
        ("hai di lao", "海底捞 hotpot"),
        ("haid", "海底捞 hotpot"),
        ("hotp", "海底捞 hotpot"),
        ("chongq", "重庆小面"),
        ("cq", "重庆小面"),
        ("iphone15", "iPhone 15 Pro"),
        ("res", "Starbucks Reserve"),
        ("获", "獲得"),
        ("lv", "ＬＶ包"),
    ],
)
def test_a_beginning_finds_what_it_is_the_beginning_of(completions, typed, meant):
    assert meant in found(completions, typed)


@pytest.mark.parametrize("typed", ["haidl", "hdlao", "hdilao", "海dl", "海di捞", "hai d l"])
def test_sounds_may_be_cut_to_their_first_letters(completions, typed):
    entries = [
        e for r in completions.find_abbreviated(typed) for e in completions.best(r, 9).entries
    ]
    found = [TEXTS[e] for e in entries if covered(normalise(TEXTS[e]), typed)]
    assert found == ["海底捞 hotpot"]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("iphnoe", "iPhone 15 Pro"),
        ("starbuks", "Starbucks Reserve"),
        ("starrbu", "Starbucks Reserve"),
        ("ststbu", None),
        ("sta", None),
        ("hiadi", "海底捞 hotpot"),
        ("获锅", "火锅"),
    ],
)
def test_one_slip_is_forgiven_from_four_letters_on(completions, typed, meant):
    slipped = found(completions, typed, slipped=True)
    assert meant in slipped if meant else slipped == []


def test_the_heaviest_come_first_and_each_once(completions):
    assert found(completions, "h")[:2] == ["火锅", "海底捞 hotpot"]
    assert len(set(found(completions, ""))) == len(found(completions, "")) == len(TEXTS)


@given(st.lists(SOME_TEXT, min_size=1, max_size=12), st.data())
@settings(max_examples=60, deadline=None)
def test_every_beginning_of_a_text_finds_it(texts, data):
    normal = [normalise(t) or "x" for t in texts]
    completions = Completions.build(normal, normal, np.ones(len(normal)))
    i = data.draw(st.integers(0, len(normal) - 1))
    typed = normalise(normal[i][: data.draw(st.integers(1, len(normal[i])))])
    entries = {int(e) for r in completions.find(typed) for e in completions.best(r, 99).entries}
    assert i in entries


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.data())
@settings(max_examples=60, deadline=None)
def test_the_best_of_ranges_are_those_that_sorting_gives(entries, data):
    n = len(entries)
    weights = np.array(data.draw(st.permutations(range(1, n + 1))), np.float32)
    low = data.draw(st.integers(0, n))
    ranges = np.array([[low, data.draw(st.integers(low, n))]], np.int64)
    order = sorted(range(*ranges[0].tolist()), key=lambda i: -weights[i])
    expected = [i for j, i in enumerate(order) if entries[i] not in [entries[o] for o in order[:j]]]
    tree, owner = max_tree(weights), np.array(entries, np.int32)
    assert best_in(tree, owner, ranges, 4).tolist() == expected[:4]
    places = np.argsort(owner, kind="stable")
    offsets = np.searchsorted(owner[places], np.arange(7))
    chosen = best_among(tree, offsets, places, np.arange(6, dtype=np.int32), ranges).tolist()
    assert sorted(i for i in chosen if i >= 0) == sorted(expected)


@given(st.sets(st.text("abc ", min_size=1, max_size=5), max_size=30), st.text("abc", min_size=2))
@settings(max_examples=80, deadline=None)
def test_one_slip_finds_what_trying_every_edit_finds(keys, typed):
    typed = typed[:6]
    ordered = sorted(key.encode() for key in keys)
    strings = Strings.pack(ordered)
    raw = np.frombuffer(typed.encode(), np.uint8)
    ranges = slip_ranges(strings.offsets, strings.values, raw)
    here = {ordered[i] for low, high in ranges.tolist() for i in range(low, high)}
    right = {k for k in ordered if any(k.startswith(e.encode()) for e in edits(typed))}
    same = prefix_range(strings.offsets, strings.values, raw).tolist()
    exact = {ordered[i] for low, high in same for i in range(low, high)}
    assert here - exact == right - exact


def edits(typed):
    for i in range(len(typed)):
        if i + 1 < len(typed):
            yield typed[:i] + typed[i + 1 :]
            yield typed[:i] + typed[i + 1] + typed[i] + typed[i + 2 :]
        for letter in "abc ":
            yield typed[:i] + letter + typed[i:]
            if i + 1 < len(typed):
                yield typed[:i] + letter + typed[i + 1 :]


@pytest.mark.parametrize("texts", [[], ["火锅"]])
def test_few_texts_are_texts_too(texts, tmp_path):
    Completions.build(texts, texts, np.ones(len(texts))).save(tmp_path / "c")
    completions = Completions.open(tmp_path / "c")
    for typed in ("", "h", "huog", "zzzz"):
        for ranges in (*completions.find(typed), *completions.find_slipped(typed)):
            assert completions.best(ranges, 9).entries.size <= len(texts)
            assert completions.among(ranges, np.arange(len(texts))).entries.size <= len(texts)


def test_keys_are_ascending_and_cut_at_their_width():
    keys = Keys.of(["火" * 30, "ab cd", "ab"])
    raw = [keys.strings.raw(i) for i in range(len(keys.strings))]
    assert raw == sorted(raw)
    assert max(map(len, raw)) == 48


@pytest.mark.parametrize(
    ("text", "typed", "covers"),
    [
        ("火锅 麻辣", "hg", (0, 2)),
        ("火锅", "huog", (0, 2)),
        ("海底捞", "海d", (0, 2)),
        ("starbucks reserve", "res", (10, 13)),
        ("火锅", "货g", None),
        ("iphone 15", "iphone15", (0, 9)),
    ],
)
def test_what_was_typed_of_a_text_can_be_told(text, typed, covers):
    assert covered(text, typed) == covers
