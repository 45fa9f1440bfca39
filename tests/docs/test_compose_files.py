"""The compose files say what the services understand, and publish nothing but on this machine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.commands.serving import Role
from app.settings import Settings

ROOT = Path(__file__).parents[2]
ALONE, CLUSTER = "docker-compose.yml", "docker-compose.cluster.yml"
VARIABLE = re.compile(r"\$\{([A-Z_]+)(?::[-?]([^}]*))?\}")


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def services(*names: str) -> dict[str, dict[str, Any]]:
    """The services of some files, each on top of the one before, with their defaults filled in."""
    merged: dict[str, dict[str, Any]] = {}
    for name in names:
        filled = VARIABLE.sub(lambda m: m[2] or "x", text(name))
        for service, more in yaml.safe_load(filled)["services"].items():
            before = merged.setdefault(service, {})
            for key, value in more.items():
                is_map = isinstance(value, dict) and isinstance(before.get(key), dict)
                before[key] = {**before[key], **value} if is_map else value
    return merged


@pytest.mark.parametrize("files", [(ALONE,), (ALONE, CLUSTER)])
def test_every_service_is_started_with_what_it_understands(files: tuple[str, ...]) -> None:
    started = services(*files)
    roles = set()
    for service in started.values():
        command = service.get("command", [])
        if command[:2] == ["duolu", "serve"]:
            roles.add(Role(command[command.index("--role") + 1]))
            port = command[command.index("--port") + 1]
            assert service["environment"].get("PORT", "8000") == port  # its healthcheck asks there
            Settings.load(ROOT / "config" / "search.toml", environment=service["environment"])
    assert roles == {Role.GATEWAY, Role.RANKER, Role.INDEXER}
    cluster = {"postgres", "redis"}
    assert {*started} - cluster == {"reindex", "gateway", "ranker", "indexer"}
    for service in cluster & {*started}:
        assert started[service]["healthcheck"]


def test_the_embedded_default_needs_no_server() -> None:
    for service in services(ALONE).values():
        assert "DUOLU_STORE__URL" not in service["environment"]
        assert not {"postgres", "redis"} & {*service.get("depends_on", {})}


def test_in_a_cluster_all_share_one_store() -> None:
    started = services(ALONE, CLUSTER)
    ours = [s for s in started.values() if s.get("image") == "duolu"]
    assert len(ours) == 4
    for service in ours:
        settings = Settings.load(
            ROOT / "config" / "search.toml", environment=service["environment"]
        )
        assert settings.store.address.startswith("postgresql://duolu:")
        assert settings.state.address.startswith("redis://redis:")
        assert service["depends_on"]["postgres"] == {"condition": "service_healthy"}


def test_services_are_published_on_this_machine_alone() -> None:
    published = [p for s in services(ALONE, CLUSTER).values() for p in s.get("ports", ())]
    assert published == ["127.0.0.1:8000:8000"]


def test_every_variable_stands_in_the_example() -> None:
    asked = {m[1] for name in (ALONE, CLUSTER) for m in VARIABLE.finditer(text(name))}
    told = set(re.findall(r"^#? ?([A-Z_]+)=", text(".env.example"), re.MULTILINE))
    assert asked - {"DUOLU_POSTGRES_IMAGE", "DUOLU_REDIS_IMAGE"} <= told
    assert told - {"COMPOSE_FILE"} <= asked
