"""The sessions' click model: position-based, P(click) = examination × attractiveness.

A person examines the document at position i (from 1) with probability i^−0.7 whatever it is, and
clicks an examined one with probability σ(1.7 (utility − 0.7)): so the log is biased by position
and a ranker that believes raw clicks learns the old order. Position-based model: Craswell, Zoeter,
Taylor, Ramsey, "An experimental comparison of click position-bias models", WSDM 2008; Chuklin,
Markov, de Rijke, "Click Models for Web Search", Morgan & Claypool 2015, chapter 3.
"""

from __future__ import annotations

import numpy as np

from app.domain.arrays import F32, F64, Bools

DECAY = 0.7
_BUYING = 0.45  # of those who clicked something they truly want


def examination(positions: int) -> F64:
    """Return (positions,) probabilities that a position is looked at: 1, 0.62, 0.46, 0.38, …"""
    return np.power(np.arange(1, positions + 1), -DECAY)


def draw_clicks(rng: np.random.Generator, attractiveness: F32) -> Bools:
    """Draw which of (sessions, positions) are clicked, each independently of the others."""
    chance = examination(attractiveness.shape[1]) * attractiveness
    return rng.random(attractiveness.shape) < chance


def draw_purchases(rng: np.random.Generator, clicked: Bools, attractiveness: F32) -> Bools:
    """Draw which clicked documents are bought or booked: P = 0.45 attractiveness²."""
    return clicked & (rng.random(clicked.shape) < _BUYING * attractiveness**2)
