"""What a catalogue row must be, and what its owner is told when it is not."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.corpus.rows import BadRow, RowRules, clean, encode
from app.corpus.schema import FieldType

RULES = RowRules(
    {
        "title": FieldType.TEXT,
        "text": FieldType.TEXT,
        "category": FieldType.KEYWORD,
        "tags": FieldType.KEYWORD,
        "location": FieldType.GEO,
        "price": FieldType.NUMBER,
        "published_at": FieldType.TIME,
        "in_stock": FieldType.BOOL,
    }
)
NAN, INF = float("nan"), float("inf")


def cleaned(**values):
    return clean({"id": "a", "title": "A"} | values, RULES)


def test_a_whole_row_is_kept_as_it_stands():
    row = {
        "id": "a", "title": "老灶火锅", "text": "辣", "category": "hotpot", "tags": ["x", "y"],
        "lat": -90, "lon": 180.0, "price": 0, "in_stock": False, "votes": 3, "menu": {"a": [1]},
    }  # fmt: skip
    assert clean(row, RULES) == row


def test_missing_values_are_left_out():
    row = cleaned(text=None, category="", tags=[], price=None, lat=None, lon=None, note="  ")
    assert row == {"id": "a", "title": "A"}


def test_a_whole_number_is_an_id():
    assert clean({"id": 7, "title": "A"}, RULES)["id"] == "7"


@pytest.mark.parametrize(
    ("values", "field", "said"),
    [
        ({"id": None}, "id", "missing"),
        ({"id": ""}, "id", "empty"),
        ({"id": True}, "id", "not a string"),
        ({"id": 1.5}, "id", "not a string"),
        ({"id": "é" * 300}, "id", "512 bytes"),
        ({"title": None}, "title", "missing"),
        ({"title": "  "}, "title", "missing or empty"),
        ({"title": 7}, "title", "not a string"),
        ({"lat": 91, "lon": 0}, "lat", "outside [-90, 90]"),
        ({"lat": 0, "lon": -180.5}, "lon", "outside [-180, 180]"),
        ({"lat": NAN, "lon": 0}, "lat", "not finite"),
        ({"lat": "31", "lon": 0}, "lat", "not a number"),
        ({"lat": 31}, "lat", "no lon"),
        ({"lon": 31}, "lon", "no lat"),
        ({"price": INF}, "price", "not finite"),
        ({"price": True}, "price", "not a number"),
        ({"price": "12"}, "price", "not a number"),
        ({"votes": NAN}, "votes", "not finite"),
        ({"in_stock": "yes"}, "in_stock", "not a bool"),
        ({"in_stock": 1}, "in_stock", "not a bool"),
        ({"tags": {"a": 1}}, "tags", "list of strings"),
        ({"tags": ["a", ["b"]]}, "tags", "not a string"),
        ({"text": 5}, "text", "not a string"),
        ({"published_at": "yesterday"}, "published_at", "not a time"),
        ({"published_at": "2026-02-30"}, "published_at", "no date"),
        ({"published_at": "0001-01-01T00:00:00+14:00"}, "published_at", "years"),
        ({"published_at": NAN}, "published_at", "years"),
        ({"published_at": 1_700_000_000_000_000_000}, "published_at", "years"),
        ({"k" * 300: 1}, "k" * 300, "name"),
    ],
)
def test_a_bad_value_is_refused_by_name(values, field, said):
    with pytest.raises(BadRow) as caught:
        clean({"id": "a", "title": "A"} | values, RULES)
    assert caught.value.field == field
    assert said in caught.value.reason
    assert caught.value.remedy


@pytest.mark.parametrize("record", [None, [], "row", 5])
def test_only_objects_are_rows(record):
    with pytest.raises(BadRow, match="not an object"):
        clean(record, RULES)


@pytest.mark.parametrize(
    ("value", "epoch_ms"),
    [
        (0, 0),
        (1_767_225_600_123.9, 1_767_225_600_123),
        ("2026-01-01T00:00:00Z", 1_767_225_600_000),
        ("2026-01-01t08:00:00.1239+08:00", 1_767_225_600_123),
        ("2026-01-01", 1_767_225_600_000),
        ("1969-12-31T23:59:59.999Z", -1),
        ("0001-01-01T00:00:00-14:00", -62_135_546_400_000),
    ],
)
def test_times_become_epoch_milliseconds(value, epoch_ms):
    assert cleaned(published_at=value)["published_at"] == epoch_ms


def test_one_string_is_one_keyword_and_numbers_are_words():
    row = cleaned(tags="a;b", category=5)
    assert (row["tags"], row["category"]) == ("a;b", "5")
    assert cleaned(tags=["a", None, "", 3])["tags"] == ["a", "3"]


def test_paragraphs_of_a_text_field_are_joined():
    assert cleaned(text=["one", "two"])["text"] == "one\ntwo"


def test_a_field_over_the_limit_is_refused_and_one_at_the_limit_is_kept():
    rules = RowRules(RULES.types, max_field_bytes=1000)
    fits, over = cleaned(text="é" * 499, note="n" * 900), cleaned(text="é" * 500)
    assert orjson.loads(encode(fits, rules)) == fits
    with pytest.raises(BadRow, match="1,002 bytes"):
        encode(over, rules)


@pytest.mark.parametrize("values", [{"text": "a\udcff"}, {"m": {"n": ["\ud800"]}}, {"\udcff": 1}])
def test_what_is_not_utf8_is_refused_and_can_be_reported(values):
    with pytest.raises(BadRow) as caught:
        encode(cleaned(**values), RULES)
    assert str(caught.value).encode()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**80), 2**80) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*RULES.types, "id", "lat", "lon", "x"]), json_values))
def test_any_row_is_either_kept_whole_or_refused_with_a_reason(record):
    try:
        row = clean(record, RULES)
        line = encode(row, RULES)
    except BadRow as bad:
        said = (bad.reason, bad.remedy)
        assert all(said)
    else:
        assert orjson.loads(line)["id"] == row["id"]
        assert clean(row, RULES) == row
