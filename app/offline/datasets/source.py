"""Reads the files of an upstream folder, packed or not, and says what is missing."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from app.domain.errors import InvalidInput
from app.offline.lines import fault, numbered_lines


def source_file(root: Path, name: str) -> Path:
    """Return `root/name.gz` or `root/name`, whichever is there.

    Raises InvalidInput if neither is.
    """
    for path in (root / f"{name}.gz", root / name):
        if path.is_file():
            return path
    raise InvalidInput(f"no {name}[.gz] under {root}; pass --source or set DUOLU_DATASETS")


def copy_source(root: Path, name: str, folder: Path) -> Path:
    """Copy a file that is in our format already and return the copy."""
    path = source_file(root, name)
    folder.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copyfile(path, folder / path.name))


def csv_rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (last line of the row, row) of a CSV file that must have these columns."""
    reader = csv.DictReader((line + "\n" for _, line in numbered_lines(path)), strict=True)
    missing = sorted(set(columns) - set(reader.fieldnames or ()))
    if missing:
        raise fault(path, 1, f"no column {', '.join(missing)}; is this the upstream file?")
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise fault(path, reader.line_num, f"not CSV: {error}") from None


def text_of(path: Path) -> str:
    """Return a whole file as text."""
    return "\n".join(line for _, line in numbered_lines(path))
