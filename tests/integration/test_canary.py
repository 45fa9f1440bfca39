"""Altered releases: refused by their sha256, or by a process that may die of them."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from pathlib import Path

import numpy as np
import pytest

from app.domain.errors import CorruptArtifact, FeatureMismatch
from app.rank.cage import Cage, send_canary
from app.rank.golden import Golden
from app.rank.proofs import FILE, Proofs
from app.rank.release import Goldens, open_release
from app.rank.trees.text import read_trees
from app.snapshot.artifact import MANIFEST, seal
from app.snapshot.store import ArtifactStore
from tests.builders import city_rows, make_snapshot
from tests.builders.releases import make_release, make_wide_release
from tests.oracles.test_tree_scorer_oracle import walked

RELEASE, OTHER = "20260101T000001Z-wide", "20260101T000002Z-dear"
ALTERED, RESEALED = 520, 60


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> ArtifactStore:
    folder = tmp_path_factory.mktemp("canary")
    snapshot = make_snapshot(city_rows(60), folder / "s")
    store = ArtifactStore(folder / "models", "release")
    make_wide_release(snapshot, store, RELEASE)
    make_release(snapshot, store, OTHER, "price")
    return store


@pytest.fixture
def copies(store, tmp_path) -> ArtifactStore:
    """A store to spoil, where nothing is proven."""
    shutil.copytree(store.root, tmp_path / "models", ignore=shutil.ignore_patterns(FILE))
    return ArtifactStore(tmp_path / "models", "release")


def reseal(path: Path) -> None:
    """Seal what was altered, as somebody would who means it."""
    store = ArtifactStore(path.parent, "release")
    seal(path, "release", {**store.manifest(path.name), "id": path.name})


def altered(path: Path, stale: bytes, rng: np.random.Generator) -> Iterator[str]:
    """Alter one file, let the caller look, and put it back: cut, flipped, or another's."""
    files = sorted(f for f in path.rglob("*") if f.is_file())
    for number in range(ALTERED):
        kind = ("cut", "flip", "stale")[number % 3]
        file = path / MANIFEST if kind == "stale" else files[number // 3 % len(files)]
        whole = file.read_bytes()
        at = int(rng.integers(len(whole)))
        changed = bytes([whole[at] ^ int(rng.integers(1, 256))])
        spoilt = {"cut": whole[:at], "flip": whole[:at] + changed + whole[at + 1 :], "stale": stale}
        file.write_bytes(spoilt[kind])
        yield f"{file.name}: {kind} at {at} of {len(whole)}"
        file.write_bytes(whole)


def test_every_altered_release_is_refused_before_it_is_opened(copies):
    known = Proofs(copies, lambda path: pytest.fail("it was opened"))
    path = copies.root / RELEASE
    stale = re.sub(rb'"id": "[^"]+"', b'"id": "%s"' % RELEASE.encode(),
                   (copies.root / OTHER / MANIFEST).read_bytes())  # fmt: skip
    refused = 0
    for what in altered(path, stale, np.random.default_rng(5)):
        try:
            known.require(RELEASE)
        except CorruptArtifact:
            refused += 1
        else:
            pytest.fail(f"taken: {what}")
    assert refused == ALTERED


KEYS = (
    "leaf_value", "threshold", "split_feature", "left_child", "right_child", "decision_type",
    "num_leaves", "num_cat", "tree_sizes", "max_feature_idx", "num_class", "leaf_count",
)  # fmt: skip
ODD = ("-1", "0", "7", "64", "1e308", "-1e308", "nan", "inf", "99999999", "-2147483648", "x")


def mutations(text: str, rng: np.random.Generator) -> Iterator[str]:
    """Model texts that say something else: numbers, lines, structure. Most with sizes mended."""
    lines = text.split("\n")
    for number in range(RESEALED):
        key = KEYS[number % len(KEYS)]
        at = rng.choice([i for i, line in enumerate(lines) if line.startswith(f"{key}=")])
        values = lines[at].partition("=")[2].split(" ")
        place = int(rng.integers(len(values)))
        match number // len(KEYS) % 4:
            case 0 | 1:
                values[place] = str(rng.choice(ODD))
            case 2:
                values.pop(place)
            case _:
                values[place] = values[place][:-1] + ("1" if values[place][-1] != "1" else "2")
        mutated = "\n".join([*lines[:at], f"{key}={' '.join(values)}", *lines[at + 1 :]])
        yield mutated if key == "tree_sizes" or number % 5 == 0 else with_sizes(mutated)


def with_sizes(text: str) -> str:
    """Say how long each tree's text is, for LightGBM reads them by that."""
    trees, end, tail = text.partition("\nend of trees")
    head, *bodies = trees.split("\nTree=")
    sizes = [len(f"Tree={body}\n".encode()) for body in bodies]
    told = re.sub(r"tree_sizes=[0-9 ]+", f"tree_sizes={' '.join(map(str, sizes))}", head)
    return "\nTree=".join([told, *bodies]) + end + tail


def scores_as_before(path: Path) -> bool:
    """Say by a walk of our own whether a model is whole and gives its golden scores."""
    try:
        features, trees = read_trees((path / "model.txt").read_text())
        for file in (path / "golden").glob("*.npz"):
            golden = Golden.open(file)
            if golden.features.shape[1] != features:
                return False
            found = walked(trees, golden.features).astype(np.float32)
            if not np.array_equal(found, golden.scores):
                return False
    except (ValueError, KeyError, IndexError):
        return False
    return True


def test_models_that_were_altered_and_sealed_anew_harm_nobody(store, copies):
    rng, text = np.random.default_rng(11), (copies.root / RELEASE / "model.txt").read_text()
    paths = []
    for number, mutated in enumerate(mutations(text, rng)):
        path = copies.root / f"{RELEASE}-{number}"
        shutil.copytree(copies.root / RELEASE, path)
        (path / "model.txt").write_text(mutated)
        reseal(path)
        paths.append(str(path))
    asked = subprocess.run(
        [sys.executable, "-m", "app.rank.canary"], input="\n".join(paths), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=300, check=True,
    )  # fmt: skip
    verdicts = [json.loads(line) for line in asked.stdout.splitlines()]
    assert [v["path"] for v in verdicts] == paths
    for verdict in verdicts:
        if verdict["ok"]:
            assert scores_as_before(Path(verdict["path"])), verdict
        else:
            assert verdict["reason"]
    refused = [v["reason"] for v in verdicts if not v["ok"]]
    assert len(verdicts) >= 50
    assert len(refused) > len(verdicts) / 2
    for words in ("no tree", "numbers", "scores do not", "tree_sizes", "max_feature_idx"):
        assert any(words in reason for reason in refused), (words, refused)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: with_sizes(re.sub("leaf_value=-?", "leaf_value=9", text)), "scores do not"),
        (lambda text: with_sizes(text.replace("left_child=", "left_child=9", 1)), "make no tree"),
        (lambda text: text[: len(text) // 2], "is no model"),
    ],
)
def test_what_the_canary_says_is_what_the_operator_reads(copies, change: Callable, said):
    path = copies.root / RELEASE
    (path / "model.txt").write_text(change((path / "model.txt").read_text()))
    reseal(path)
    with pytest.raises((CorruptArtifact, FeatureMismatch), match=said):
        Proofs(copies).require(RELEASE)
    assert not (copies.root / FILE).exists()


def test_a_proven_release_is_not_sent_through_again_until_a_byte_of_it_changes(copies):
    sent: list[str] = []

    def require():
        Proofs(copies, lambda path: sent.append(path.name)).require(RELEASE)

    require()
    require()  # another process of the same store
    assert sent == [RELEASE]
    (copies.root / RELEASE / "report.md").write_text("other words")
    reseal(copies.root / RELEASE)
    require()
    assert sent == [RELEASE, RELEASE]
    assert (copies.root / FILE).read_text().count("\n") == 1


def test_a_whole_release_passes_and_a_copy_under_another_name_does_not(copies):
    send_canary(copies.root / RELEASE)
    shutil.copytree(copies.root / RELEASE, copies.root / "20260101T000003Z-copy")
    with pytest.raises(CorruptArtifact, match="says that it is"):
        open_release(copies.root / "20260101T000003Z-copy")


def test_a_canary_stays_for_the_next_release_and_dies_of_none(copies):
    broken = copies.root / "20260101T000003Z-broken"
    shutil.copytree(copies.root / RELEASE, broken)
    (broken / "model.txt").write_text("tree\nno model")
    reseal(broken)
    cage = Cage()
    try:
        for _ in range(2):
            cage.send(copies.root / RELEASE)
            with pytest.raises(CorruptArtifact, match="is no model"):
                cage.send(broken)
    finally:
        cage.close()


def children(words: str) -> list[int]:
    """Processes of this one whose command has these words."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid() and words in (folder / "cmdline").read_text():
                found.append(int(folder.name))
    return found


def test_a_canary_that_somebody_killed_is_replaced(copies):
    cage = Cage()
    try:
        cage.send(copies.root / RELEASE)
        (canary,) = children("app.rank.canary")
        os.kill(canary, signal.SIGKILL)
        cage.send(copies.root / RELEASE)
    finally:
        cage.close()


def test_few_golden_rows_are_one_request_and_the_leaves(copies):
    path = copies.root / RELEASE
    files = sorted((path / "golden").glob("*.npz"))
    assert [file.name for file in files] == ["0.npz", "leaves.npz"]
    shutil.copy(files[0], path / "golden" / "1.npz")
    for name, is_seen in (("0.npz", True), ("1.npz", False), ("leaves.npz", True)):
        file = path / "golden" / name
        golden = Golden.open(file)
        Golden(golden.inputs, golden.features, golden.scores + np.float32(1)).save(file)
        reseal(path)
        with pytest.raises(FeatureMismatch, match="scores do not") if is_seen else nullcontext():
            open_release(path, Goldens.FEW)
        golden.save(file)
