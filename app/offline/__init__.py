"""The offline plane: reindex, tables, training, evaluation, release."""
