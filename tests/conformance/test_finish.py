from __future__ import annotations

import pytest

from queuectl_core.errors import QueuectlError
from queuectl_core.lifecycle import State
from queuectl_core.retry import Bury, Complete, Release, Rescue, Retry, Stop
from queuectl_core.run import Ending
from tests import halves
from tests.builders import (
    NOW_MS,
    buried,
    completed,
    new_job,
    released,
    result_for,
    retried,
    stopped,
)
from tests.conformance import steps

LATER_MS = NOW_MS + 1_000
EVERY_VERDICT = [Complete(), Retry(LATER_MS), Bury("exit"), Stop(), Release(), Rescue()]


def finish(store, result, *, now_ms=LATER_MS):
    (held,) = halves.finish(store, [result], now_ms=now_ms)
    return held


def lose_and_reclaim(engine, store):
    """Return the claim that a dead worker held, and the claim that took its place."""
    worker, late = steps.leave_behind(engine)
    store.rescue(steps.dead_worker(store, worker), now_ms=NOW_MS)
    return late, steps.claim(store, worker=2)


@pytest.fixture
def reclaimed(engine, store):
    return lose_and_reclaim(engine, store)


def test_a_run_leaves_its_attempt_with_all_figures(store):
    claim = steps.claimed(store)

    finish(store, completed(claim, cpu_ms=3, max_rss_bytes=4096, output_bytes=17))

    (attempt,) = store.attempts(claim.job.number)
    assert attempt._asdict() == {
        "job": claim.job.number,
        "start": 1,
        "worker": steps.WORKER,
        "started_at_ms": NOW_MS,
        "finished_at_ms": LATER_MS,
        "ending": Ending.EXIT,
        "exit_code": 0,
        "signal": None,
        "error": None,
        "duration_ms": 5,
        "cpu_ms": 3,
        "max_rss_bytes": 4096,
        "output_bytes": 17,
    }


def test_the_job_shows_the_figures_of_its_last_run(store):
    claim = steps.claimed(store)

    finish(store, buried(claim, reason="timeout", cpu_ms=3, max_rss_bytes=4096))

    job = steps.job_of(store, claim.job.number)
    assert (job.reason, job.exit_code, job.error) == ("timeout", 1, "no such host")
    assert (job.duration_ms, job.cpu_ms, job.max_rss_bytes) == (7, 3, 4096)


def test_a_retry_sets_the_moment_of_the_next_start(store):
    claim = steps.claimed(store)

    finish(store, retried(claim, run_at_ms=NOW_MS + 30_000))

    job = steps.job_of(store, claim.job.number)
    assert (job.state, job.run_at_ms) == (State.FAILED, NOW_MS + 30_000)
    assert (job.finished_at_ms, job.error) == (LATER_MS, "no such host")


def test_a_release_does_not_count_but_starts_keep_growing(store):
    for start in (1, 2, 3):
        claim = steps.claimed(store) if start == 1 else steps.claim(store)
        assert (claim.job.attempts, claim.job.starts) == (1, start)
        assert finish(store, released(claim), now_ms=NOW_MS)

    job = steps.job_of(store, claim.job.number)
    assert (job.state, job.attempts, job.starts, job.crashes) == (State.PENDING, 0, 3, 0)
    assert [attempt.start for attempt in store.attempts(job.number)] == [1, 2, 3]
    assert {attempt.ending for attempt in store.attempts(job.number)} == {Ending.RELEASED}


def test_a_released_job_can_be_claimed_at_once(store):
    claim = steps.claimed(store)

    finish(store, released(claim))

    assert steps.claim(store, now_ms=LATER_MS).job.number == claim.job.number


def test_a_stopped_job_is_cancelled_and_its_request_forgotten(store):
    claim = steps.claimed(store)
    store.cancel([claim.job.number], now_ms=NOW_MS)

    finish(store, stopped(claim))

    job = steps.job_of(store, claim.job.number)
    assert (job.state, job.cancel_requested, job.signal) == (State.CANCELLED, False, 15)
    assert store.cancel_requests(worker=steps.WORKER) == []


@pytest.mark.parametrize("verdict", EVERY_VERDICT, ids=lambda verdict: type(verdict).__name__)
def test_a_late_result_is_refused_and_writes_nothing(store, reclaimed, verdict):
    late, _ = reclaimed
    before = steps.view(store)

    held = finish(store, result_for(late, verdict))

    assert held is False
    assert steps.view(store) == before


def test_a_late_result_is_refused_while_the_rescued_job_waits(engine, store):
    worker, late = steps.leave_behind(engine)
    store.rescue(steps.dead_worker(store, worker), now_ms=NOW_MS)
    before = steps.view(store)

    assert finish(store, completed(late)) is False
    assert steps.view(store) == before


def test_the_new_claim_holds_after_a_late_result(store, reclaimed):
    late, current = reclaimed
    finish(store, completed(late))

    assert finish(store, buried(current)) is True
    assert steps.job_of(store, current.job.number).state is State.DEAD
    steps.assert_figures_are_true(store)


def test_a_result_counts_once(store):
    claim = steps.claimed(store)

    held = halves.finish(store, [completed(claim), completed(claim)], now_ms=LATER_MS)

    assert held == [True, False]
    assert len(store.attempts(claim.job.number)) == 1
    steps.assert_figures_are_true(store)


def test_finish_records_the_good_results_beside_a_late_one(store, reclaimed):
    late, current = reclaimed
    other = steps.claimed(store)

    held = halves.finish(
        store,
        [completed(late), completed(current), retried(other, run_at_ms=LATER_MS)],
        now_ms=LATER_MS,
    )

    assert held == [False, True, True]
    steps.assert_figures_are_true(store)


def test_finish_of_nothing_does_nothing(store):
    assert halves.finish(store, [], now_ms=NOW_MS) == []


def test_finish_and_claim_does_both(store):
    claim = steps.claimed(store)
    waiting = steps.enqueue(store, queue="b")
    steps.enqueue(store, queue="c", priority=10)

    held, claims = store.finish_and_claim(
        [completed(claim)], worker=2, limit=9, now_ms=LATER_MS, queues=["b"]
    )

    assert held == [True]
    assert [new.job.number for new in claims] == [waiting]
    steps.assert_figures_are_true(store)


def test_finish_and_claim_may_take_the_job_that_it_gave_back(store):
    claim = steps.claimed(store)

    held, claims = store.finish_and_claim([released(claim)], worker=2, limit=9, now_ms=LATER_MS)

    assert held == [True]
    assert [(new.job.number, new.job.starts) for new in claims] == [(claim.job.number, 2)]


def test_finish_and_claim_claims_even_when_its_result_is_late(store, reclaimed):
    late, _ = reclaimed
    waiting = steps.enqueue(store)

    held, claims = store.finish_and_claim([completed(late)], worker=2, limit=9, now_ms=NOW_MS)

    assert held == [False]
    assert [new.job.number for new in claims] == [waiting]


def test_finish_and_claim_is_all_or_nothing(store):
    claim = steps.claimed(store)
    steps.enqueue(store)
    # too large for the 64 bits that the queue keeps it in
    impossible = completed(steps.claim(store), duration_ms=2**80)
    before = steps.view(store)

    with pytest.raises((OverflowError, QueuectlError)):
        store.finish_and_claim([completed(claim), impossible], worker=1, limit=9, now_ms=LATER_MS)

    assert steps.view(store) == before
    steps.assert_figures_are_true(store)


def test_totals_sum_up_over_minutes_and_queues(store):
    for minute, queue in enumerate(["a", "b", "a"]):
        now_ms = NOW_MS + minute * 60_000
        claim = steps.claimed(store, now_ms=now_ms, queue=queue)
        finish(store, completed(claim, duration_ms=10**minute), now_ms=now_ms)

    assert steps.totals(store) == {"enqueue": (3, 0), "claim": (3, 0), "complete": (3, 111)}


def test_counts_tell_queues_apart(store):
    store.enqueue([new_job(queue="a"), new_job(queue="b"), new_job(queue="b")], now_ms=NOW_MS)
    halves.claim(store, worker=1, limit=1, now_ms=NOW_MS, queues=["b"])

    counts = {(count.queue, count.state): count.jobs for count in store.counts() if count.jobs}

    assert counts == {
        ("a", State.PENDING): 1,
        ("b", State.PENDING): 1,
        ("b", State.PROCESSING): 1,
    }


@pytest.mark.parametrize(
    "ending_the_run",
    [lambda claim: retried(claim, run_at_ms=LATER_MS), released],
    ids=["retry", "release"],
)
def test_a_wanted_cancel_is_not_lost_when_the_run_ends_before_its_worker_heard(
    store, ending_the_run
):
    claim = steps.claimed(store)
    assert store.cancel([claim.job.number], now_ms=NOW_MS) == [State.PROCESSING]

    finish(store, ending_the_run(claim))

    assert halves.claim(store, worker=2, limit=1, now_ms=LATER_MS) == []
    assert steps.job_of(store, claim.job.number).state is State.CANCELLED
    steps.assert_figures_are_true(store)
