"""Arrays that grow behind a memory-mapped beginning, without copying it (docs/adr/0026-views.md).

Address space is reserved without memory behind it, the file is mapped over its beginning, and what
is appended follows there: one contiguous array for kernels. The page that the two share is copied
by the operating system at the first write; the file never changes. Where a platform lacks this,
and for arrays that no file holds, the beginning is copied once.

One thread appends. What was handed out before keeps its values, for nothing is written below its
end, so any thread may read.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
from functools import cache
from typing import Any

import numpy as np

from app.domain.arrays import U8, Array

SPARE_BYTES = 1 << 28
"""Address space reserved behind each array; twice as much each time that it was too little."""

_NORESERVE, _FIXED = 0x4000, 0x10  # Linux; Python's mmap module names neither
_SPARE_SHARE = 8  # of the rows, where room costs memory


class Growing:
    """An array (n, …) that grows at its end."""

    def __init__(self, beginning: Array) -> None:
        self._beginning = np.ascontiguousarray(beginning)
        self._spare = SPARE_BYTES
        self._room = _room(self._beginning, 0, self._spare)
        self.size = len(beginning)

    def append(self, values: Array) -> None:
        """Write rows behind the last. They must have the array's dtype and row shape."""
        if values.dtype != self._room.dtype or values.shape[1:] != self._room.shape[1:]:
            raise TypeError(
                f"{values.dtype} {values.shape[1:]} rows do not fit behind "
                f"{self._room.dtype} {self._room.shape[1:]}"
            )
        end = self.size + len(values)
        if end > len(self._room):
            self._move(end)
        self._room[self.size : end] = values
        self.size = end

    def put(self, places: Array, values: Array) -> None:
        """Overwrite rows, which every view sees: one at a time, in no order."""
        self._room[places] = values

    def view(self, n: int | None = None) -> Array:
        """Return the first n rows, read-only as mapped arrays are: kernels compile once a type."""
        n = self.size if n is None else n  # before the room: a larger one holds them too
        seen = self._room[:n]
        seen.flags.writeable = False
        return seen

    def _move(self, wanted: int) -> None:
        """Take a larger room; views of the one before keep it."""
        first = len(self._beginning)
        self._spare *= 2
        room = _room(self._beginning, wanted - first, self._spare)
        room[first : self.size] = self._room[first : self.size]
        self._room = room


def _room(beginning: Array, more: int, spare_bytes: int) -> Array:
    """Return a writable array that begins so and has place for `more` rows and some to spare."""
    row_bytes = max(beginning.dtype.itemsize * int(np.prod(beginning.shape[1:])), 1)
    source = beginning.base
    if isinstance(source, np.memmap) and beginning.ctypes.data == source.ctypes.data:
        rows = len(beginning) + more + spare_bytes // row_bytes
        mapped = _mapped(source, rows * row_bytes)
        if mapped is not None:
            flat = np.frombuffer(mapped, beginning.dtype, rows * row_bytes // beginning.itemsize)
            return flat.reshape(rows, *beginning.shape[1:])
    rows = len(beginning) + more
    room = np.empty((rows + rows // _SPARE_SHARE + 1024, *beginning.shape[1:]), beginning.dtype)
    room[: len(beginning)] = beginning
    return room


def _mapped(source: Any, size: int) -> U8 | None:
    """Map `source`'s file and go on behind it up to `size` bytes of its data; None where not."""
    libc = _libc()
    if libc is None or not source.filename:
        return None
    whole, covered = source.offset + size, source.offset + source.nbytes
    try:
        space = mmap.mmap(-1, whole, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NORESERVE)
        file = os.open(source.filename, os.O_RDONLY)
    except (OSError, ValueError):  # no such address space, or the snapshot was removed meanwhile
        return None
    try:
        if os.fstat(file).st_size < covered:
            return None
        region = np.frombuffer(space, np.uint8)
        flags, access = mmap.MAP_PRIVATE | _FIXED, mmap.PROT_READ | mmap.PROT_WRITE
        at = libc.mmap(region.ctypes.data, covered, access, flags, file, 0)
        return region[source.offset :] if at == region.ctypes.data else None
    finally:
        os.close(file)


@cache
def _libc() -> Any | None:
    """The C library, for Python's mmap cannot say where; None where it is not Linux's."""
    if not sys.platform.startswith("linux") or ctypes.sizeof(ctypes.c_void_p) != 8:
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = (
        ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int64,
    )  # fmt: skip
    return libc
