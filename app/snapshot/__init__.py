"""Immutable artifacts: a snapshot of the catalogue, the tables that behaviour taught."""
