"""The servers that other tests lean on: what they acknowledged outlives a crash of theirs."""

from __future__ import annotations

import subprocess

import pytest

from tests.builders.databases import PostgreSQL, Redis, required


def test_postgresql_keeps_what_it_acknowledged_through_a_crash(postgresql: PostgreSQL) -> None:
    name = postgresql.new_database().rsplit("/", 1)[1]
    postgresql.execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)", name)
    postgresql.kill()
    with pytest.raises(subprocess.CalledProcessError):
        postgresql.execute("SELECT 1")
    postgresql.start()
    assert postgresql.execute("SELECT n FROM kept", name) == "7"
    assert postgresql.execute("SHOW fsync") == "on"


def test_redis_starts_again_on_its_port(redis: Redis) -> None:
    port = redis.port
    redis.stop()
    assert not redis.is_running
    redis.start()
    assert redis.url == f"redis://127.0.0.1:{port}/0"
    redis.clear()


def test_a_missing_program_skips_unless_servers_are_required(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both ways say what to install; in CI, which requires them, a missing one is a failure."""
    monkeypatch.delenv("DUOLU_REQUIRE_SERVERS", raising=False)
    with pytest.raises(pytest.skip.Exception, match="apt-get install nothing"):
        required("no-such-program", "nothing")
    monkeypatch.setenv("DUOLU_REQUIRE_SERVERS", "1")
    with pytest.raises(pytest.fail.Exception, match="apt-get install nothing"):
        required("no-such-program", "nothing")
