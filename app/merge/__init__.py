"""Merging: many lists of hits into one candidate set."""
