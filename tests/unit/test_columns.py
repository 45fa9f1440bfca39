"""What a file calls our fields is taken as said; what does not fit is told with a remedy."""

import io

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.corpus import sources
from app.corpus.column_names import nearest, proposed
from app.corpus.columns import Columns
from app.corpus.rows import BadRow
from app.corpus.schema import FieldType
from app.corpus.sources import read_blocks
from app.domain.errors import InvalidInput
from tests.builders.reindexing import settings

TYPES = {
    "title": FieldType.TEXT, "text": FieldType.TEXT, "category": FieldType.KEYWORD,
    "price": FieldType.NUMBER, "location": FieldType.GEO,
}  # fmt: skip
SHOP = {"id": "sku", "title": "product_name", "lat": "latitude", "lon": "longitude",
        "category": "cate", "price": "prc"}  # fmt: skip
NAMES = ["sku", "product_name", "longitude", "latitude", "cate", "prc", "colour"]
ROW = ["A1", "耳机", 121.5, 31.2, "数码", 199, "red"]
OURS = {"id": "A1", "title": "耳机", "lon": 121.5, "lat": 31.2, "category": "数码", "price": 199,
        "colour": "red"}  # fmt: skip


def columns(**theirs):
    return Columns.of(theirs, TYPES)


def read(file, naming, **options):
    blocks = read_blocks(str(file), columns=naming, **options)
    return [record for block in blocks for _, record in block.records(TYPES)]


def catalogue(path, rows, names=None):
    """Write rows, lists or objects, as the file's name says."""
    names = names or NAMES
    if path.suffix == ".csv":
        lines = [names, *rows]
        path.write_text("".join(",".join(map(str, line)) + "\n" for line in lines))
    elif path.suffix == ".parquet":
        held = {name: [row[i] for row in rows] for i, name in enumerate(names)}
        pq.write_table(pa.table(held), path)
    else:
        objects = [row if isinstance(row, dict) else dict(zip(names, row, strict=True))
                   for row in rows]  # fmt: skip
        path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in objects))
    return path


KINDS = pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])


@KINDS
def test_named_columns_take_our_names_in_every_kind_of_file(tmp_path, kind):
    file = catalogue(tmp_path / f"a.{kind}", [ROW])
    assert read(file, columns(**SHOP)) == [OURS]


def test_standard_input_is_renamed_too():
    stdin = io.BytesIO(orjson.dumps(dict(zip(NAMES, ROW, strict=True))))
    assert read("-", columns(**SHOP), stdin=stdin) == [OURS]


@KINDS
def test_a_file_without_id_and_title_is_told_what_to_say(tmp_path, kind):
    file = catalogue(tmp_path / f"a.{kind}", [ROW])
    with pytest.raises(InvalidInput) as told:
        read(file, columns())
    for part in ("no column id and no title", ", ".join(NAMES),
                 "--column id=sku --column title=product_name", "--column lon=longitude",
                 "--column price=prc", "[columns]"):  # fmt: skip
        assert part in str(told.value)


@KINDS
def test_what_was_proposed_is_taken_when_it_is_said(tmp_path, kind):
    file = catalogue(tmp_path / f"a.{kind}", [ROW])
    said = proposed(columns().fields, NAMES)
    assert read(file, columns(**said)) == [OURS]


@KINDS
def test_a_name_that_the_file_lacks_is_refused_with_the_nearest_that_it_has(tmp_path, kind):
    file = catalogue(tmp_path / f"a.{kind}", [ROW])
    with pytest.raises(InvalidInput, match=r"no column Product-Nam.*did you mean product_name\?"):
        read(file, columns(**SHOP | {"title": "Product-Nam"}))


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_column_of_our_name_beside_the_named_one_is_refused(tmp_path, kind):
    file = catalogue(tmp_path / f"a.{kind}", [["1", "A1", "x"]], ["id", "sku", "title"])
    with pytest.raises(InvalidInput, match=r"id stands beside sku.*--column NAME=id"):
        read(file, columns(id="sku"))


def test_in_json_lines_a_row_with_both_is_a_bad_row_and_the_next_is_read(tmp_path):
    rows = [{"id": "1", "sku": "A1"}, {"id": None, "sku": "A2"}, {"id": "3", "sku": None}]
    file = catalogue(tmp_path / "a.jsonl", [row | {"title": "x"} for row in rows])
    both, theirs, ours = read(file, columns(id="sku"))
    assert isinstance(both, BadRow)
    assert both.reason == "stands beside sku"
    assert (theirs["id"], ours["id"]) == ("A2", "3")


def test_names_are_exchanged_at_once(tmp_path):
    file = catalogue(tmp_path / "a.csv", [["1", "long", "short"]], ["id", "title", "name"])
    record = {"id": "1", "text": "long", "title": "short"}
    assert read(file, columns(title="name", text="title")) == [record]


def test_a_cell_is_typed_as_the_field_that_its_column_becomes(tmp_path):
    file = catalogue(tmp_path / "a.csv", [["007", "42", "a;b"]], ["sku", "name", "cate"])
    record = {"id": "007", "title": "42", "category": ["a", "b"]}
    assert read(file, columns(id="sku", title="name", category="cate")) == [record]


def test_a_key_that_only_later_json_rows_have_is_found(tmp_path):
    rows = [{"id": "1", "title": "x"}, {"id": "2", "title": "y", "prc": 3}]
    assert read(catalogue(tmp_path / "a.jsonl", rows), columns(price="prc"))[1]["price"] == 3


def test_only_the_first_block_of_json_lines_is_held_to_its_keys(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "BLOCK_ROWS", 2)
    rows = [{"id": str(i), "price": 3} for i in range(4)]
    file = catalogue(tmp_path / "a.jsonl", [*rows, {"id": "4", "name": "x"}])
    with pytest.raises(InvalidInput, match=r"first 2 lines\) has no column name"):
        read(file, columns(title="name"))


def test_json_rows_may_lack_what_is_named(tmp_path):
    naming = columns(**SHOP)
    file = catalogue(tmp_path / "a.jsonl", [{"sku": "A1", "product_name": "x"}])
    assert read(file, naming) == [{"id": "A1", "title": "x"}]
    assert naming.absent({"id", "title", "price"}) == {
        "lat": "latitude", "lon": "longitude", "category": "cate",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("rest", "lacks"),
    [({"id": "A1", "product_name": "x"}, "sku"), ({"sku": "A1", "title": "x"}, "product_name")],
)
def test_json_rows_may_not_lack_what_is_to_be_id_or_title(tmp_path, rest, lacks):
    with pytest.raises(InvalidInput, match=f"no column {lacks}"):
        read(catalogue(tmp_path / "b.jsonl", [rest]), columns(**SHOP))


@pytest.mark.parametrize("row", [{"id": "zz", "price": 3}, {"title": "x"}])
def test_json_rows_with_our_names_are_left_to_be_checked_one_by_one(tmp_path, row):
    assert read(catalogue(tmp_path / "a.jsonl", [row]), columns()) == [row]


def test_lines_that_are_no_objects_are_left_to_be_reported_one_by_one(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_bytes(b'{"id"\n[1]\n\n')
    assert len(read(file, columns())) == 2


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        ({"titel": "name"}, r"columns.titel: .* no such field; did you mean title\?"),
        ({"longitude": "x"}, r"no such field; .*lat, lon.* add \[fields.longitude\]"),
        ({"location": "place"}, "two columns; name lat and lon"),
        ({"title": ""}, "columns.title is empty"),
        ({"title": "name", "text": "name"}, "columns.title and columns.text both name name"),
    ],
)
def test_a_wrong_name_of_ours_is_refused_with_the_remedy(theirs, said):
    with pytest.raises(InvalidInput, match=said):
        Columns.of(theirs, TYPES)


def test_names_that_hold_line_ends_or_no_text_stay_in_one_line():
    with pytest.raises(InvalidInput) as told:
        columns().header("a.csv", ["my\nsku", "\udcff", "商品名称"])
    assert "\n" not in str(told.value)
    assert "my\\nsku" in str(told.value)
    assert "--column id=THEIRS --column 'title=商品名称'" in str(told.value)
    str(told.value).encode()


def test_options_go_over_the_configuration_which_is_held_to_the_same_rules():
    configured = settings('columns={"id": "sku", "title": "name"}')
    assert configured.naming().theirs == {"id": "sku", "title": "name"}
    assert configured.calling(["title=a=b"]).naming().theirs == {"id": "sku", "title": "a=b"}
    assert settings("columns.id=007x").naming().theirs == {"id": "007x"}
    for options, said in ((["title"], "not OURS=THEIRS"), (["id=a", "id=b"], "named twice"),
                          (["text=sku"], "both name sku")):  # fmt: skip
        with pytest.raises(InvalidInput, match=said):
            configured.calling(options)
    with pytest.raises(InvalidInput, match="did you mean title"):
        settings("columns.titl=x")


@given(st.lists(st.text(), max_size=8), st.lists(st.text(min_size=1), max_size=4))
def test_proposals_name_columns_that_are_there_each_once(theirs, ours):
    found = proposed(["id", "title", *ours], theirs)
    assert set(found.values()) <= set(theirs)
    assert len(set(found.values())) == len(found)
    assert nearest("title", theirs) in {None, *theirs}
