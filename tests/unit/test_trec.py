"""Queries, qrels and runs survive a round trip, and what is wrong is named by file and line."""

import gzip

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.errors import InvalidInput
from app.offline.trec import (
    Topic,
    read_qrels,
    read_queries,
    read_run,
    write_qrels,
    write_queries,
    write_run,
)

ids = st.text(st.characters(codec="utf-8", exclude_categories=("Z", "C")), min_size=1, max_size=8)
scores = st.floats(-1e6, 1e6, width=32)


def write(path, text):
    path.write_text(text, "utf-8")
    return path


def test_queries_survive_a_round_trip(tmp_path):
    topics = [
        Topic("q1", "火锅", "u1", 39.9, 116.4, 1_600_000_000_000, {"price": {"lte": 100}}),
        Topic("q2", ""),
    ]
    assert write_queries(tmp_path / "q.jsonl.gz", topics) == 2
    assert read_queries(tmp_path / "q.jsonl.gz") == topics


def test_a_query_file_may_have_keys_blank_lines_and_a_mark_that_we_do_not_use(tmp_path):
    path = write(tmp_path / "q.jsonl", '\ufeff{"qid": "1", "text": "a", "note": 1}\r\n\r\n')
    assert read_queries(path) == [Topic("1", "a")]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('{"text": "a"}', "qid is missing"),
        ('{"qid": 7, "text": "a"}', "qid = 7 is not str"),
        ('{"qid": "a b", "text": "a"}', "qid 'a b' is empty or has spaces"),
        ('{"qid": "2"}', "text is missing"),
        ('{"qid": "1", "text": "a"}', "qid '1' stands in the file twice"),
        ('{"qid": "2", "text": "a", "lat": 91, "lon": 0}', "lat = 91 is not in -90..90 degrees"),
        ('{"qid": "2", "text": "a", "lat": 9}', "lat and lon come together"),
        ('{"qid": "2", "text": "a", "now_ms": true}', "now_ms = True is not int"),
        ("[1]", "is not a JSON object"),
        ("{", "not JSON"),
        ('{"qid": "2", "text": NaN}', "not JSON"),
    ],
)
def test_a_bad_query_is_named_by_file_and_line(tmp_path, line, complaint):
    path = write(tmp_path / "q.jsonl", f'{{"qid": "1", "text": "x"}}\n\n{line}\n')
    with pytest.raises(InvalidInput) as error:
        read_queries(path)
    assert str(error.value).startswith(f"{path}:3: ")
    assert complaint in str(error.value)


def test_qrels_survive_a_round_trip(tmp_path):
    qrels = {"q2": {"d1": 1, "文": 0}, "q1": {"d1": 3}}
    assert write_qrels(tmp_path / "qrels.txt", qrels) == 3
    assert (tmp_path / "qrels.txt").read_text("utf-8") == "q2 0 d1 1\nq2 0 文 0\nq1 0 d1 3\n"
    assert read_qrels(tmp_path / "qrels.txt") == qrels


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("q 0 d", "3 columns, expected 4: qid 0 docid grade"),
        ("q 0 my doc 1", "5 columns"),
        ("q 0 d 0.5", "grade '0.5' is not a whole number"),
        ("q 0 e 0", "q e was graded 1 before"),
    ],
)
def test_a_bad_judgement_is_named_by_file_and_line(tmp_path, line, complaint):
    path = write(tmp_path / "qrels.txt", f"q 0 e 1\n{line}\n")
    with pytest.raises(InvalidInput) as error:
        read_qrels(path)
    assert str(error.value).startswith(f"{path}:2: ")
    assert complaint in str(error.value)


@settings(max_examples=50)
@given(
    run=st.dictionaries(
        ids,
        st.lists(st.tuples(ids, scores), min_size=1, max_size=20, unique_by=lambda hit: hit[0]),
        max_size=4,
    )
)
def test_every_tool_sees_the_order_that_was_shown(tmp_path_factory, run):
    """Equal and even rising scores fall strictly as float32, so no reader reorders them."""
    path = tmp_path_factory.mktemp("run") / "run.trec"
    write_run(path, run)
    assert read_run(path) == {qid: [doc_id for doc_id, _ in hits] for qid, hits in run.items()}
    rows = [line.split(" ") for line in path.read_text("utf-8").splitlines()]
    for qid in run:
        written = np.array([row[4] for row in rows if row[0] == qid], np.float32)
        assert (np.diff(written) < 0).all()


def test_scores_that_fall_are_written_as_they_are(tmp_path):
    write_run(tmp_path / "run", {"q": [("a", 2.5), ("b", -1.0)]}, tag="bm25")
    assert (tmp_path / "run").read_text() == "q Q0 a 1 2.5 bm25\nq Q0 b 2 -1 bm25\n"


def test_a_foreign_run_is_read_by_score_and_equal_scores_by_rank(tmp_path):
    lines = "q Q0 c 3 1.0 t\nq Q0 b 2 5 t\nq Q0 a 1 1.0 t\nother Q0 z 0 1 t\n"
    assert read_run(write(tmp_path / "run", lines)) == {"q": ["b", "a", "c"], "other": ["z"]}


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("q Q0 d 1 2.0", "5 columns, expected 6"),
        ("q Q0 d 1 nan t", "score 'nan' is not a finite number"),
        ("q Q0 d first 1 t", "rank 'first' is not a finite number"),
        ("q Q0 e 2 1 t", "document 'e' stands twice under query 'q'"),
    ],
)
def test_a_bad_run_is_named_by_file_and_line(tmp_path, line, complaint):
    path = write(tmp_path / "run", f"q Q0 e 1 9 t\n{line}\n")
    with pytest.raises(InvalidInput) as error:
        read_run(path)
    assert str(error.value).startswith(f"{path}:2: ")
    assert complaint in str(error.value)


@pytest.mark.parametrize("doc_id", ["a b", "", "a\tb", "a\nb"])
def test_an_id_that_would_break_the_columns_is_refused(tmp_path, doc_id):
    with pytest.raises(InvalidInput, match="spaces"):
        write_qrels(tmp_path / "qrels", {"q": {doc_id: 1}})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("score", [float("nan"), float("inf"), -1e39])
def test_a_score_that_no_float32_holds_is_refused(tmp_path, score):
    with pytest.raises(InvalidInput, match="no finite float32"):
        write_run(tmp_path / "run", {"q": [("d", score)]})


def test_a_file_that_cannot_be_read_says_so(tmp_path):
    with pytest.raises(InvalidInput, match=r"cannot read .*missing\.txt: No such file"):
        read_qrels(tmp_path / "missing.txt")
    packed = gzip.compress(b"q 0 d 1\n" * 1000)
    (tmp_path / "short.gz").write_bytes(packed[:-12])
    with pytest.raises(InvalidInput, match=r"short\.gz:\d+: damaged gzip"):
        read_qrels(tmp_path / "short.gz")
    (tmp_path / "latin").write_bytes(b"q 0 d 1\nq 0 caf\xe9 1\n")
    with pytest.raises(InvalidInput, match=r"latin:2: not UTF-8 at byte 7"):
        read_qrels(tmp_path / "latin")


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    write_qrels(tmp_path / "qrels", {"q": {"d": 1}})
    with pytest.raises(InvalidInput):
        write_qrels(tmp_path / "qrels", {"q": {"e": 1, "a b": 1}})
    assert read_qrels(tmp_path / "qrels") == {"q": {"d": 1}}


def test_the_same_lines_give_the_same_packed_bytes(tmp_path):
    for name in ("one.gz", "two.gz"):
        write_qrels(tmp_path / name, {"q": {"d": 1}})
    one = (tmp_path / "one.gz").read_bytes()
    assert one == (tmp_path / "two.gz").read_bytes()
    assert one[4:8] == bytes(4)  # the time of writing, RFC 1952
