"""What becomes of a job whose worker died, by its `on_crash`, on every engine."""

from __future__ import annotations

import pytest

from queuectl_core.lifecycle import State
from queuectl_core.retry import Bury, Rescue
from tests import halves
from tests.builders import NOW_MS, retried
from tests.conformance import children, steps

LATER_MS = NOW_MS + 1_000
REASONS = {"fail": "interrupted", "hold": "held"}
ONCE = pytest.mark.parametrize("on_crash", REASONS)


def crash(engine, store, **fields):
    """Let a worker claim a job and die, rescue it; return the job and its one result."""
    worker, claim = steps.leave_behind(engine, **fields)
    (result,) = store.rescue(steps.dead_worker(store, worker), now_ms=LATER_MS)
    return steps.job_of(store, claim.job.number), result


@pytest.mark.parametrize("on_crash", ["retry", *REASONS])
def test_a_job_keeps_what_it_says_of_crashes(store, on_crash):
    number = steps.enqueue(store, on_crash=on_crash)

    assert steps.job_of(store, number).on_crash == on_crash


def test_a_job_that_says_nothing_of_crashes_runs_again(engine, store):
    job, result = crash(engine, store)

    assert (job.on_crash, job.state, result.verdict) == ("retry", State.PENDING, Rescue())


@ONCE
def test_a_job_that_must_not_repeat_is_dead_after_one_crash(engine, store, on_crash):
    job, result = crash(engine, store, on_crash=on_crash, max_retries=9)

    assert result.verdict == Bury(REASONS[on_crash])
    assert (job.state, job.reason) == (State.DEAD, REASONS[on_crash])
    assert (job.attempts, job.crashes, job.finished_at_ms) == (1, 1, LATER_MS)
    assert job.error == "its worker died"
    assert [run.ending for run in store.attempts(job.number)] == ["interrupted"]
    steps.assert_figures_are_true(store)


@ONCE
def test_a_dead_job_that_must_not_repeat_is_never_claimed(engine, store, on_crash):
    crash(engine, store, on_crash=on_crash)

    assert halves.claim(store, worker=1, limit=9, now_ms=LATER_MS * 2) == []
    assert store.next_due_ms() is None
    assert not store.unsettled(now_ms=LATER_MS * 2)


@ONCE
def test_a_person_may_run_it_again_and_it_dies_of_the_next_crash_too(engine, store, on_crash):
    job, _ = crash(engine, store, on_crash=on_crash)
    assert store.revive([job.number], now_ms=LATER_MS) == [State.DEAD]
    lost = engine.open()
    taken = steps.claim(lost, worker=2, now_ms=LATER_MS)
    engine.shut(lost)

    store.rescue(steps.dead_worker(store, 2), now_ms=LATER_MS)

    again = steps.job_of(store, job.number)
    assert (taken.job.attempts, taken.job.starts, taken.job.crashes) == (1, 2, 0)
    assert (again.state, again.reason, again.crashes) == (State.DEAD, REASONS[on_crash], 1)
    steps.assert_figures_are_true(store)


@ONCE
def test_a_failure_of_its_own_is_retried_whatever_it_says_of_crashes(store, on_crash):
    taken = steps.claimed(store, on_crash=on_crash)

    halves.finish(store, [retried(taken, run_at_ms=LATER_MS)], now_ms=NOW_MS)

    assert steps.claim(store, now_ms=LATER_MS).job.attempts == 2


@ONCE
def test_a_late_result_of_a_buried_job_is_refused(engine, store, on_crash):
    worker, claim = steps.leave_behind(engine, on_crash=on_crash)
    store.rescue(steps.dead_worker(store, worker), now_ms=LATER_MS)

    assert halves.finish(store, [retried(claim, run_at_ms=NOW_MS)], now_ms=LATER_MS) == [False]
    assert steps.job_of(store, claim.job.number).reason == REASONS[on_crash]


@ONCE
def test_a_wish_to_cancel_comes_before_the_burial(engine, store, on_crash):
    worker, claim = steps.leave_behind(engine, on_crash=on_crash)
    store.cancel([claim.job.number], now_ms=NOW_MS)

    store.rescue(steps.dead_worker(store, worker), now_ms=LATER_MS)

    assert steps.job_of(store, claim.job.number).state is State.CANCELLED


@ONCE
def test_the_job_of_a_killed_process_that_must_not_repeat_is_dead(engine, store, on_crash):
    number = steps.enqueue(store, on_crash=on_crash)
    with children.start(engine.url, "claim") as child:
        worker = int(child.line().split()[1])
        child.kill()

    store.rescue(steps.dead_worker(store, worker), now_ms=LATER_MS)

    assert steps.job_of(store, number).reason == REASONS[on_crash]
    assert halves.claim(store, worker=worker, limit=9, now_ms=LATER_MS) == []
