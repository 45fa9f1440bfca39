"""Every kind of catalogue file gives the same records, and a broken row costs only itself."""

import csv
import gzip
import io
from datetime import UTC, date, datetime
from decimal import Decimal

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.corpus import sources
from app.corpus.rows import BadRow, RowRules, clean, encode
from app.corpus.schema import FieldType
from app.corpus.sources import read_blocks, resolve
from app.domain.errors import InvalidInput

TYPES = {
    "title": FieldType.TEXT,
    "tags": FieldType.KEYWORD,
    "price": FieldType.NUMBER,
    "published_at": FieldType.TIME,
    "in_stock": FieldType.BOOL,
}
ROWS = [
    {"id": "1", "title": "火锅, 老灶", "tags": ["辣", "夜宵"], "price": 88.5, "in_stock": True},
    {"id": "2", "title": 'say "hi"\nthere', "lat": 31.2, "lon": 121.5, "votes": 3},
]


def read(file, **options):
    blocks = read_blocks(str(file), **options)
    return [record for block in blocks for record in block.records(TYPES)]


def write(path, data):
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def jsonl(rows):
    return b"".join(orjson.dumps(row) + b"\n" for row in rows)


def csv_bytes(rows, end="\n"):
    names = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, names, lineterminator=end)
    writer.writeheader()
    for row in rows:
        cells = {k: "|".join(v) if isinstance(v, list) else v for k, v in row.items()}
        writer.writerow({k: str(v).lower() if v is True else v for k, v in cells.items()})
    return out.getvalue().encode()


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".csv", ".csv.gz", ".parquet"])
def test_each_kind_of_file_gives_the_same_records(tmp_path, suffix):
    file = tmp_path / f"catalog{suffix}"
    if suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist([dict.fromkeys(ROWS[1]) | ROWS[0], ROWS[1]]), file)
    else:
        write(file, csv_bytes(ROWS) if "csv" in suffix else jsonl(ROWS))
    rows = [clean(record, RowRules(TYPES)) for _, record in read(file)]
    assert rows == ROWS


@pytest.mark.parametrize("data", [jsonl(ROWS), gzip.compress(jsonl(ROWS))])
def test_standard_input_is_jsonl_zipped_or_not(data):
    assert [r for _, r in read("-", stdin=io.BytesIO(data))] == ROWS


def test_a_directory_is_its_catalogue_files_by_name(tmp_path):
    for name in ("b.csv", "a.jsonl", "notes.txt", ".hidden.jsonl", "c.PARQUET"):
        (tmp_path / name).touch()
    assert resolve([str(tmp_path)]) == [
        str(tmp_path / n) for n in ("a.jsonl", "b.csv", "c.PARQUET")
    ]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere.jsonl", "no file at"),
        ("empty", "no catalogue file in"),
        ("x.txt", "no known kind"),
    ],
)
def test_what_is_no_source_is_refused_before_reading(tmp_path, name, said):
    (tmp_path / "empty").mkdir()
    (tmp_path / "x.txt").touch()
    with pytest.raises(InvalidInput, match=said):
        resolve([str(tmp_path / name)])


def test_no_source_and_standard_input_twice_are_refused():
    for named in ([], ["-", "-"]):
        with pytest.raises(InvalidInput):
            resolve(named)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_marks_blank_lines_and_line_ends_are_no_rows_but_are_counted(tmp_path, end):
    data = b"\xef\xbb\xbf" + end.join([b'{"id":"1"}', b"", b"  ", b'{"id":"2"}'])
    assert read(write(tmp_path / "a.jsonl", data)) == [(1, {"id": "1"}), (4, {"id": "2"})]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_csv_lines_are_where_rows_start_even_with_line_ends_in_cells(tmp_path, end):
    rows = [ROWS[1], {"id": "3", "title": "x"}]
    data = b"\xef\xbb\xbf" + csv_bytes(rows, end) + end.encode()
    records = read(write(tmp_path / "a.csv", data))
    assert [(line, record["id"]) for line, record in records] == [(2, "2"), (4, "3")]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"id": "x", "title"', "not JSON"),
        (b'{"id": "x", "price": NaN}', "holds NaN"),
        (b'{"id": "x", "price": -Infinity}', "holds -Infinity"),
        (b'{"id": "x", "price": 1e999}', "infinity"),
        (b'{"id": "\xff"}', "not UTF-8 at byte 8"),
        (b'{"id": "\\ud800"}', "surrogate"),
        (b"[" * 5000, "depth"),
    ],
)
def test_a_broken_line_is_named_and_the_next_is_read(tmp_path, line, said):
    (_, first), bad, (_, last) = read(
        write(tmp_path / "a.jsonl", b'{"id":"1"}\n' + line + b'\n{"id":"2"}')
    )
    assert (first["id"], bad[0], last["id"]) == ("1", 2, "2")
    assert isinstance(bad[1], BadRow)
    assert said in bad[1].reason


def test_an_endless_line_is_skipped(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "MAX_LINE_BYTES", 100)
    data = b'{"id":"1"}\n{"id":"' + b"x" * 5000 + b'"}\n{"id":"2"}\n' + b" " * 99 + b"\n"
    records = read(write(tmp_path / "a.jsonl", data))
    assert [line for line, _ in records] == [1, 2, 3]
    assert isinstance(records[1][1], BadRow)


def test_broken_csv_rows_are_named_and_the_next_is_read(tmp_path):
    data = b"id,title,price\n1,a,2\n2,b\n3,c," + b"9" * 2000 + b"\n4,d,dear\n5,\xff,\n6,f,7\n"
    records = read(write(tmp_path / "a.csv", data), max_field_bytes=1000)
    said = {line: r.reason for line, r in records if isinstance(r, BadRow)}
    assert said.keys() == {3, 4, 5}
    assert "2 cells" in said[3]
    assert "limit" in said[4]
    assert "not a number" in said[5]
    with pytest.raises(BadRow, match="UTF-8"):
        encode(clean(records[4][1], RowRules(TYPES)), RowRules(TYPES))
    assert records[5][1] == {"id": "6", "title": "f", "price": 7}


def test_csv_cells_get_the_type_that_they_look_like(tmp_path):
    header = b"id,title,tags,in_stock,published_at,zip,votes,share,open,code,colours\n"
    row = b"007,42,a; b,no,2026-01-01,01234,12,-1.5e3,TRUE,12345678901234567890,red|blue\n"
    ((_, record),) = read(write(tmp_path / "a.csv", header + row))
    assert record == {
        "id": "007", "title": "42", "tags": ["a", "b"], "in_stock": False,
        "published_at": "2026-01-01", "zip": "01234", "votes": 12, "share": -1500.0, "open": True,
        "code": "12345678901234567890", "colours": ["red", "blue"],
    }  # fmt: skip


@pytest.mark.parametrize("header", [b"name,title\n", b"id,title,a,a\n"])
def test_a_header_without_id_or_with_twins_is_refused(tmp_path, header):
    with pytest.raises(InvalidInput, match="column"):
        read(write(tmp_path / "a.csv", header + b"1,2,3,4\n"))


def test_parquet_times_decimals_and_nested_values_become_json(tmp_path):
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    table = pa.table(
        {
            "id": [1],
            "title": ["A"],
            "published_at": pa.array([moment], pa.timestamp("ns", "Asia/Shanghai")),
            "day": [date(2026, 1, 1)],
            "price": [Decimal("1.50")],
            "menu": [{"at": moment, "dishes": ["a"]}],
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    ((_, record),) = read(tmp_path / "a.parquet")
    row = clean(record, RowRules(TYPES))
    assert row["published_at"] == 1_767_225_600_000
    assert (row["day"], row["price"], row["menu"]["dishes"]) == ("2026-01-01", 1.5, ["a"])
    assert orjson.loads(encode(row, RowRules(TYPES)))["menu"]["at"].startswith("2026-01-01")


def test_a_parquet_cell_that_json_cannot_hold_costs_its_row(tmp_path):
    table = pa.table({"id": ["1", "2"], "title": ["A", "B"], "raw": pa.array([b"\xff", None])})
    pq.write_table(table, tmp_path / "a.parquet")
    (line, bad), (_, good) = read(tmp_path / "a.parquet")
    assert (line, bad.field, good["id"]) == (1, "raw", "2")


def test_parquet_text_that_is_not_utf8_costs_its_row(tmp_path):
    broken = pa.array([b"ok", b"\xff", b"ok"]).cast(pa.string(), safe=False)
    pq.write_table(pa.table({"id": ["1", "2", "3"], "title": broken}), tmp_path / "a.parquet")
    records = read(tmp_path / "a.parquet")
    assert [isinstance(r, BadRow) for _, r in records] == [False, True, False]


@pytest.mark.parametrize("cut", [3, 20, -1])
def test_a_truncated_gzip_fails_for_half_a_catalogue_is_none(tmp_path, cut):
    file = tmp_path / "a.jsonl.gz"
    file.write_bytes(gzip.compress(jsonl(ROWS))[:cut])
    with pytest.raises(InvalidInput, match="cut short or altered"):
        read(file)


def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path):
    for name in ("a.parquet", "b.jsonl.gz"):
        with pytest.raises(InvalidInput, match=name):
            read(write(tmp_path / name.removesuffix(".gz"), b"x").rename(tmp_path / name))


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.jsonl.gz"])
def test_an_empty_file_has_no_rows(tmp_path, name):
    assert read(write(tmp_path / name, b"")) == []


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@given(st.lists(st.tuples(texts, texts), max_size=20), st.integers(1, 5))
def test_rows_survive_any_block_size(pairs, block_rows):
    rows = [{"id": a, "title": b} for a, b in pairs]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "BLOCK_ROWS", block_rows)
        assert [r for _, r in read("-", stdin=io.BytesIO(jsonl(rows)))] == rows
