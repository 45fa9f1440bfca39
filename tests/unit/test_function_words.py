"""Function words: left out of sentences, kept in short queries."""

from __future__ import annotations

import pytest

from app.corpus.analyzer import Analyzer
from app.corpus.function_words import content_terms, function_words

ANALYZER = Analyzer.build([])
WORDS = function_words(ANALYZER)


def content(text: str) -> tuple[str, ...]:
    return content_terms(ANALYZER.query_terms(text, ["default"]), WORDS)


@pytest.mark.parametrize("text", ["the who", "你的名字", "to be or not to be", "lord of the rings"])
def test_a_short_query_keeps_every_word(text: str) -> None:
    assert content(text) == ANALYZER.query_terms(text, ["default"])


def test_a_sentence_keeps_what_it_is_about_in_its_order() -> None:
    found = content("analysis of the design of waveguide fed microwave antennas")
    assert found == ANALYZER.query_terms(
        "analysis design waveguide fed microwave antennas", ["default"]
    )
    asked = content("你好，请帮我推荐一个有免费停车和健身房的高档酒店")
    assert {"我", "的", "请", "和"}.isdisjoint(asked)
    assert {"停车", "健身", "高档", "酒店"} & set(asked)


def test_a_query_of_function_words_alone_is_kept() -> None:
    assert content("what is it that you are") != ()
