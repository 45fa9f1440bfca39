"""docs/observability.md lists the metrics that there are, and the alerts are rules that hold."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry

from app.offline.indexer import Indexer
from app.online.gateway.main import create_app as create_gateway
from app.online.indexer.main import create_app as create_indexer
from app.online.ranker.main import create_app as create_ranker
from app.settings import Settings
from tests.builders import city_rows
from tests.builders.databases import required
from tests.builders.servers import gateway, make_engine, publish_snapshot
from tests.builders.snapshots import CONFIG

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "observability.md").read_text("utf-8")
ALERTS, TESTS = ROOT / "deploy" / "alerts.yml", ROOT / "deploy" / "alerts_test.yml"
ROW = re.compile(r"^\| (`duolu_[^|]*) \| ([^|]*)\|", re.MULTILINE)
QUOTED = re.compile(r"`(\w+)`")
PERSONAL = {"user", "user_id", "client_id", "query", "q", "request_id", "query_id"}


def documented() -> dict[str, tuple[str, ...]]:
    """Metric → labels, as the page says them."""
    listed = {
        name: tuple(QUOTED.findall(labels))
        for names, labels in ROW.findall(PAGE)
        for name in QUOTED.findall(names)
    }
    return {**listed, "duolu_build_info": ("version", "service")}


def registered(registry: CollectorRegistry) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield our metrics of a registry, as they are exposed, with their labels."""
    ours = (c for c in registry._collector_to_names if hasattr(c, "_labelnames"))
    for collector in ours:
        [family] = collector.describe()
        suffix = "_total" if family.type == "counter" else ""
        yield family.name + suffix, tuple(collector._labelnames)


def rules() -> list[dict[str, str]]:
    return [r for group in yaml.safe_load(ALERTS.read_text())["groups"] for r in group["rules"]]


def test_the_page_lists_every_metric_of_every_service_with_its_labels(tmp_path):
    engine = make_engine(tmp_path, "rank.shadow=lambdarank~1", "channels.vector.enabled=false")
    settings = Settings.load(CONFIG, [], environment={})
    indexer = Indexer(settings, tmp_path, ["true"])
    services = [create_gateway(engine, engine.settings, None).state.service.metrics.registry]
    services += [create_ranker(engine, engine.settings, None).state.service.metrics.registry]
    services += [create_indexer([indexer], lambda: indexer.status).state.metrics]
    there = {metric for registry in services for metric in registered(registry)}
    engine.close()
    assert dict(there) == documented()
    assert not {label for _, labels in there for label in labels} & PERSONAL


def test_every_alert_asks_for_metrics_that_exist_and_says_what_to_do():
    known = documented().keys()
    for rule in rules():
        asked = set(re.findall(r"\bduolu_\w+", rule["expr"]))
        assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in asked} <= known, rule["alert"]
        assert f"`{rule['alert']}`" in PAGE


def test_every_alert_is_seen_to_fire_and_to_keep_quiet():
    broken, well = yaml.safe_load(TESTS.read_text())["tests"]
    names = [rule["alert"] for rule in rules()]
    fires = [t["alertname"] for t in broken["alert_rule_test"] if t["exp_alerts"]]
    quiet = [t["alertname"] for t in well["alert_rule_test"] if not t.get("exp_alerts")]
    assert fires == quiet == names


def test_promtool_has_nothing_against_the_page(tmp_path):
    promtool = required("promtool", "prometheus")
    publish_snapshot(city_rows(20), tmp_path)
    with gateway(tmp_path) as client:
        client.get("/v1/search?q=tea")
        page = client.get("/metrics").content
    done = subprocess.run(
        [promtool, "check", "metrics"], input=page, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize(
    "command",
    [
        ("check", "rules", "alerts.yml"),
        ("test", "rules", "alerts_test.yml"),
        ("check", "config", "prometheus.yml"),
    ],
    ids=" ".join,
)
def test_promtool_finds_the_rules_right(command):
    promtool = required("promtool", "prometheus")
    done = subprocess.run(
        [promtool, *command], cwd=ALERTS.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
