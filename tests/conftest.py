"""Hypothesis without deadlines, for no test asserts a time; real servers for tests that ask.

A test that takes `postgresql`, `database_url`, `redis` or `redis_url` runs where the server is
installed, says so where it is not, and fails there under DUOLU_REQUIRE_SERVERS=1, as in CI.
"""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.builders import databases

settings.register_profile(
    "duolu", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("duolu")

SERVERS = {"postgresql", "redis"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a server: `pytest -m postgresql`."""
    for item in items:
        for server in SERVERS.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(server)


@pytest.fixture(scope="session", name="postgresql_server")
def _postgresql_server() -> Iterator[databases.PostgreSQL]:
    with databases.postgresql() as server:
        yield server


@pytest.fixture(scope="session", name="redis_server")
def _redis_server() -> Iterator[databases.Redis]:
    with databases.redis() as server:
        yield server


@pytest.fixture
def postgresql(postgresql_server: databases.PostgreSQL) -> databases.PostgreSQL:
    """A running server, whatever the test before did to it."""
    postgresql_server.start()
    return postgresql_server


@pytest.fixture
def redis(redis_server: databases.Redis) -> databases.Redis:
    """A running server with nothing in it."""
    redis_server.start()
    redis_server.clear()
    return redis_server


@pytest.fixture
def database_url(postgresql: databases.PostgreSQL) -> str:
    """The URL of an empty PostgreSQL database."""
    return postgresql.new_database()


@pytest.fixture
def redis_url(redis: databases.Redis) -> str:
    """The URL of an empty Redis."""
    return redis.url
