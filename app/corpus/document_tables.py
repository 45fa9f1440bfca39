"""The tables of the document log."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)

from app.corpus.database import BIG

METADATA = MetaData()
HEAD = Table(
    "document_log",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("last_seq", BIG, nullable=False),
    Column("trimmed_to", BIG, nullable=False),  # entries up to here are gone
)
CHANGES = Table(
    "document_changes",
    METADATA,
    Column("seq", BIG, primary_key=True, autoincrement=False),
    Column("op", String(6), nullable=False),
    Column("doc_id", String, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("ts_ms", BIG, nullable=False),
    Index("document_changes_by_id", "doc_id", "op", "seq"),
)
KEYS = Table(
    "document_keys",
    METADATA,
    Column("key", String, primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("digest", String, nullable=False),
    Column("first_seq", BIG, nullable=False),
    Column("is_last", Boolean, nullable=False),
    Column("ts_ms", BIG, nullable=False),
)
LEASES = Table(
    "document_leases",
    METADATA,
    Column("name", String, primary_key=True),
    Column("holder", String, nullable=False),
    Column("until_ms", BIG, nullable=False),  # by the store's own clock
)
