"""The Grafana dashboard and the alert rules in docs/monitoring ask for what /metrics has."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from queuectl_core.services import prometheus
from queuectl_core.storage import open_store
from queuectl_core.web.requests import Requests
from tests import halves
from tests.builders import NOW_MS, buried, completed, new_job, new_worker

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "monitoring"


def expressions() -> list[str]:
    """Return every query of both files."""
    board = json.loads((FOLDER / "queuectl-grafana.json").read_text(encoding="utf-8"))
    rules = yaml.safe_load((FOLDER / "queuectl-alerts.yml").read_text(encoding="utf-8"))
    found = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    found += [one["definition"] for one in board["templating"]["list"] if "definition" in one]
    return found + [rule["expr"] for group in rules["groups"] for rule in group["rules"]]


@pytest.fixture
def samples(tmp_path):
    """Return all samples of a queue in which everything has happened once."""
    store = open_store(str(tmp_path / "queue.db"), now_ms=NOW_MS)
    store.register(new_worker(), now_ms=NOW_MS)
    store.enqueue([new_job(), new_job()], now_ms=NOW_MS)
    claims = halves.claim(store, worker=1, limit=2, now_ms=NOW_MS)
    halves.finish(store, [completed(claims[0]), buried(claims[1])], now_ms=NOW_MS)
    requests = Requests()
    requests.count("/jobs", "GET", 503, 0.01)
    text = prometheus.exposition(store, now_ms=NOW_MS, more=requests.families())
    store.close()
    return [one for family in text_string_to_metric_families(text) for one in family.samples]


def test_every_metric_that_is_asked_for_is_there(samples):
    names = {sample.name for sample in samples}

    asked = {name for text in expressions() for name in re.findall(r"\bqueuectl_\w+", text)}

    assert len(asked) > 10
    assert asked - names == set()


def test_every_label_that_is_asked_for_is_there(samples):
    labels = {}
    for sample in samples:
        labels.setdefault(sample.name, set()).update({*sample.labels, "instance"})

    wrong = [
        (name, label)
        for text in expressions()
        for name, inside in re.findall(r"\b(queuectl_\w+)\{([^}]*)\}", text)
        for label in re.findall(r"(\w+)=", inside)
        if label not in labels[name]
    ]

    assert wrong == []


def test_every_value_that_is_asked_for_can_be_there():
    known = {
        "state": {
            "processing",
            "dead",
            *(word.replace(" ", "_") for word in prometheus.WORKER_STATES),
        },
        "ending": set(prometheus.ENDS.values()),
        "event": {"enqueued", "dlq"},
        "code": {"5.."},
    }

    asked = [pair for text in expressions() for pair in re.findall(r'(\w+)=~?"([^"$]+)"', text)]

    assert {label for label, _ in asked} <= {*known, "job"}
    wrong = [
        (label, value)
        for label, values in asked
        if label in known
        for value in values.split("|")
        if value not in known[label]
    ]
    assert wrong == []


def test_every_alert_says_what_to_do():
    rules = yaml.safe_load((FOLDER / "queuectl-alerts.yml").read_text(encoding="utf-8"))

    for rule in rules["groups"][0]["rules"]:
        assert rule["labels"]["severity"] in {"info", "warning", "critical"}
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"]


def test_panels_do_not_lie_on_each_other():
    board = json.loads((FOLDER / "queuectl-grafana.json").read_text(encoding="utf-8"))

    taken = [
        (x, y)
        for panel in board["panels"]
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]

    assert len(taken) == len(set(taken))
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
