"""query_* and user_*: scalars of the request."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numba import njit

from app.corpus.bm25 import idf
from app.domain.arrays import F32, I32
from app.features.lookup import NAN, Inputs, unknown
from app.snapshot.tables import memory_key

NUMBER = re.compile(r"\d+(?:\.\d+)?")


def query_input(lookup: Inputs, base: str, field: str) -> Any:
    query = lookup.ctx.query
    match base:
        case "query_now_ms":
            return float(query.now_ms)
        case "query_term_count":
            return float(len(query.terms))
        case "query_term_ids":
            return lookup.ctx.snapshot.documents.terms.find_all(query.terms)
        case "query_known_share":
            ids = lookup.get("query_term_ids")
            return int(np.count_nonzero(ids >= 0)) / ids.size if ids.size else NAN
        case "query_idf_mean":
            known = query_idf(lookup)
            return float(np.add.reduce(known) / known.size) if known.size else NAN
        case "query_memory_total":
            gains = lookup.get("query_memory")[1]
            return float(gains.sum()) if gains.size else NAN
        case "query_memory":
            return _memory(lookup)
        case "query_numbers":
            return [float(n) for n in NUMBER.findall(query.text)]
        case "query_number_low" | "query_number_high":
            numbers = lookup.get("query_numbers")
            best = min if base.endswith("low") else max
            return best(numbers) if numbers else NAN
    raise unknown(base, field)


def user_input(lookup: Inputs, base: str, field: str) -> Any:
    user = lookup.ctx.user
    match base:
        case "user_actions":
            return float(user.rows.size)
        case "user_session_actions":
            return float(user.in_session(lookup.ctx.query.now_ms))
        case "user_log_price_mean":
            return float(user.log_price[0])
        case "user_log_price_std":
            return float(user.log_price[1])
    raise unknown(base, field)


def query_idf(lookup: Inputs) -> F32:
    """Idf of the query's known terms, by the field that holds each most often. (t,)"""
    documents = lookup.ctx.snapshot.documents
    idf: F32 = _idf(documents.rows.df, lookup.get("query_term_ids"), documents.counted)
    return idf


@njit(cache=True, nogil=True)
def _idf(df: I32, ids: I32, n: int) -> F32:
    out, size = np.empty(ids.size, np.float32), 0
    for i in ids:
        if i >= 0:
            most = 0
            for f in range(df.shape[1]):
                most = max(most, df[i, f])
            out[size] = idf(most, n)
            size += 1
    return out[:size]


def _memory(lookup: Inputs) -> Any:
    """Rows and gains that this very query brought before; both empty if never typed."""
    tables = lookup.ctx.tables
    if tables.queries is None or not lookup.ctx.query.terms:
        return np.empty(0, np.int32), np.empty(0, np.float32)
    ordinals, gains = tables.queries.find(memory_key(lookup.ctx.query.terms))
    return tables.rows(ordinals, gains)
