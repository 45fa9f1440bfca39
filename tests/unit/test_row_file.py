"""Training rows on disk: what goes in comes out, in less memory than they take."""

import resource
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import ServerError
from app.offline.dataset import PIECE_ROWS, TrainingSet
from app.offline.row_file import RowFile
from tests.builders.training_rows import training_rows

CAPPED = """
import resource
import numpy as np
from pathlib import Path
from app.offline.dataset import TrainingSet
from app.offline.fit import fit, refit
from app.offline.recipe import Recipe
from app.offline.row_file import RowFile

GROUPS, SIZE, D, CHUNKS = 400, 20, 128, 160
log_bytes = CHUNKS * GROUPS * SIZE * D * 4
cap = int(0.9 * log_bytes)
resource.setrlimit(resource.RLIMIT_DATA, (cap, cap))

def rows_of(chunk):
    rng = np.random.default_rng(chunk)
    features = rng.integers(0, 200, (GROUPS * SIZE, D), np.uint8).astype(np.float32)
    labels = (features[:, 0] > 180).astype(np.int32)
    labels[::SIZE], labels[1::SIZE] = 1, 0
    qids = tuple(f"{chunk}-{g}" for g in range(GROUPS))
    return TrainingSet.plain(features, labels, np.full(GROUPS, SIZE), qids)

file = RowFile(Path(FOLDER), D)
for chunk in range(CHUNKS):
    file.append(rows_of(chunk))
rows, valid = file.read(), rows_of(1000)
if IN_MEMORY:
    rows = TrainingSet.plain(np.array(rows.features), rows.labels, rows.sizes, rows.qids)
recipe = Recipe(features=("cosine",), rounds=3, parameters={
    "num_leaves": 4, "max_bin": 63, "force_col_wise": True, "bin_construct_sample_cnt": 20_000})
fitted = fit(rows, valid, recipe, 1)
refit([rows, valid], np.arange(0, D, 2), recipe, fitted, 1)
print(rows.features.nbytes == log_bytes, cap < log_bytes, fitted.valid_ndcg > 0.5, rows.varying())
"""


def capped(folder, in_memory):
    code = f"FOLDER, IN_MEMORY = {str(folder)!r}, {in_memory}\n{CAPPED}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_a_model_is_fitted_in_less_memory_than_its_rows_take(tmp_path):
    done = capped(tmp_path, in_memory=False)
    assert done.stdout.split() == ["True", "True", "True", "128"], done.stderr
    assert not list(tmp_path.iterdir())


def test_the_same_rows_in_memory_do_not_fit_under_that_cap(tmp_path):
    assert "MemoryError" in capped(tmp_path, in_memory=True).stderr


@given(st.lists(st.integers(0, 4), max_size=6))
def test_rows_come_back_as_they_went_in(tmp_path_factory, counts):
    parts = [training_rows(groups, seed=i) for i, groups in enumerate(counts)]
    file = RowFile(tmp_path_factory.mktemp("rows"), 6)
    for part in parts:
        file.append(part)
    read, joined = file.read(), TrainingSet.join([TrainingSet.empty(6), *parts])
    assert read.qids == joined.qids
    for name in ("features", "labels", "sizes", "weights", "positions"):
        np.testing.assert_array_equal(getattr(read, name), getattr(joined, name), name)


def test_features_that_vary_are_counted_over_every_piece():
    rows = training_rows(groups=PIECE_ROWS // 20 + 50, d=4)
    rows.features[:, 1], rows.features[:, 2], rows.features[:, 3] = 5, np.nan, 7
    rows.features[-1, 3] = 8  # in the last piece alone
    assert rows.varying() == 2


def test_a_full_disk_is_said_in_a_line(tmp_path):
    file = RowFile(tmp_path, 6)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(ServerError, match=r"cannot be written under .*: File too large.*room"):
            file.append(training_rows(400))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_groups_graded_alike_are_left_out_whole(tmp_path):
    rows = training_rows(groups=4)
    rows.labels[20:40], rows.labels[60:80] = 0, 2
    file = RowFile(tmp_path, 6)
    file.append(rows)
    read = file.read()
    assert read.qids == (rows.qids[0], rows.qids[2])
    np.testing.assert_array_equal(read.features[20:], rows.features[40:60])
