"""Words that mean the same find the same, and nothing else changes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.corpus.synonyms import Synonyms
from app.domain.errors import InvalidInput
from app.offline.build import configured_synonyms
from app.query.understand import SearchRequest, understand
from app.settings import Settings
from tests.builders import make_snapshot
from tests.builders.snapshots import CONFIG

LINES = ("# to eat", "Hotpot, 火鍋, steam boat", "", "sushi => 日本料理  # one way", "tui na, 推拿")
ROWS = [
    {"id": "1", "title": "渝味", "category": "火锅", "text": "麻辣"},
    {"id": "2", "title": "Sichuan hotpot", "category": "restaurant"},
    {"id": "3", "title": "花见", "category": "日本料理"},
    {"id": "4", "title": "Sushi Ten", "category": "restaurant", "text": "按摩推拿"},
]  # fmt: skip


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    path = tmp_path_factory.mktemp("synonyms") / "s"
    return make_snapshot(ROWS, path, channels=(), synonyms=Synonyms.parse(LINES, "file"))


def ask(snapshot, text):
    return understand(SearchRequest(text), snapshot, 0)


def test_each_of_a_list_finds_the_others():
    others = Synonyms.parse(LINES, "file").others
    assert others["火锅"] == ("hotpot", "steam boat")
    assert others["steam boat"] == ("hotpot", "火锅")


def test_an_arrow_leads_one_way():
    others = Synonyms.parse(LINES, "file").others
    assert others["sushi"] == ("日本料理",)
    assert "日本料理" not in others


def test_a_synonym_is_searched_for_beside_the_words_that_were_typed(snapshot):
    query = ask(snapshot, "spicy Hotpot")
    assert query.terms == ("spici", "hotpot")
    assert query.also == ("火锅", "steam", "boat")


def test_a_synonym_names_the_values_of_the_others(snapshot):
    [mention] = ask(snapshot, "steam boat").reading.mentions
    category = snapshot.documents.keywords["category"]
    assert [(f, category.names.strings[code]) for f, code in mention.options] == [
        ("category", "火锅")
    ]


def test_a_phrase_inside_a_longer_one_is_not_meant(snapshot):
    assert ask(snapshot, "hotpots").also == ()


def test_a_synonym_is_never_put_right(snapshot):
    query = ask(snapshot, "tui na")
    assert (query.text, query.original, query.also) == ("tui na", None, ("推拿",))


def test_what_was_written_is_what_a_snapshot_opens(snapshot):
    assert snapshot.reader.lexicon.synonyms == Synonyms.parse(LINES, "file")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("hotpot", "alone"),
        ("hotpot =>", "no phrase"),
        ("a, b", "no phrase"),
        ("hotpot, " + "x" * 30, "no phrase"),
        (", ".join(f"word{i}" for i in range(20)), "over 16"),
    ],
)
def test_a_line_that_says_nothing_is_refused_by_its_number(line, complaint):
    with pytest.raises(InvalidInput, match=complaint) as refused:
        Synonyms.parse(["# first", line], "config/synonyms.txt")
    assert "config/synonyms.txt:2" in str(refused.value)


@settings(deadline=None)
@given(st.lists(st.text(st.sampled_from("ab火锅,=># "), max_size=20)))
def test_any_file_is_read_or_refused(lines):
    try:
        others = Synonyms.parse(lines, "f").others
    except InvalidInput:
        return
    assert all(phrase not in found for phrase, found in others.items())


def test_the_file_that_comes_with_duolu_is_read():
    loaded = Settings.load(CONFIG, environment={})
    assert "hotpot" in configured_synonyms(loaded).others["火锅"]


def test_a_file_that_is_not_there_is_named(tmp_path):
    loaded = Settings.load(CONFIG, ["query.synonyms=nowhere.txt"], {})
    with pytest.raises(InvalidInput, match=r"nowhere\.txt"):
        configured_synonyms(loaded)
