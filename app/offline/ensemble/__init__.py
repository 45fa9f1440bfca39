"""Ensembles: released models combined, measured and gated like any other release."""
