"""Duolu (多路): many recall channels side by side, one learned ranking on top."""

import os

# OpenMP's threads spin while they wait. On a core that anything else uses, training with two
# threads then takes ten times as long as with one. Read once, when the library is first loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Beside each counter the metrics library tells when it was made: a fifth of the page, which nobody
# reads. Read once, when the library is first loaded.
os.environ.setdefault("PROMETHEUS_DISABLE_CREATED_SERIES", "True")
