"""What tests build their worlds from: real artifacts on disk, small and quick."""

from tests.builders.requests import NOW_MS, make_context
from tests.builders.snapshots import DEFAULT_FIELDS, make_documents, make_snapshot
from tests.builders.worlds import city_rows

__all__ = [
    "DEFAULT_FIELDS",
    "NOW_MS",
    "city_rows",
    "make_context",
    "make_documents",
    "make_snapshot",
]
