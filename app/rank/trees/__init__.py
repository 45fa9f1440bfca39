"""Scores of a tree ensemble, bit for bit LightGBM's, many times faster. Read scorer.py first."""
