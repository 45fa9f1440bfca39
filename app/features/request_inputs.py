"""query_* and user_*: scalars of the request."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from app.domain.arrays import F32, I32
from app.features.lookup import Inputs, unknown
from app.snapshot.tables import memory_key

NUMBER = re.compile(r"\d+(?:\.\d+)?")
NAN = float("nan")


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
            return float(np.mean(ids >= 0)) if ids.size else NAN
        case "query_idf_mean":
            idf = query_idf(lookup)
            return float(idf.mean()) if idf.size else NAN
        case "query_memory_total":
            gains = lookup.get("query_memory")[1]
            return float(gains.sum()) if gains.size else NAN
        case "query_memory":
            return _memory(lookup)
        case "query_number_low" | "query_number_high":
            numbers = [float(n) for n in NUMBER.findall(query.text)]
            best = min if base.endswith("low") else max
            return best(numbers) if numbers else NAN
    raise unknown(base, field)


def user_input(lookup: Inputs, base: str, field: str) -> Any:
    user = lookup.ctx.user
    match base:
        case "user_actions":
            return float(user.rows.size)
        case "user_log_price_mean":
            return float(user.log_price[0])
        case "user_log_price_std":
            return float(user.log_price[1])
    raise unknown(base, field)


def query_idf(lookup: Inputs) -> F32:
    """Idf of the query's known terms, by the field that holds each most often. (t,)"""
    documents = lookup.ctx.snapshot.documents
    ids: I32 = lookup.get("query_term_ids")
    known = ids[ids >= 0]
    n = len(documents)
    df = np.zeros(known.size, np.int64)
    for column in documents.tokens.values():
        df = np.maximum(df, column.df[known])
    return np.log1p((n - df + 0.5) / (df + 0.5)).astype(np.float32)


def _memory(lookup: Inputs) -> Any:
    """Rows and gains that this very query brought before; both empty if never typed."""
    tables = lookup.ctx.tables
    if tables.queries is None or not lookup.ctx.query.terms:
        return np.empty(0, np.int32), np.empty(0, np.float32)
    ordinals, gains = tables.queries.find(memory_key(lookup.ctx.query.terms))
    return tables.rows(ordinals, gains)
