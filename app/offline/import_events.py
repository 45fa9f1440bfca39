"""Bring files of events or sessions into the event log. Twice is once: ids make it idempotent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import orjson

from app.corpus.event_log import APPEND_BATCH, EventLog
from app.corpus.rows import BadRow
from app.corpus.ubi import event_from_json
from app.domain.errors import ClientError
from app.domain.events import Event
from app.offline.json_lines import Line, read_lines
from app.offline.sessions import events_of, session_from_json

Progress: TypeAlias = Callable[[int], None]
"""Told how many more lines are done."""

Door: TypeAlias = Callable[[Sequence[Event]], Sequence[Event]]
"""Puts pseudonyms in the place of ids; corpus.pseudonyms has it."""


@dataclass(frozen=True, slots=True)
class Imported:
    lines: int
    accepted: int  # events new to the log
    duplicates: int  # events that it held already
    refused: int  # lines left out
    first_refused: tuple[str, ...] = ()  # "file:line: reason" of the first few


def import_events(
    files: Sequence[str],
    log: EventLog,
    door: Door,
    now_ms: int,
    progress: Progress | None = None,
    error_file: Path | None = None,
) -> Imported:
    """Append events in the UBI shape. Bad lines go to `error_file`, the rest is imported."""
    return _import(
        files, log, door, lambda raw: (event_from_json(raw, now_ms),), progress, error_file
    )


def import_sessions(
    files: Sequence[str],
    log: EventLog,
    door: Door,
    now_ms: int,
    progress: Progress | None = None,
    error_file: Path | None = None,
) -> Imported:
    """Append sessions as one list impression and its clicks and purchases each."""
    return _import(
        files,
        log,
        door,
        lambda raw: tuple(events_of(session_from_json(raw, now_ms))),
        progress,
        error_file,
    )


def _import(
    files: Sequence[str],
    log: EventLog,
    door: Door,
    to_events: Callable[[Any], Sequence[Event]],
    progress: Progress | None,
    error_file: Path | None,
) -> Imported:
    lines = accepted = duplicates = 0
    refused = _Refused(error_file)
    for batch in _batched(read_lines(files)):
        events = [event for line in batch for event in refused.unless_good(line, to_events)]
        done = log.append(door(events))
        lines, accepted = lines + len(batch), accepted + done.accepted
        duplicates += done.duplicates
        refused.write()
        if progress is not None:
            progress(len(batch))
    return Imported(lines, accepted, duplicates, refused.count, tuple(refused.first))


class _Refused:
    """Lines that cannot be imported: counted, the first few kept, all written."""

    def __init__(self, file: Path | None) -> None:
        self.count = 0
        self.first: list[str] = []
        self._file = file
        self._pending: list[bytes] = []

    def unless_good(
        self, line: Line, to_events: Callable[[Any], Sequence[Event]]
    ) -> Sequence[Event]:
        """Return the line's events; none where it is refused."""
        try:
            if isinstance(line.record, BadRow):
                raise line.record
            return to_events(line.record)
        except ClientError as error:
            self._add(line, str(error))
            return ()

    def write(self) -> None:
        """Append what was refused since the last call."""
        if self._file is not None and self._pending:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("ab") as stream:
                stream.writelines(self._pending)
        self._pending.clear()

    def _add(self, line: Line, reason: str) -> None:
        self.count += 1
        if len(self.first) < 5:
            self.first.append(f"{line.place}: {reason}")
        entry = {"file": line.file, "line": line.number, "reason": reason}
        self._pending.append(orjson.dumps(entry) + b"\n")


def _batched(lines: Iterable[Line]) -> Iterator[list[Line]]:
    stream = iter(lines)
    while batch := list(islice(stream, APPEND_BATCH)):
        yield batch
