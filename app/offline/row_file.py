"""Training rows on disk: groups are appended as they are made and read back as one mapped matrix.

The file has no name: the system frees it when the process ends, however it ends. Of a row only the
features go to disk (hundreds of bytes); its grade, weight and position (twelve) stay in memory.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from app.domain.arrays import Array
from app.domain.errors import ServerError
from app.offline.dataset import TrainingSet


class RowFile:
    """Takes whole query groups of d features, then gives them back together."""

    def __init__(self, directory: Path, d: int) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._handle, name = tempfile.mkstemp(dir=directory)
        os.unlink(name)
        self._d = d
        self._parts = [TrainingSet.empty(d)]

    def append(self, rows: TrainingSet) -> None:
        """Write groups behind those that are there, but for those that teach nothing.

        Raises ServerError where the disk is full.
        """
        rows = teaching(rows)
        try:
            with open(self._handle, "ab", closefd=False) as file:
                file.write(np.ascontiguousarray(rows.features, np.float32).data)
        except OSError as error:
            raise self._no_room(error) from None
        self._parts.append(replace(rows, features=np.empty((0, self._d), np.float32)))

    def read(self) -> TrainingSet:
        """Return all groups in the order they came, and take no more.

        The matrix is mapped: pages of the file are read as they are used.
        """
        sizes = [p.sizes for p in self._parts]
        n = int(np.concatenate(sizes).sum())
        features: Array = np.empty((0, self._d), np.float32)
        with open(self._handle, "rb") as file:  # the mapping holds it from here
            if n * self._d:
                features = np.memmap(file, np.float32, "r", shape=(n, self._d))
        return replace(TrainingSet.join(self._parts), features=features)

    def _no_room(self, error: OSError) -> ServerError:
        os.close(self._handle)
        return ServerError(
            f"training rows cannot be written under {self._directory}: {error.strerror}; make room "
            "there, or lower sampling.max_groups of the recipe"
        )


def teaching(rows: TrainingSet) -> TrainingSet:
    """Leave out groups whose grades are all alike: nothing in them is better than the rest."""
    labels = np.split(rows.labels, np.cumsum(rows.sizes)[:-1]) if len(rows) else []
    keep = [g for g, some in enumerate(labels) if some.size and some.min() < some.max()]
    return rows if len(keep) == len(rows) else rows.take(keep)
