"""A synthetic bilingual city: catalogue, people, sessions and judged queries, all from one seed."""
