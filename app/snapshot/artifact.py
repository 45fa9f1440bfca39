"""An artifact: a directory that never changes, with a manifest of the sha256 of every file.

The manifest's last entry, "seal", is the sha256 of what stands before it.

Native libraries kill the process, hang, or answer wrongly in silence on altered files, so nothing
is opened before `verify` has read it through.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson

from app.domain.errors import CorruptArtifact, InvalidInput

MANIFEST = "manifest.json"
_HERE, _SWAP = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of renameat2(2)
FORMAT = 2
UNSEALED = 1  # an older manifest, which says nothing of itself
_SEAL = re.compile(rb',\n  "seal": "([0-9a-f]{64})"\n}\Z')


def seal(directory: Path, kind: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Hash and fsync every file, then write and fsync the manifest. Returns the manifest."""
    files = {}
    for file in _files(directory):
        files[file.relative_to(directory).as_posix()] = {
            "bytes": file.stat().st_size,
            "sha256": _sha256(file),
        }
        _sync(file)
    manifest = {"kind": kind, "format": FORMAT, **facts, "files": files} | {"format": FORMAT}
    target = directory / MANIFEST
    target.write_bytes(_sealed(orjson.dumps(manifest, option=orjson.OPT_INDENT_2)))
    _sync(target)
    for folder in [directory, *(p for p in directory.rglob("*") if p.is_dir())]:
        sync_directory(folder)
    return manifest


def verify(
    directory: Path, kind: str, advance: Callable[[int], None] = lambda _: None
) -> dict[str, Any]:
    """Return the manifest after reading every file through, or raise CorruptArtifact.

    `advance` is told of each file that was read.
    """
    manifest = read_manifest(directory, kind)
    listed = manifest["files"]
    present = {f.relative_to(directory).as_posix() for f in _files(directory)}
    if extra := present - listed.keys():
        raise CorruptArtifact(f"{directory / min(extra)} is not in the manifest; {_remedy(kind)}")
    for name, fact in listed.items():
        file = directory / name
        if name not in present:
            raise CorruptArtifact(f"{file} is missing; {_remedy(kind)}")
        if (size := file.stat().st_size) != fact["bytes"]:
            raise CorruptArtifact(
                f"{file} has {size} bytes, its manifest says {fact['bytes']}; {_remedy(kind)}"
            )
        if _sha256(file) != fact["sha256"]:
            raise CorruptArtifact(f"{file} differs from its manifest's sha256; {_remedy(kind)}")
        advance(1)
    return manifest


def read_manifest(directory: Path, kind: str) -> dict[str, Any]:
    """Read the manifest alone, without the files that it lists: for listings."""
    file = directory / MANIFEST
    try:
        raw = file.read_bytes()
        manifest = orjson.loads(raw)
    except FileNotFoundError:
        raise CorruptArtifact(f"{file} is missing: {kind} not finished; {_remedy(kind)}") from None
    except orjson.JSONDecodeError as error:
        raise CorruptArtifact(f"{file} is not JSON ({error}); {_remedy(kind)}") from None
    if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict):
        raise CorruptArtifact(f"{file} lists no files; {_remedy(kind)}")
    if manifest.get("kind") != kind or manifest.get("format") not in (FORMAT, UNSEALED):
        raise CorruptArtifact(
            f"{file} is a {manifest.get('kind')!r} of format {manifest.get('format')!r}, "
            f"wanted {kind!r} of format {FORMAT}; {_remedy(kind)}"
        )
    seal = manifest.pop("seal", None)
    if (seal is None) != (manifest["format"] == UNSEALED) or (seal and not _holds(raw)):
        raise CorruptArtifact(f"{file} differs from its own seal; {_remedy(kind)}")
    return manifest


def publish_directory(built: Path, final: Path) -> None:
    """Move a sealed directory to its final name in one rename."""
    if final.exists():
        raise InvalidInput(f"{final} exists already; artifacts never change")
    final.parent.mkdir(parents=True, exist_ok=True)
    os.rename(built, final)
    sync_directory(final.parent)


def replace_directory(built: Path, final: Path) -> None:
    """Put a sealed directory in the place of another, which is deleted; nobody meets neither.

    The one exception to "artifacts never change": to forget a person. Who has the old one open
    goes on reading it.
    """
    _exchange(built, final)
    sync_directory(final.parent)
    remove_directory(built)


def _exchange(one: Path, other: Path) -> None:
    """Swap two directories in one step (Linux; elsewhere in three)."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    names = os.fsencode(one), os.fsencode(other)
    if rename is not None and not rename(_HERE, names[0], _HERE, names[1], _SWAP):
        return
    aside = one.with_name(f"{one.name}.aside")
    os.rename(other, aside)
    os.rename(one, other)
    os.rename(aside, one)


def write_pointer(pointer: Path, text: str) -> None:
    """Replace a one-line file atomically and durably."""
    fresh = pointer.with_name(f".{pointer.name}.{os.getpid()}")
    fresh.write_text(text + "\n", "utf-8")
    _sync(fresh)
    os.replace(fresh, pointer)
    sync_directory(pointer.parent)


def remove_directory(directory: Path) -> None:
    """Delete an artifact: the manifest first, so that a half-deleted one is never opened."""
    (directory / MANIFEST).unlink(missing_ok=True)
    shutil.rmtree(directory, ignore_errors=True)


def sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sealed(text: bytes) -> bytes:
    """Add the seal to a manifest as the last entry of its object."""
    return text[:-2] + b',\n  "seal": "' + hashlib.sha256(text).hexdigest().encode() + b'"\n}'


def _holds(raw: bytes) -> bool:
    found = _SEAL.search(raw)
    text = raw[: found.start()] + b"\n}" if found else b""
    return found is not None and hashlib.sha256(text).hexdigest().encode() == found[1]


def _files(directory: Path) -> list[Path]:
    return sorted(p for p in directory.rglob("*") if p.is_file() and p.name != MANIFEST)


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sync(file: Path) -> None:
    with file.open("rb") as stream:
        os.fsync(stream.fileno())


def _remedy(kind: str) -> str:
    return {
        "snapshot": "run: duolu rollback --snapshots, or duolu reindex",
        "tables": "run: duolu train or duolu reindex to build the tables again",
        "release": "run: duolu rollback, or train again",
    }.get(kind, "build it again")
