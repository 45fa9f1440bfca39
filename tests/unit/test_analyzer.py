"""The analyzer: one term for what reads the same, parts for every whole, no text breaks it."""

from concurrent.futures import ThreadPoolExecutor

import jieba
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.corpus.analyzer import MAX_TERM_CHARACTERS, Analyzer
from app.corpus.forms import other_forms
from app.corpus.text import normalise
from app.domain.errors import CorruptArtifact, InvalidInput
from app.domain.query import MAX_QUERY_TERMS

NAMES = ["北京贵都大酒店", "海底捞", "瑞尔威连锁饭店(北京西客站店)", "贵都", "North Face 火锅"]
ANALYZER = Analyzer.build(NAMES)
NAMELESS = Analyzer.build([])
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=60)  # lone surrogates too
WORDS = st.text("北京贵都大酒店海底捞火锅乾隆iPhone 15's.,·貴", max_size=30)


@given(WORDS)
def test_plain_characters_read_the_same_beside_one_that_is_not_plain(text):
    assert normalise(f"{text} e") == normalise(f"{text} é")


@settings(deadline=None)
@given(ANY_TEXT | WORDS)
@example("薴")  # simplified in two steps
@example("\u0627\u0300\u0653")  # letters compose once the mark between them is gone
def test_normalising_twice_changes_nothing(text):
    once = normalise(text)
    assert normalise(once) == once


@pytest.mark.parametrize("analyzer", ["default", "whitespace"])
@settings(deadline=None)
@given(text=ANY_TEXT | WORDS)
@example(text="a\ud83d火\udc00")
@example(text="x" * 1000)
def test_any_text_gives_terms_that_are_short_not_empty_and_encodable(analyzer, text):
    terms = ANALYZER.terms(text, analyzer)
    assert all(term and len(term) <= MAX_TERM_CHARACTERS for term in terms)
    " ".join(terms).encode()


@settings(deadline=None)
@given(ANY_TEXT | WORDS)
def test_terms_of_the_normal_form_are_the_terms_of_the_text(text):
    assert ANALYZER.terms(ANALYZER.normalise(text)) == ANALYZER.terms(text)


@settings(deadline=None)
@given(WORDS)
def test_a_name_adds_terms_and_never_takes_one_away(text):
    plain = NAMELESS.terms(text)
    named = ANALYZER.terms(text)
    added = iter(named)
    assert all(term in added for term in plain)  # plain is a subsequence of named
    assert set(named) - set(plain) <= set(ANALYZER.names)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("ＡＢＣ火鍋", "abc火锅"),
        ("乾隆皇帝著名餐廳", "乾隆皇帝著名餐厅"),
        ("Amélie", "amelie"),
        ("Straße", "STRASSE"),
        ("Ocean’s Eleven", "oceans eleven"),
        ("connected", "connections"),
        ("zero\u200bwidth", "zerowidth"),
    ],
)
def test_spellings_that_read_the_same_give_the_same_terms(left, right):
    assert ANALYZER.terms(left) == ANALYZER.terms(right)


def test_numbers_stay_whole_and_punctuation_goes():
    assert ANALYZER.terms("4.5分以上, wi-fi! iPhone15 (v2)") == [
        "4.5", "分", "以上", "wifi", "wi", "fi", "iphone15", "iphon", "15", "v2", "v", "2",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "written"),
    [
        ("iphone 15", "Apple iPhone15 手机"),
        ("iphone15手机", "Apple iPhone 15"),
        ("wifi", "Wi-Fi 6"),
        ("wi-fi", "free WIFI"),
        ("icecream", "ice-cream"),
        ("tshirt", "T-shirts"),
        ("covid 19", "COVID-19"),
        ("2l", "可乐2升装"),
        ("2 升", "bottle, 2L"),
        ("可乐 ５００ml", "可乐0.5升"),
        ("500克", "coffee 500 g"),
        ("1 公斤", "大米2斤"),
        ("55英寸", "55-inch TV"),
        ("90分钟", "1.5 hours of massage"),
    ],
)
def test_a_word_is_found_by_its_other_forms(asked, written):
    assert set(NAMELESS.terms(asked)) & set(NAMELESS.terms(written))


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("2024-01-15", ["2024", "01", "15"]),
        ("abc123def456", ["abc123def456"]),
        ("state-of-the-art", ["state", "of", "the", "art"]),
        ("iphone15 pro", ["iphone15", "iphon", "15", "pro"]),  # neighbours stay neighbours
        ("5米线", ["500cm", "5", "米线"]),
    ],
)
def test_other_forms_stand_before_their_parts_and_serial_numbers_have_none(text, terms):
    assert NAMELESS.terms(text) == terms


@pytest.mark.parametrize("text", ["火" * 200_000 + "1", "火a" * 100_000])
def test_a_run_of_any_length_is_read_through_once(text):
    """It would take minutes, were every character looked at from every other."""
    assert other_forms(text) == []


@settings(deadline=None)
@given(ANY_TEXT | st.text("北京贵火锅iphone15'-.2lkg升斤x", max_size=30))
def test_spans_are_the_terms_placed_where_they_stand(text):
    normal = ANALYZER.normalise(text)
    spans = ANALYZER.spans(normal)
    assert [term for term, _, _ in spans] == ANALYZER.terms(text)
    assert all(0 <= start < end <= len(normal) for _, start, end in spans)


def test_part_of_a_long_name_matches_the_whole():
    whole = set(ANALYZER.terms("北京贵都大酒店"))
    for part in ("北京", "贵都", "大酒店", "酒店", "北京贵都大酒店"):
        assert set(ANALYZER.terms(part)) <= whole, part


def test_a_name_inside_other_text_becomes_a_term_in_reading_order():
    assert ANALYZER.terms("去海底捞吃烤肉") == ["去", "海底", "捞", "海底捞", "吃", "烤肉"]
    assert "海底捞" not in NAMELESS.terms("去海底捞吃烤肉")


def test_a_name_that_is_already_a_word_of_the_text_is_not_doubled():
    analyzer = Analyzer.build(["鼎泰丰"])
    assert analyzer.names == ("鼎泰丰",)
    assert analyzer.terms("去鼎泰丰吃饭") == ["去", "鼎泰丰", "吃饭"]


def test_without_names_chinese_is_cut_as_jieba_cuts_it_for_search():
    text = "北京市朝阳区南京大学附近的连锁火锅店推荐一家评分高的"
    assert NAMELESS.terms(text) == jieba.lcut_for_search(text)


def test_words_that_jieba_knows_are_no_names():
    assert Analyzer.build(["火锅", "酒店", "海底捞", "捞"]).names == ("海底捞",)


def test_pre_tokenised_text_is_split_at_spaces_only():
    assert ANALYZER.terms("88 44-A  Running 火锅", "whitespace") == [
        "88",
        "44-a",
        "running",
        "火锅",
    ]


def test_an_unknown_analyzer_is_refused_by_name():
    with pytest.raises(InvalidInput, match="snowball"):
        ANALYZER.terms("text", "snowball")


def test_query_terms_are_distinct_in_order_and_bounded():
    assert ANALYZER.query_terms("b a b running", ("default", "whitespace")) == (
        "b", "a", "run", "running",
    )  # fmt: skip
    assert (
        len(ANALYZER.query_terms(" ".join(map(str, range(500))), ("default",))) == MAX_QUERY_TERMS
    )


def test_512_times_the_same_letter_is_an_ordinary_query():
    for letter in "a1海é👍":
        assert len(ANALYZER.query_terms(letter * 512, ("default",))) <= MAX_QUERY_TERMS


def test_a_saved_analyzer_opens_with_the_same_id_and_terms(tmp_path):
    ANALYZER.save(tmp_path)
    opened = Analyzer.open(tmp_path)
    assert opened.id == ANALYZER.id
    assert opened.terms("去北京贵都大酒店") == ANALYZER.terms("去北京贵都大酒店")


def test_other_names_are_another_analyzer():
    assert Analyzer.build(["海底捞"]).id != Analyzer.build(["小肥羊"]).id
    assert Analyzer.build(["海底捞", "贵都"]).id == Analyzer.build(["贵都", "海底捞"]).id


def test_names_that_are_not_those_of_the_id_are_refused(tmp_path):
    ANALYZER.save(tmp_path)
    (tmp_path / "names.txt").write_text("海底捞", "utf-8")
    with pytest.raises(CorruptArtifact, match="duolu reindex"):
        Analyzer.open(tmp_path)


def test_threads_share_one_analyzer():
    texts = [f"connections{i} running 北京贵都大酒店 {i}" for i in range(200)]
    alone = [ANALYZER.terms(text) for text in texts]
    fresh = Analyzer.build(NAMES)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(fresh.terms, texts)) == alone
