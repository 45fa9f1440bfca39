"""query_* and user_*: scalars of the request."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numba import njit

from app.corpus.bm25 import idf
from app.domain.arrays import F32, I32
from app.features.lookup import NAN, Inputs, unknown

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
        case "query_known_idf":
            return _known_idf(lookup)
        case "query_known_share" | "query_idf_mean":
            return _of_known(lookup, lookup.get("query_known_idf"), base)
        case "query_memory_total":
            gains = lookup.memory.gains
            return float(gains.sum()) if gains.size else NAN
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


def _of_known(lookup: Inputs, idf: F32, base: str) -> float:
    """Say which share of the terms is known, or how rare those are."""
    if base == "query_idf_mean":
        return float(np.add.reduce(idf) / idf.size) if idf.size else NAN
    terms = lookup.get("query_term_ids").size
    return float(idf.size / terms) if terms else NAN


def _known_idf(lookup: Inputs) -> F32:
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
