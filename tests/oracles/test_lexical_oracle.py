"""The lexical channel against a dense table of BM25F over the snapshot's own tokens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.corpus.bm25 import K1, B
from app.domain.errors import InvalidInput
from app.domain.filters import Range
from app.recall.channels.lexical import LexicalChannel
from app.recall.indexing import WeightedField
from app.recall.postings import GRAIN
from app.snapshot.snapshot import Snapshot
from app.snapshot.tables import Tables
from tests.builders import city_rows, make_context, make_snapshot
from tests.oracles.naive_bm25 import impact_table, naive_best_rows
