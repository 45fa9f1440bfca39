"""The way of a query. Read search.py first."""
