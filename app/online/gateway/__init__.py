"""The gateway: HTTP in, the pipeline inside, one JSON answer out."""
