"""Recall: many ways of finding candidates, side by side."""
