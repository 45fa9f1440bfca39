"""The indexer as a service: work in the background, and what orchestrators ask of it."""
