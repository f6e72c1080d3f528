from __future__ import annotations

import select

import pytest

from queuectl_core.lifecycle import State
from queuectl_core.retry import PutBack, Release, Rescue, Retry
from queuectl_core.run import Ending, Outcome
from queuectl_core.storage.records import Result
from tests import halves
from tests.builders import NOW_MS, completed, new_job, new_worker
from tests.conformance import steps

CRASH = Outcome(Ending.INTERRUPTED)
UNUSED = Outcome(Ending.RELEASED, error="claimed ahead, not started")


def take(store, limit, ahead):
    """Claim jobs, some of them ahead; return their numbers."""
    _, taken = store.finish_and_claim(
        [], worker=steps.WORKER, limit=limit, ahead=ahead, now_ms=NOW_MS
    )
    return [one.job.number for one in taken]


def enqueue(store, *jobs):
    return [added.number for added in store.enqueue(jobs, now_ms=NOW_MS)]


def test_jobs_are_claimed_ahead_in_the_same_order(store):
    slow, urgent, next_one = enqueue(store, new_job(), new_job(priority=9), new_job(priority=8))

    assert take(store, 1, 1) == [urgent, next_one]
    assert take(store, 0, 5) == [slow]


def test_a_claim_ahead_is_a_claim(store):
    (number,) = enqueue(store, new_job())

    take(store, 0, 1)

    job = store.job_by_number(number)
    assert (job.state, job.starts, job.attempts) == (State.PROCESSING, 1, 1)


@pytest.mark.parametrize("on_crash", ["fail", "hold"])
def test_a_job_that_must_not_repeat_is_not_claimed_ahead_nor_overtaken(store, on_crash):
    careful, _ = enqueue(store, new_job(on_crash=on_crash), new_job())

    assert take(store, 0, 2) == []
    assert take(store, 1, 0) == [careful]


@pytest.mark.parametrize("verdict", [Rescue(), Release(), Retry(NOW_MS)])
def test_only_a_first_start_is_claimed_ahead(store, verdict):
    claimed = steps.claimed(store)
    halves.finish(store, [Result(claimed, CRASH, verdict)], now_ms=NOW_MS)

    assert take(store, 0, 1) == []
    assert take(store, 1, 0) == [claimed.job.number]


def test_a_claim_that_is_put_back_leaves_the_job_as_it_was(store):
    number = steps.enqueue(store)
    before = store.job_by_number(number)
    claimed = steps.claim(store)

    held = halves.finish(store, [Result(claimed, UNUSED, PutBack())], now_ms=NOW_MS)

    after = store.job_by_number(number)
    assert held == [True]
    assert after._replace(worker=None) == before
    assert store.attempts(number) == []
    assert {count.state: count.jobs for count in store.counts()} == {State.PENDING: 1}
    assert steps.claim(store).job.starts == 1


def test_a_claim_that_is_put_back_late_is_lost(store):
    claimed = steps.claimed(store)
    halves.finish(store, [completed(claimed)], now_ms=NOW_MS)

    assert halves.finish(store, [Result(claimed, UNUSED, PutBack())], now_ms=NOW_MS) == [False]


def test_a_claim_that_is_given_back_wakes_other_workers(store, open_another):
    claimed = steps.claimed(store)
    other = open_another()
    bell = other.bell(other.register(new_worker(), now_ms=NOW_MS))
    bell.clear()
    poll = select.poll()
    poll.register(bell, select.POLLIN)

    halves.finish(store, [Result(claimed, UNUSED, PutBack())], now_ms=NOW_MS)

    assert poll.poll(0)
    bell.close()
