"""The ranker as a process of its own."""
