"""Documents as columns, and what turns text into terms and vectors."""
