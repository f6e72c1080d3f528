from __future__ import annotations

import pytest

from queuectl_core.lifecycle import State
from tests import halves
from tests.builders import NOW_MS, buried, completed, retried
from tests.conformance import steps

LATER_MS = NOW_MS + 1_000
FINAL = [State.COMPLETED, State.DEAD, State.CANCELLED]
REVIVABLE = [State.FAILED, *FINAL]


@pytest.mark.parametrize("state", [State.PENDING, State.FAILED])
def test_cancel_of_a_waiting_job_is_final_at_once(store, state):
    number, _ = steps.put(store, state)

    assert store.cancel([number], now_ms=LATER_MS) == [State.CANCELLED]
    assert steps.job_of(store, number).state is State.CANCELLED
    assert halves.claim(store, worker=1, limit=1, now_ms=LATER_MS) == []


def test_cancel_of_a_running_job_asks_its_worker(store):
    claim = steps.claimed(store, worker=1)

    assert store.cancel([claim.job.number], now_ms=LATER_MS) == [State.PROCESSING]
    assert steps.job_of(store, claim.job.number).cancel_requested is True
    assert store.cancel_requests(worker=1) == [claim.token]


def test_cancel_requests_are_for_the_worker_that_runs_the_job(store):
    mine = steps.claimed(store, worker=1)
    others = steps.claimed(store, worker=2)
    steps.claimed(store, worker=1)

    store.cancel([mine.job.number, others.job.number], now_ms=LATER_MS)

    assert store.cancel_requests(worker=1) == [mine.token]
    assert store.cancel_requests(worker=2) == [others.token]
    assert store.cancel_requests(worker=3) == []


def test_a_run_that_ends_well_before_its_worker_heard_is_completed(store):
    claim = steps.claimed(store)
    store.cancel([claim.job.number], now_ms=NOW_MS)

    assert halves.finish(store, [completed(claim)], now_ms=LATER_MS) == [True]
    assert steps.job_of(store, claim.job.number).state is State.COMPLETED
    assert steps.job_of(store, claim.job.number).cancel_requested is False


@pytest.mark.parametrize("state", FINAL)
def test_cancel_leaves_a_final_job_what_it_is(store, state):
    number, _ = steps.put(store, state)
    before = steps.view(store)

    assert store.cancel([number], now_ms=LATER_MS) == [state]
    assert steps.view(store) == before


def test_cancel_and_revive_answer_in_the_order_asked(store):
    waiting, _ = steps.put(store, State.CANCELLED)
    done, _ = steps.put(store, State.COMPLETED)

    assert store.cancel([999, done, waiting], now_ms=LATER_MS) == [
        None, State.COMPLETED, State.CANCELLED,
    ]  # fmt: skip
    assert store.revive([waiting, 999, done], now_ms=LATER_MS) == [
        State.CANCELLED, None, State.COMPLETED,
    ]  # fmt: skip
    steps.assert_figures_are_true(store)


def test_cancel_and_revive_of_nothing_do_nothing(store):
    assert store.cancel([], now_ms=NOW_MS) == []
    assert store.revive([], now_ms=NOW_MS) == []


@pytest.mark.parametrize("state", REVIVABLE)
def test_revive_makes_the_job_due_with_attempts_reset(store, state):
    number, _ = steps.put(store, state, max_retries=7)
    starts = steps.job_of(store, number).starts

    assert store.revive([number], now_ms=LATER_MS) == [state]

    job = steps.job_of(store, number)
    assert (job.state, job.run_at_ms, job.attempts, job.crashes) == (
        State.PENDING, LATER_MS, 0, 0,
    )  # fmt: skip
    assert (job.reason, job.exit_code, job.error, job.finished_at_ms) == (None, None, None, None)
    assert (job.starts, job.max_retries) == (starts, 7)
    assert steps.claim(store, now_ms=LATER_MS).job.number == number


def test_revive_keeps_the_history(store):
    claim = steps.claimed(store)
    halves.finish(store, [buried(claim)], now_ms=NOW_MS)
    store.revive([claim.job.number], now_ms=LATER_MS)
    again = steps.claim(store, now_ms=LATER_MS)
    halves.finish(store, [completed(again)], now_ms=LATER_MS)

    assert [attempt.start for attempt in store.attempts(claim.job.number)] == [1, 2]
    assert [event.event for event in reversed(store.events(limit=99))] == [
        "enqueue", "claim", "bury", "revive", "claim", "complete",
    ]  # fmt: skip


@pytest.mark.parametrize("state", [State.PENDING, State.PROCESSING])
def test_revive_leaves_alone_what_waits_or_runs(store, state):
    number, _ = steps.put(store, state, run_at_ms=NOW_MS - 5)
    before = steps.view(store)

    assert store.revive([number], now_ms=LATER_MS) == [state]
    assert steps.view(store) == before


def test_revive_of_one_job_twice_revives_it_once(store):
    number, _ = steps.put(store, State.DEAD)

    assert store.revive([number, number], now_ms=LATER_MS) == [State.DEAD, State.PENDING]
    steps.assert_figures_are_true(store)


def test_a_result_from_before_a_revive_is_refused(store):
    claim = steps.claimed(store)
    halves.finish(store, [retried(claim, run_at_ms=LATER_MS)], now_ms=NOW_MS)
    store.revive([claim.job.number], now_ms=NOW_MS)
    steps.claim(store)

    assert halves.finish(store, [completed(claim)], now_ms=LATER_MS) == [False]


def test_a_revived_job_has_no_outcome_of_its_last_life(store):
    number, _ = steps.put(store, State.DEAD)

    store.revive([number], now_ms=NOW_MS + 1)

    job = store.job_by_number(number)
    assert (job.started_at_ms, job.finished_at_ms, job.worker) == (None, None, None)
    assert (job.exit_code, job.error, job.duration_ms, job.cpu_ms) == (None, None, None, None)
