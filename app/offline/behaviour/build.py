"""Build the behaviour tables as of a moment, in memory or as files. Pure: same events, same bytes.

Only events before the moment are read, whatever else the log holds: a later event changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from app.corpus.analyzer import Analyzer
from app.corpus.event_columns import EventColumns
from app.corpus.ragged import Dictionary
from app.domain.arrays import F32, I32
from app.domain.events import CLICK
from app.offline.behaviour.actions import Actions, actions_of
from app.offline.behaviour.config import TableConfig
from app.offline.behaviour.counters import count_showings
from app.offline.behaviour.embedding import embeddings
from app.offline.behaviour.histories import histories
from app.offline.behaviour.memory import QueryTerms, queries_memory, terms_memory
from app.offline.behaviour.neighbours import neighbours
from app.offline.behaviour.people import identify
from app.offline.behaviour.suggesting import suggested_queries
from app.offline.behaviour.trending import trending
from app.snapshot.tables import Learned

DEFAULT = TableConfig()


def learn(
    events: EventColumns, queries: QueryTerms, as_of_ms: int, config: TableConfig = DEFAULT
) -> Learned:
    """Return the tables from the events with ts_ms < as_of_ms."""
    events = events.before(as_of_ms)
    people = identify(events)
    actions = actions_of(events, people, as_of_ms, config)
    shown, clicked = events.impressions().document, _clicked(events)
    used = np.unique(np.concatenate([shown, clicked, actions.document]))
    ordinal = np.full(len(events.document.names), -1, np.int32)
    ordinal[used] = np.arange(used.size)
    actions = replace(actions, document=ordinal[actions.document])
    return Learned(
        documents=Dictionary.pack([events.document.names[code] for code in used]),
        counters=_counters(ordinal[shown], ordinal[clicked], actions, used.size),
        neighbours=neighbours(actions, used.size, config),
        queries=queries_memory(actions, queries, config.remembered),
        terms=terms_memory(actions, queries, config.remembered),
        histories=histories(events, actions, people, config.history),
        counted=count_showings(events, queries, ordinal, as_of_ms, config),
        embeddings=embeddings(actions, queries, used.size, config.embedding),
    )


def tables_before(
    events: EventColumns,
    queries: QueryTerms,
    cuts_ms: Iterable[int],
    config: TableConfig = DEFAULT,
) -> Iterator[tuple[dict[str, Any], Learned]]:
    """Yield facts and tables as of each cut, for rows that may know nothing later.

    `Tables.of(learned, facts, documents)` makes them readable.
    """
    for cut_ms in cuts_ms:
        facts = {"id": f"before-{cut_ms}", **facts_of(events, cut_ms, config)}
        yield facts, learn(events, queries, cut_ms, config)


def build_tables(
    events: EventColumns,
    out: Path,
    as_of_ms: int,
    analyzer: Analyzer,
    analyzers: Sequence[str] = ("default",),
    config: TableConfig = DEFAULT,
) -> dict[str, Any]:
    """Write the tables into the directory `out` and return the facts for their manifest."""
    learned = learn(events, QueryTerms.of(events, analyzer, analyzers), as_of_ms, config)
    learned.save(out)
    suggested_queries(events, learned.histories, as_of_ms, config).save(out / "suggest")
    trending(events, as_of_ms, config).save(out / "trending")
    facts = {"analyzer_id": analyzer.id, "analyzers": list(analyzers)}
    counted = {"counted": learned.counted.tally} if learned.counted else {}
    return facts_of(events, as_of_ms, config) | facts | counted


def facts_of(events: EventColumns, as_of_ms: int, config: TableConfig) -> dict[str, Any]:
    """Describe tables by what they contain: `event_seq` is the newest event in them.

    `whole_seq`: every event up to it is. Between both stand some whose time had not come.
    """
    before = events.before(as_of_ms)
    event_seq = int(before.seq.max(initial=0))
    left_out = int(events.seq[len(before) :].min(initial=event_seq + 1))
    return {
        "as_of_ms": as_of_ms,
        "event_seq": event_seq,
        "whole_seq": min(event_seq, left_out - 1),
        "events": len(before),
        "events_after": len(events) - len(before),
        "config": config.to_json(),
    }


def _clicked(events: EventColumns) -> I32:
    is_click = events.action.codes == events.code_of(CLICK)
    return events.document.take(is_click & (events.document.codes >= 0)).codes


def _counters(shown: I32, clicked: I32, actions: Actions, n: int) -> Mapping[str, F32]:
    """Count each ordinal. (n,) each; gains are summed in order of time."""
    return {
        "impressions": np.bincount(shown, minlength=n).astype(np.float32),
        "clicks": np.bincount(clicked, minlength=n).astype(np.float32),
        "gain": np.bincount(actions.document, actions.gain, minlength=n).astype(np.float32),
        "recent_gain": np.bincount(actions.document, actions.recent, minlength=n).astype(
            np.float32
        ),
    }
