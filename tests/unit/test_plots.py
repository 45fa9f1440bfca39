"""Pictures of a release: the same bytes twice, letters of any script, and a word where none are."""

import sys
from xml.etree import ElementTree

import numpy as np
import pytest

from app.offline.calibration import Calibration
from app.offline.evaluate import Comparison
from app.offline.exam import Exam
from app.offline.metrics import Evaluation
from app.offline.plots import CALIBRATION, IMPORTANCE, POSITIONS, SLICES, draw_all
from app.offline.report import report_lines

GAINS = {"attr(距离)": 0.6, "bm25(title)": 0.3, "cosine": 0.1, "never split on": 0.0}
POSITIONS_SEEN = [(k, 1 / k, 0.9 / k, 1.1 / k) for k in range(1, 11)]


@pytest.fixture
def exam():
    n = 120
    rng = np.random.default_rng(3)
    qids = tuple(f"q{i}" for i in range(n))
    scored = {
        name: Evaluation(qids, {"nDCG@10": rng.random(n)}, 0, 0) for name in ("ranked", "fused")
    }
    slices = {"tail query": np.arange(n) < 100, "Latin query": np.arange(n) < 20}
    calibration = Calibration(np.arange(10.0), np.linspace(0, 1, 10), np.linspace(0, 0.5, 10), 500)
    return Exam(Comparison(scored, ("nDCG@10",), 7), (), slices, calibration, 1.0)


def text_of(file):
    return " ".join(ElementTree.parse(file).getroot().itertext())


def test_the_same_figures_give_the_same_bytes(exam, tmp_path):
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
        assert set(draw_all(folder, exam, GAINS, 50, POSITIONS_SEEN)) == {
            IMPORTANCE, SLICES, CALIBRATION, POSITIONS,
        }  # fmt: skip
    one, two = ({f.name: f.read_bytes() for f in folder.iterdir()} for folder in folders)
    assert one == two
    assert b"<dc:date>" not in b"".join(one.values())


def test_labels_are_text_in_any_script(exam, tmp_path):
    draw_all(tmp_path, exam, GAINS, 50)
    assert "attr(距离)" in text_of(tmp_path / IMPORTANCE)
    assert "never split on" not in text_of(tmp_path / IMPORTANCE)


def test_a_slice_of_few_lists_has_its_count_and_no_mark(exam, tmp_path):
    draw_all(tmp_path, exam, GAINS, 50)
    said = text_of(tmp_path / SLICES)
    assert "tail query (100)" in said
    assert "Latin query (20: too few)" in said


def test_only_what_there_is_data_for_is_drawn(exam, tmp_path):
    bare = Exam(exam.comparison, (), {}, None, 1.0)
    assert draw_all(tmp_path, bare, GAINS, 50) == (IMPORTANCE,)
    assert [f.name for f in tmp_path.iterdir()] == [IMPORTANCE]


def test_no_feature_that_splits_and_wide_names_are_drawn_too(exam, tmp_path):
    draw_all(tmp_path, exam, {"a": 0.0}, 50)
    draw_all(tmp_path, exam, {"距" * 60: 1.0}, 50)
    root = ElementTree.parse(tmp_path / IMPORTANCE).getroot()
    assert float(root.get("width").removesuffix("pt")) > 60 * 2 * 0.078 * 72


def test_without_matplotlib_nothing_is_drawn_and_the_report_says_what_to_install(
    exam, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    drawn = draw_all(tmp_path, exam, GAINS, 50)
    assert drawn == ()
    lines = report_lines(exam, GAINS, 50, drawn, ())
    assert (
        sum("pip install 'duolu[report]'" in line for line in lines) == 3
    )  # and none for positions
    assert not any("![" in line for line in lines)


def test_the_report_shows_what_was_drawn_and_says_what_was_not_estimated(exam, tmp_path):
    drawn = draw_all(tmp_path, exam, GAINS, 50)
    lines = report_lines(exam, GAINS, 50, drawn, ())
    assert f"![importance]({IMPORTANCE})" in lines
    assert not any(POSITIONS in line for line in lines)
    assert any("Not estimated" in line for line in lines)
