"""Ranking: a candidate set in, one score a candidate out."""
