"""Hypothesis without deadlines: no test asserts a time, and a first call may compile."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "duolu", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("duolu")
