from __future__ import annotations

import pytest

from queuectl_core.services import reasons
from queuectl_core.services.waiting import suspicion
from tests import halves
from tests.builders import NOW_MS, new_job, new_worker


def die_with(open_queue, store, count):
    """Let a worker die with the `count` best jobs."""
    lost = open_queue()
    worker = lost.register(new_worker(), now_ms=NOW_MS)
    halves.claim(lost, worker=worker, limit=count, now_ms=NOW_MS)
    lost.close()
    for dead in store.take_dead_workers():
        store.rescue(dead, now_ms=NOW_MS)


@pytest.fixture
def running(store, open_queue):
    """Lead `a` and `b` through two deaths, and start one of them beside `c`."""
    store.enqueue([new_job(id=name) for name in "ab"], now_ms=NOW_MS)
    for _ in range(2):
        die_with(open_queue, store, 2)
    store.enqueue([new_job(id="c"), new_job(id="d")], now_ms=NOW_MS)
    worker = store.register(new_worker(), now_ms=NOW_MS)
    return halves.claim(store, worker=worker, limit=2, now_ms=NOW_MS)


def test_a_suspect_waits_for_the_one_that_runs(store, running):
    assert [claim.job.name for claim in running] == ["a", "c"]
    assert suspicion(store, store.job_by_id("b")) == (
        "until job a ends: both were there at two deaths of a worker"
    )


def test_why_says_so_too(store, running):
    (reason,) = reasons.why(store, [store.job_by_id("b")], now_ms=NOW_MS)

    assert reason.code == "suspect"
    assert reason.text.startswith("waits until job a ends")


@pytest.mark.parametrize("name", ["a", "c", "d"])
def test_no_other_job_waits_for_it(store, running, name):
    assert suspicion(store, store.job_by_id(name)) is None


def test_a_suspect_waits_for_nothing_while_none_runs(store, open_queue):
    store.enqueue([new_job(id="a")], now_ms=NOW_MS)
    for _ in range(2):
        die_with(open_queue, store, 1)

    job = store.job_by_id("a")

    assert job.suspect
    assert suspicion(store, job) is None
