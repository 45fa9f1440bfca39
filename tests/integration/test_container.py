"""What containers start with, run here as the plain scripts that they are."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.builders.servers import gateway, publish_snapshot

ROOT = Path(__file__).parents[2]
SHOW_KEY = ("sh", "-c", 'echo "$DUOLU_KEY"')
ROWS = [{"id": "a", "title": "hotpot"}]


def start(data: Path, *command: str, **environment: str) -> str:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", ROOT / "scripts" / "container.sh", *command],
        env={"PATH": path, "DUOLU_DATA": str(data), **environment},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


def script(name: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / "scripts" / name, *map(str, arguments)],
        env={**os.environ, **environment},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_given_key_is_used_and_not_written_down(tmp_path):
    assert start(tmp_path, *SHOW_KEY, DUOLU_KEY="chosen") == "chosen"
    assert not list(tmp_path.iterdir())


def test_without_a_key_every_start_uses_the_one_drawn_first(tmp_path):
    with ThreadPoolExecutor(4) as pool:  # gateway, ranker and jobs start at the same time
        keys = set(pool.map(lambda _: start(tmp_path, *SHOW_KEY), range(4)))
    assert keys == {start(tmp_path, *SHOW_KEY)}
    assert len(keys.pop()) >= 32
    assert [file.name for file in tmp_path.iterdir()] == ["key"]


def test_nobody_else_reads_the_key(tmp_path):
    start(tmp_path, "true")
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


def test_two_installations_have_two_keys(tmp_path):
    folders = tmp_path / "one", tmp_path / "two"
    for folder in folders:
        folder.mkdir()
    assert start(folders[0], *SHOW_KEY) != start(folders[1], *SHOW_KEY)


@pytest.fixture
def image(tmp_path: Path) -> dict[str, str]:
    """Kernels and the link to their copy, as an image has them."""
    compiled = tmp_path / "image" / "0123"
    compiled.mkdir(parents=True)
    (compiled / "kernel.nbc").write_text("compiled")
    link = tmp_path / "kernels"
    link.symlink_to(tmp_path / "cache" / "0123")
    kernels = {"DUOLU_KERNELS": str(tmp_path / "image"), "NUMBA_CACHE_DIR": str(link)}
    return {**kernels, "DUOLU_KEY": "chosen", "TMPDIR": str(tmp_path)}


def kernels_of(tmp_path: Path, image: dict[str, str]) -> Path:
    """Where a container finds kernels; all that it may write to."""
    found = Path(start(tmp_path, "sh", "-c", 'echo "$NUMBA_CACHE_DIR"', **image))
    assert (found / "kernel.nbc").read_text() == "compiled"
    (found / "another.nbc").touch()
    return found


def test_every_start_of_an_image_shares_one_copy_of_its_kernels(tmp_path, image):
    cache = tmp_path / "cache"
    cache.mkdir()
    with ThreadPoolExecutor(4) as pool:
        found = {*pool.map(lambda _: kernels_of(tmp_path, image), range(4))}
    assert found == {cache / "0123"}
    assert [*cache.iterdir()] == [cache / "0123"]
    assert (Path(image["NUMBA_CACHE_DIR"]) / "another.nbc").exists()  # `docker exec` has them too


def test_what_one_start_compiled_more_the_next_one_finds(tmp_path, image):
    (tmp_path / "cache").mkdir()
    (kernels_of(tmp_path, image) / "another.nbc").write_text("for this processor")
    again = kernels_of(tmp_path, image)
    assert (again / "another.nbc").read_text() == "for this processor"


def test_where_no_volume_can_be_written_a_start_has_a_copy_of_its_own(tmp_path, image):
    found = kernels_of(tmp_path, image)  # the link leads nowhere
    assert found.parent == tmp_path
    assert not (tmp_path / "cache").exists()


def test_copies_that_nobody_starts_from_any_more_are_removed(tmp_path, image):
    cache = tmp_path / "cache"
    old = time.time() - 3 * 86400
    for name in ("4567", "0123.half", "0123.now", "0123", "lost+found"):
        (cache / name).mkdir(parents=True)
        (cache / name / "kernel.nbc").write_text("compiled")
    for name in ("4567", "0123.half", "0123", "lost+found"):
        os.utime(cache / name, (old, old))
    kernels_of(tmp_path, image)
    assert {copy.name for copy in cache.iterdir()} == {"0123", "0123.now", "lost+found"}
    assert time.time() - (cache / "0123").stat().st_mtime < 86400  # in use: of no other image old


def test_other_users_read_a_copy_of_kernels(tmp_path, image):
    (tmp_path / "cache").mkdir()
    assert stat.S_IMODE(kernels_of(tmp_path, image).stat().st_mode) == 0o755


def test_without_kernels_of_an_image_a_start_finds_what_was_named(tmp_path):
    assert start(tmp_path, "sh", "-c", 'echo "$NUMBA_CACHE_DIR"', NUMBA_CACHE_DIR="/x") == "/x"


def test_an_empty_catalogue_is_no_failure_and_says_what_to_do(tmp_path):
    done = script("first_index.py", tmp_path, DUOLU_DATA=str(tmp_path / "data"))
    assert done.returncode == 0, done.stderr
    assert "duolu reindex" in done.stdout


def test_a_published_snapshot_is_not_indexed_again(tmp_path):
    publish_snapshot(ROWS, tmp_path / "data")
    (tmp_path / "broken.jsonl").write_text("not JSON")
    done = script("first_index.py", tmp_path, DUOLU_DATA=str(tmp_path / "data"))
    assert done.returncode == 0, done.stderr
    assert "is published" in done.stdout


def test_a_catalogue_without_a_valid_row_fails(tmp_path):
    (tmp_path / "broken.jsonl").write_text("not JSON")
    done = script("first_index.py", tmp_path, DUOLU_DATA=str(tmp_path / "data"))
    assert done.returncode == 1
    assert "duolu: " in done.stderr


@pytest.mark.parametrize("publishes", [False, True])
def test_a_gateway_is_well_with_or_without_a_snapshot(tmp_path, publishes):
    if publishes:
        publish_snapshot(ROWS, tmp_path)
    with gateway(tmp_path) as client:
        done = script("healthy.py", PORT=str(client.base_url.port))
    assert done.returncode == 0, done.stderr


def test_a_service_that_is_gone_is_not_well(tmp_path):
    with gateway(tmp_path) as client:
        url = httpx.URL(client.base_url)
    done = script("healthy.py", PORT=str(url.port))
    assert done.returncode == 1
    assert "/livez" in done.stderr
