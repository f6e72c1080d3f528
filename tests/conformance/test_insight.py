"""The deeper questions: storage/insight.py."""

from __future__ import annotations

from queuectl_core.lifecycle import State
from tests import halves
from tests.builders import MINUTE_MS, NOW_MS, buried, completed, new_job
from tests.conformance import steps


def ahead(store, number, **how):
    asked = {"queues": None, "now_ms": NOW_MS, "most": 100} | how
    return store.insight().ahead(store.job_by_number(number), **asked)


def test_jobs_ahead_are_those_that_a_claim_takes_first(store):
    numbers = [
        steps.enqueue(store, priority=5, run_at_ms=NOW_MS),
        steps.enqueue(store, priority=5, run_at_ms=NOW_MS - 5),
        steps.enqueue(store, priority=9, run_at_ms=NOW_MS),
        steps.enqueue(store, priority=1, run_at_ms=NOW_MS - 9),
        steps.enqueue(store, priority=5, run_at_ms=NOW_MS),
    ]
    steps.enqueue(store, priority=10, run_at_ms=NOW_MS + 1)

    places = [ahead(store, number) for number in numbers]

    claimed = halves.claim(store, worker=1, limit=5, now_ms=NOW_MS)
    order = [claim.job.number for claim in claimed]
    assert places == [order.index(number) for number in numbers]


def test_jobs_ahead_are_counted_in_the_queues_asked_for(store):
    steps.enqueue(store, queue="a", priority=9)
    steps.enqueue(store, queue="b", priority=9)
    number = steps.enqueue(store, queue="b")

    assert ahead(store, number) == 2
    assert ahead(store, number, queues=["b"]) == 1
    assert ahead(store, number, queues=["c"]) == 0


def test_counting_ends_at_the_most(store):
    store.enqueue([new_job(priority=9)] * 5 + [new_job()] * 5, now_ms=NOW_MS)

    assert ahead(store, 10, most=7) == 7
    assert ahead(store, 10, most=3) == 3


def test_figures_are_of_the_minutes_from_a_moment_on(store):
    claim = steps.claimed(store, queue="mail")
    halves.finish(store, [completed(claim, duration_ms=40)], now_ms=NOW_MS + 2 * MINUTE_MS)

    rows = store.insight().figures(since_ms=NOW_MS + MINUTE_MS)

    assert [tuple(row) for row in rows] == [("mail", "complete", 1, 40)]
    assert len(store.insight().figures(since_ms=0)) == 3


def test_burials_are_grouped_by_how_they_ended(store):
    for error, at_ms in (("disk full", 5), ("disk full", 9), ("no host", 7)):
        claim = steps.claimed(store)
        halves.finish(store, [buried(claim, error=error)], now_ms=NOW_MS + at_ms)
    steps.put(store, State.DEAD, queue="mail")

    rows = {(row.queue, row.error): row for row in store.insight().burials()}

    full = rows["default", "disk full"]
    assert (full.jobs, full.last_at_ms, full.number) == (2, NOW_MS + 9, 2)
    assert (full.reason, full.exit_code, full.signal) == ("exit", 1, None)
    assert rows["default", "no host"].jobs == 1
    assert [row.queue for row in store.insight().burials(queue="mail")] == ["mail"]
