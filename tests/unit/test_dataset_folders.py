"""A converted data set is a folder: it opens again, moves, and is nothing when half made."""

import subprocess
import sys
from pathlib import Path

import pytest

from app.domain.errors import InvalidInput, UnknownName
from app.offline.datasets import ADAPTERS, Dataset, convert
from tests.builders.published import put, put_judged


def test_a_data_set_opens_as_it_was_saved_even_after_a_move(tmp_path):
    put_judged(tmp_path / "crosswoz", ["a", "b"])
    saved = convert("crosswoz", tmp_path, tmp_path / "out")
    assert Dataset.open(tmp_path / "out") == saved
    moved = (tmp_path / "out").rename(tmp_path / "elsewhere")
    opened = Dataset.open(moved)
    assert opened.splits[3].train.queries == moved / "fold3/queries.train.jsonl"
    assert opened.whole.sizes() == {"queries": 2, "qrels": 2, "relevant": 2}


def test_a_conversion_that_failed_is_no_data_set(tmp_path):
    put_judged(tmp_path / "msrd", ["a"])
    convert("msrd", tmp_path, tmp_path / "out")
    put(tmp_path / "msrd/qrels.txt.gz", "q0 0 862\n")
    with pytest.raises(InvalidInput, match=r"qrels\.txt\.gz:1"):
        convert("msrd", tmp_path, tmp_path / "out")
    with pytest.raises(InvalidInput, match="no data set in"):
        Dataset.open(tmp_path / "out")


@pytest.mark.parametrize("description", ["{", "[]", '{"name": "x"}'])
def test_a_description_that_is_none_is_refused(tmp_path, description):
    put(tmp_path / "dataset.json", description)
    with pytest.raises(InvalidInput, match="is not a description"):
        Dataset.open(tmp_path)


@pytest.mark.parametrize("name", ADAPTERS)
def test_a_missing_source_says_which_file_and_how_to_name_the_folder(tmp_path, name):
    with pytest.raises(
        InvalidInput, match=r"no .*\[\.gz\] under .*; pass --source or set DUOLU_DATA"
    ):
        convert(name, tmp_path, tmp_path / "out")


def test_an_unknown_data_set_lists_the_known_ones(tmp_path):
    with pytest.raises(UnknownName, match="unknown data set 'msdr'; known: msrd, "):
        convert("msdr", tmp_path, tmp_path / "out")


def test_the_script_prints_sizes_and_fails_in_one_line(tmp_path):
    put_judged(tmp_path / "crosswoz", ["a", "b"])
    root = Path(__file__).parents[2]
    command = [sys.executable, str(root / "scripts/datasets.py"), "crosswoz"]
    environment = {"DUOLU_DATASETS": str(tmp_path), "PYTHONPATH": str(root)}
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "out")],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "whole: 2 queries, 2 qrels, 2 relevant" in done.stdout
    put(tmp_path / "crosswoz/queries.jsonl.gz", "{\n")
    failed = subprocess.run(
        [*command, "--out", str(tmp_path / "out")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert failed.returncode == 1
    assert failed.stderr.count("\n") == 1
    assert "queries.jsonl.gz:1: not JSON" in failed.stderr
