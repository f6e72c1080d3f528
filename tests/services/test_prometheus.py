"""The figures as Prometheus' own parser reads them."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from queuectl_core.services import prometheus
from tests import halves
from tests.builders import NOW_MS, buried, completed, new_job, new_worker


@pytest.fixture
def figures(store):
    """Return the samples by name and labels: `figures()[("queuectl_jobs", ("mail", "dead"))]`."""

    def figures():
        text = prometheus.exposition(store, now_ms=NOW_MS + 90_500)
        return {
            (sample.name, tuple(sample.labels.values())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    return figures


def run(store, how, **outcome):
    (claim,) = halves.claim(store, worker=1, limit=1, now_ms=NOW_MS)
    halves.finish(store, [how(claim, **outcome)], now_ms=NOW_MS)


def test_a_queuectl_run_is_no_worker(store, figures):
    store.register(new_worker(queues=()), now_ms=NOW_MS)

    assert figures()[("queuectl_worker_threads", ())] == 0
    assert figures()[("queuectl_workers", ("ok",))] == 0


def test_every_family_has_help_and_a_type(store):
    store.enqueue([new_job()], now_ms=NOW_MS)

    families = list(text_string_to_metric_families(prometheus.exposition(store, now_ms=NOW_MS)))

    assert {family.name: family.type for family in families} == {
        "queuectl_info": "gauge",
        "queuectl_jobs": "gauge",
        "queuectl_queue_depth": "gauge",
        "queuectl_oldest_due_age_seconds": "gauge",
        "queuectl_events": "counter",
        "queuectl_attempts": "counter",
        "queuectl_queue_concurrency_limit": "gauge",
        "queuectl_queue_rate_limit_per_second": "gauge",
        "queuectl_queue_max_pending": "gauge",
        "queuectl_queue_paused": "gauge",
        "queuectl_run_duration_seconds": "summary",
        "queuectl_workers": "gauge",
        "queuectl_hook_events": "counter",
        "queuectl_hook_runs": "gauge",
        "queuectl_worker_threads": "gauge",
        "queuectl_worker_threads_busy": "gauge",
    }
    assert all(family.documentation for family in families)


def test_jobs_depth_and_age_of_each_queue(store, figures):
    store.enqueue([new_job(queue="mail")] * 3, now_ms=NOW_MS)
    run(store, buried)

    found = figures()

    assert found["queuectl_jobs", ("mail", "pending")] == 2
    assert found["queuectl_jobs", ("mail", "dead")] == 1
    assert found["queuectl_jobs", ("mail", "completed")] == 0
    assert found["queuectl_queue_depth", ("mail",)] == 2
    assert found["queuectl_oldest_due_age_seconds", ("mail",)] == 90.5


def test_attempts_and_durations(store, figures):
    store.enqueue([new_job(), new_job()], now_ms=NOW_MS)
    run(store, completed, duration_ms=1_500)
    run(store, completed, duration_ms=500)

    found = figures()

    assert found["queuectl_attempts_total", ("default",)] == 2
    assert found["queuectl_run_duration_seconds_sum", ("default", "completed")] == 2.0
    assert found["queuectl_run_duration_seconds_count", ("default", "completed")] == 2
    assert found["queuectl_events_total", ("default", "enqueued")] == 2


def test_workers_and_their_threads(store, figures):
    store.register(new_worker(threads=4), now_ms=NOW_MS + 90_000)
    store.enqueue([new_job()], now_ms=NOW_MS)
    halves.claim(store, worker=1, limit=1, now_ms=NOW_MS)

    found = figures()

    assert found["queuectl_workers", ("ok",)] == 1
    assert found["queuectl_workers", ("dead",)] == 0
    assert found["queuectl_worker_threads", ()] == 4
    assert found["queuectl_worker_threads_busy", ()] == 1


def test_labels_are_escaped():
    family = prometheus.Family("a", "gauge", "b", [("", {"x": 'q"\\\n'}, 1)])

    (parsed,) = text_string_to_metric_families("".join(prometheus._lines(family)))

    assert parsed.samples[0].labels == {"x": 'q"\\\n'}
