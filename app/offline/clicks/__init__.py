"""Click models: what a position is worth, and what a click there is therefore worth."""
