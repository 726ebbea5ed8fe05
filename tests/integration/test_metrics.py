"""What Prometheus reads, and what is made of it: alert rules and a dashboard that name what is there."""

import json
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import httpx
import pytest
import yaml
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from appliance.metrics.exposition import rendered
from schemas.technologies import technologies
from tasks.metrics.declared import COUNTED
from tests.conftest import CONVERSION, EXTRACTION, RECORDINGS, Appliance, ended
from tests.patience import until

DEPLOY = Path(__file__).parents[2] / "deploy"
ALERTS = DEPLOY / "prometheus/voiceprint-alerts.yml"
DASHBOARD = DEPLOY / "grafana/voiceprint.json"
# Prometheus's own, of every target.
OF_EVERY_SCRAPE = {"up"}
# What stands in an expression and names no metric.
WORDS = {"sum", "min", "max", "by", "rate", "increase", "histogram_quantile", "and", "or", "e"}
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
SECRET = "a-callers-own-words"  # noqa: S105  # of this test


def scraped(client: httpx.Client) -> dict[str, Metric]:
    answer = client.get("/metrics")
    assert answer.status_code == 200, answer.text
    return {family.name: family for family in text_string_to_metric_families(answer.text)}


def value(families: dict[str, Metric], sample: str, **labels: str) -> float:
    """The sum of all samples of that name with these labels."""
    found = (one for family in families.values() for one in family.samples)
    return sum(one.value for one in found if one.name == sample and labels.items() <= one.labels.items())


@pytest.fixture(scope="module")
def families(appliance: Appliance) -> dict[str, Metric]:
    """A scrape after tasks that ended well and badly, and after much that strangers might ask."""
    with appliance.client() as client:
        before = value(scraped(client), "voiceprint_attempt_seconds_count")
        media = (RECORDINGS / "call.flac").read_bytes()
        done = [client.post(EXTRACTION, files={"file": (SECRET, media)}) for _ in range(2)]
        rejected = client.post(CONVERSION, json={"voiceprints": ["WkFQ"]}, headers={"Idempotency-Key": SECRET})
        for answer in (*done, rejected):
            ended(client, answer.headers["Location"])
        client.get(f"/{SECRET}", params={SECRET: SECRET}, headers={"X-Request-Id": SECRET})
        client.get(f"/api/technology/{SECRET}/{SECRET}")
        client.request("PROPFIND", "/health")
        # Workers tell by and by, each for itself, also of what they did for tests before.
        until(lambda: value(scraped(client), "voiceprint_attempt_seconds_count") >= before + 3)
        ends, extraction = "voiceprint_tasks_ended_total", EXTRACTION.rpartition("/")[2]
        until(lambda: value(scraped(client), ends, technology=extraction, state="done") >= 2)
        until(lambda: value(scraped(client), ends, state="rejected") >= 1)
        return scraped(client)


def test_every_metric_is_there(families: dict[str, Metric]) -> None:
    """By name, type and help, all with one prefix, none twice."""
    assert families.keys() >= {metric.name for metric in COUNTED}
    for family in families.values():
        assert family.name.startswith("voiceprint_")
        assert family.type in SUFFIXES
        assert family.documentation.endswith(".")


def test_what_was_done_was_counted(families: dict[str, Metric]) -> None:
    """Tasks by technology and state, audio, the stages of the work and the requests."""
    extraction = EXTRACTION.rpartition("/")[2]
    assert value(families, "voiceprint_tasks_ended_total", technology=extraction, state="done") >= 2
    assert value(families, "voiceprint_tasks_ended_total", state="rejected") >= 1
    assert value(families, "voiceprint_tasks_submitted_total") >= 3
    assert value(families, "voiceprint_audio_seconds_total", technology=extraction) >= 2 * 2 * 8
    assert value(families, "voiceprint_queue_wait_seconds_count", technology=extraction) >= 2
    for stage in ("decode", "voice activity", "quality", "front end", "network", "container", "store"):
        assert value(families, "voiceprint_stage_seconds_sum", stage=stage) > 0, stage
    whole = value(families, "voiceprint_attempt_seconds_sum")
    assert value(families, "voiceprint_stage_seconds_sum") == pytest.approx(whole)
    assert value(families, "voiceprint_batch_windows_total") <= value(families, "voiceprint_batch_places_total")
    posted = {"method": "POST", "route": EXTRACTION, "status": "202"}
    assert value(families, "voiceprint_http_requests_total", **posted) >= 2
    assert value(families, "voiceprint_http_requests_total", method="other") >= 1


def test_how_it_stands(families: dict[str, Metric]) -> None:
    """Workers, queue, Redis and the disk."""
    assert value(families, "voiceprint_redis_up") == value(families, "voiceprint_redis_appendonly_ok") == 1
    assert value(families, "voiceprint_workers") == 2
    assert value(families, "voiceprint_ready") == len(families["voiceprint_ready"].samples) == 4
    for name in ("free_bytes", "redis_memory_used_bytes", "redis_appendonly_bytes", "tasks_limit", "input_limit_bytes"):
        assert value(families, f"voiceprint_{name}") > 0, name


def test_buckets_are_whole(families: dict[str, Metric]) -> None:
    """Of every histogram each bucket holds those below it, and the last one all."""
    for family in (family for family in families.values() if family.type == "histogram"):
        rows: dict[tuple[tuple[str, str], ...], list[float]] = {}
        counts = {}
        for one in family.samples:
            of = tuple(sorted((name, label) for name, label in one.labels.items() if name != "le"))
            if one.name.endswith("_bucket"):
                rows.setdefault(of, []).append(one.value)
            elif one.name.endswith("_count"):
                counts[of] = one.value
        assert {of: row[-1] for of, row in rows.items()} == counts
        assert all(row == sorted(row) for row in rows.values())


def test_no_label_is_a_callers_word(families: dict[str, Metric]) -> None:
    """What a stranger chooses, he cannot put into a label: neither paths nor methods, ids or names."""
    labels = [sample.labels for family in families.values() for sample in family.samples]
    assert not any(SECRET in text.lower() for label in labels for text in label.values())
    named = {label["technology"] for label in labels if "technology" in label}
    assert named <= technologies().keys() | {"unknown"}


def test_openmetrics_for_whoever_asks(client: httpx.Client) -> None:
    """By content negotiation, as Prometheus does."""
    answer = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert answer.text.endswith("# EOF\n")
    assert client.get("/metrics").headers["Content-Type"].startswith("text/plain; version=0.0.4")


def test_totals_of_other_versions_are_passed_over() -> None:
    """They may have had other labels, and other metrics."""
    totals = {("voiceprint_tasks_ended", "one"): 1.0, ("gone",): 1.0, ("voiceprint_attempt_seconds",): 1.0}
    body, _ = rendered(totals, [], "")
    assert not [one for family in text_string_to_metric_families(body.decode()) for one in family.samples if one.value]


def expressions() -> Iterator[tuple[str, str]]:
    """Where, and what is asked of Prometheus there."""
    for group in yaml.safe_load(ALERTS.read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]


@pytest.mark.parametrize(("where", "expression"), list(expressions()))
def test_what_is_asked_for_is_there(families: dict[str, Metric], where: str, expression: str) -> None:
    """Every metric that an alert or a panel names is in a scrape, under the labels that it uses."""
    known = {family.name + end: family for family in families.values() for end in SUFFIXES[family.type]}
    labels = {label for metric in COUNTED for label in metric.labels} | {"le", "job"}
    labels |= {label for family in families.values() for one in family.samples for label in one.labels} | {"gpu"}
    used = {label for by in re.findall(r"by \(([^)]*)\)", expression) for label in re.findall(r"\w+", by)}
    used |= set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", expression))
    assert used <= labels, where
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|by \([^)]*\)", "", expression)
    names = set(re.findall(r"[a-zA-Z_:][\w:]*", bare)) - WORDS
    assert names, where
    assert names <= known.keys() | OF_EVERY_SCRAPE, where


def test_every_alert_says_what_is_wrong() -> None:
    """In words, with what to do, and whether to wake somebody."""
    for group in yaml.safe_load(ALERTS.read_text())["groups"]:
        for rule in group["rules"]:
            assert rule["labels"]["severity"] in {"page", "warn"}
            assert rule["annotations"].keys() == {"summary", "description"}


def test_panels_do_not_overlap() -> None:
    """Each has its own place on a grid of 24 columns, and an id of its own."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    places = [panel["gridPos"] for panel in panels]
    across, down = ([range(one[at], one[at] + one[size]) for one in places] for at, size in (("x", "w"), ("y", "h")))
    taken = [cell for xs, ys in zip(across, down, strict=True) for cell in product(xs, ys)]
    assert len(set(taken)) == len(taken)
    assert max(x for x, _ in taken) < 24
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_the_last_hour_has_it(families: dict[str, Metric], client: httpx.Client) -> None:
    """By the minute, 60 of them, as the totals grew."""

    def asked() -> list[dict[str, float]]:
        return list(client.get("/api/system/throughput").json()["minutes"])

    until(lambda: sum(minute["tasks"] for minute in asked()) >= value(families, "voiceprint_tasks_ended_total"))
    minutes = asked()
    assert len(minutes) == 60
    assert [minute["start"] for minute in minutes] == sorted(minute["start"] for minute in minutes)
    assert sum(minute["audio_seconds"] for minute in minutes) > 0
