"""Features: one definition for serving and training."""
