"""What people type often is kept in a snapshot: queries, their words, and how many typed each."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.corpus.around import Around
from app.corpus.typed import Typed, may_be_words
from tests.builders.snapshots import make_documents

QUERIES = {"螺蛳粉 外卖": 12, "螺蛳粉": 7, "iphone 15": 5, "锅": 90, "15": 30, "火guo": 3}


def test_a_query_and_each_word_of_it_is_known_by_who_typed_it(tmp_path):
    Typed.of(QUERIES).save(tmp_path)
    typed = Typed.open(tmp_path)
    texts = ["螺蛳粉 外卖", "螺蛳粉", "外卖", "iphone", "火guo", "guo", "火", "锅", "15", "小笼包"]
    assert typed.by(texts).tolist() == [12, 12, 12, 5, 3, 3, 0, 0, 0, 0]
    assert typed.words() == {"iphone": 5, "guo": 3}


def test_a_snapshot_of_an_earlier_version_knows_nothing_of_it(tmp_path):
    assert Typed.open(tmp_path).by(["火锅"]).tolist() == [0]
    assert Around.open(tmp_path).find("锅", make_documents([{"id": "1"}], tmp_path / "d")) == []


@given(
    st.dictionaries(st.text("火锅ab1 😀", min_size=1, max_size=5), st.integers(3, 9), max_size=6)
)
def test_it_does_not_depend_on_the_order_in_which_queries_are_told(queries):
    one, other = Typed.of(queries), Typed.of(dict(reversed(queries.items())))
    assert list(one.texts.strings) == list(other.texts.strings)
    assert one.people.tolist() == other.people.tolist()
    assert sorted(one.people.tolist(), reverse=True) == one.people.tolist()


def test_a_query_of_two_to_six_chinese_characters_may_be_a_word():
    queries = dict.fromkeys(["锅", "火锅", "一二三四五六", "一二三四五六七", "火锅 店", "ab"], 3)
    assert may_be_words(queries) == {"火锅", "一二三四五六"}


def test_the_words_around_a_character_are_those_of_most_documents(tmp_path):
    rows = [
        {"id": str(i), "title": t} for i, t in enumerate(["火锅", "火锅 铁锅", "炒锅 wok", "锅"])
    ]
    documents = make_documents(rows, tmp_path / "documents")
    Around.build(documents).save(tmp_path)
    around = Around.open(tmp_path)
    assert around.find("锅", documents) == ["火锅", "炒锅", "铁锅"]
    assert around.find("w", documents) == []
