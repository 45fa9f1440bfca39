"""The words that everything else is written in: query, candidates, user, filters, errors."""
