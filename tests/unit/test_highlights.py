"""Marks stand where the words are as written, and nothing of a document reaches a page as HTML."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.corpus.analyzer import Analyzer
from app.pipeline.highlights import SNIPPET, Highlight, highlights_of, matches

ANALYZER = Analyzer.build(["海底捞", "老灶"])


def marked(text: str, query: str) -> str:
    """The text with brackets around what matches."""
    terms = set(ANALYZER.terms(query))
    for start, end in reversed(matches(text, terms, ANALYZER)):
        text = f"{text[:start]}[{text[start:end]}]{text[end:]}"
    return text


@pytest.mark.parametrize(
    ("text", "query", "expected"),
    [
        ("海底捞火锅(王府井店)", "火锅", "海底捞[火锅](王府井店)"),
        ("四川火鍋 ＷｉＦｉ", "火锅 wifi", "四川[火鍋] [ＷｉＦｉ]"),
        ("Running shoes for RUNNERS", "run", "[Running] shoes for RUNNERS"),
        ("Café crème", "cafe", "[Café] crème"),
        ("海底捞", "海底捞", "[海底捞]"),
        ("wifi wifis insight", "wifi", "[wifi] [wifis] insight"),
        ("nothing here", "火锅", "nothing here"),
        ("ﬁne dining", "fine", "[ﬁne] dining"),
    ],
)
def test_words_are_marked_however_they_are_written(text, query, expected):
    assert marked(text, query) == expected


def test_a_long_text_is_cut_to_where_most_matches_stand():
    text = "x " * 300 + "火锅 " + "y " * 300 + "火锅 火锅 火锅 " + "z " * 300
    found = highlights_of({"text": text}, ["text"], {"火锅"}, ANALYZER)["text"]
    assert len(found.text) <= SNIPPET + 2
    assert (found.text[0], found.text[-1]) == ("…", "…")
    assert [found.text[a:b] for a, b in found.ranges] == ["火锅"] * 3


def test_lists_are_shown_as_one_text_and_other_values_not_at_all():
    found = highlights_of(
        {"tags": ["火锅", "wifi"], "price": 5, "text": None}, ["tags", "price", "text"], {"wifi"},
        ANALYZER,
    )  # fmt: skip
    assert {name: h.html for name, h in found.items()} == {"tags": "火锅 · <mark>wifi</mark>"}


def test_markup_in_a_document_stays_text():
    text = '<script>alert("火锅")</script> & <mark>'
    found = highlights_of({"title": text}, ["title"], {"火锅"}, ANALYZER)["title"]
    assert found.html == (
        "&lt;script&gt;alert(&quot;<mark>火锅</mark>&quot;)&lt;/script&gt; &amp; &lt;mark&gt;"
    )


TEXTS = st.text(st.sampled_from("火鍋锅海底捞 wifiWＷＩ<>&\"'é\u0301\u200d😀\ud800x"), max_size=300)


@given(TEXTS, st.sampled_from(["火锅", "wifi", "海底捞 x", "é", "<"]))
def test_without_its_marks_the_html_is_the_text(text, query):
    terms = set(ANALYZER.terms(query))
    found = highlights_of({"t": text}, ["t"], terms, ANALYZER)
    for shown in found.values():
        assert isinstance(shown, Highlight)
        plain = re.sub("</?mark>", "", shown.html)
        assert html.unescape(plain) == shown.text
        assert shown.html.count("<") == 2 * len(shown.ranges)
        ends = [0, *(place for span in shown.ranges for place in span)]
        assert ends == sorted(ends)
        assert shown.text.strip("…") in text
