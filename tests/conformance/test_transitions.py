"""Every event on a job in every state, against the one table."""

from __future__ import annotations

import pytest

from queuectl_core.lifecycle import EVENTS, STATES, TRANSITIONS, Event, State, allows
from queuectl_core.retry import Rescue
from queuectl_core.run import Ending
from tests import halves
from tests.builders import NOW_MS, new_worker, result_for
from tests.conformance import steps

LATER_MS = NOW_MS + 60_000
EVERY_CASE = [
    pytest.param(state, event, id=f"{event}-{state}")
    for event in EVENTS.values()
    for state in STATES.values()
]
ALLOWED = [case for case in EVERY_CASE if allows(case.values[1], case.values[0])]
FORBIDDEN = [case for case in EVERY_CASE if not allows(case.values[1], case.values[0])]


@pytest.fixture
def queue(engine):
    return QueueWithOneJob(engine)


class QueueWithOneJob:
    """A job of a registered worker, and the verb that each event happens by."""

    def __init__(self, engine):
        self.engine = engine
        self.store = engine.open()
        self.number = 0
        self.claim = None

    def put(self, state):
        """Lead a new job to `state`; its worker's id is steps.WORKER."""
        self.lost = self.engine.open()
        assert self.lost.register(new_worker(), now_ms=NOW_MS) == steps.WORKER
        self.number, self.claim = steps.put(self.store, state, queue="mail")

    def happen(self, event):
        """Do what makes `event` happen; return whether the store says that it did."""
        if event is Event.CLAIM:
            claims = halves.claim(self.store, worker=steps.WORKER, limit=9, now_ms=LATER_MS)
            return [claim.job.number for claim in claims] == [self.number]
        if event is Event.RESCUE:
            self.engine.shut(self.lost)
            dead = steps.dead_worker(self.store, steps.WORKER)
            return bool(self.store.rescue(dead, now_ms=LATER_MS))
        if event is Event.CANCEL:
            before = steps.job_of(self.store, self.number).state
            (after,) = self.store.cancel([self.number], now_ms=LATER_MS)
            return after is State.CANCELLED and before is not after
        if event is Event.REVIVE:
            (before,) = self.store.revive([self.number], now_ms=LATER_MS)
            return allows(event, before)
        result = result_for(self.claim, steps.VERDICTS[event])
        return halves.finish(self.store, [result], now_ms=LATER_MS) == [True]


@pytest.mark.parametrize(("state", "event"), ALLOWED)
def test_an_allowed_event_moves_the_job_to_the_tables_target(queue, state, event):
    queue.put(state)
    before = steps.view(queue.store)

    said = queue.happen(event)

    target = TRANSITIONS[event][1]
    after = steps.view(queue.store)
    assert said
    assert after.jobs[0].state is target
    assert after.counts == {("mail", target): 1}
    assert after.events[1:] == before.events
    assert (after.events[0].event, after.events[0].job) == (event, queue.number)
    assert after.events[0].at_ms == LATER_MS
    assert after.totals[event][0] == before.totals.get(event, (0, 0))[0] + 1
    steps.assert_figures_are_true(queue.store)


@pytest.mark.parametrize(("state", "event"), ALLOWED)
def test_an_event_that_ends_a_run_leaves_an_attempt_and_no_other_does(queue, state, event):
    queue.put(state)
    before = steps.view(queue.store)

    queue.happen(event)

    written = len(steps.view(queue.store).attempts) - len(before.attempts)
    assert written == int(state is State.PROCESSING)


@pytest.mark.parametrize(("state", "event"), FORBIDDEN)
def test_a_forbidden_event_changes_nothing_and_says_so(queue, state, event):
    queue.put(state)
    before = steps.view(queue.store)

    said = queue.happen(event)

    after = steps.view(queue.store)
    if (event, state) == (Event.CANCEL, State.PROCESSING):
        # the one exception: a running job is not moved but marked, and its worker stops it
        before.jobs[0] = before.jobs[0]._replace(cancel_requested=True)
    assert not said
    assert after == before
    steps.assert_figures_are_true(queue.store)


@pytest.mark.parametrize("state", sorted(set(STATES.values()) - {State.PROCESSING}))
def test_a_rescue_verdict_is_refused_where_nothing_runs(queue, state):
    queue.put(state)
    before = steps.view(queue.store)

    held = halves.finish(queue.store, [result_for(queue.claim, Rescue())], now_ms=LATER_MS)

    assert held == [False]
    assert steps.view(queue.store) == before


@pytest.mark.parametrize("event", EVENTS.values())
def test_the_steps_know_every_event(queue, event):
    queue.put(TRANSITIONS[event][0][0])

    assert queue.happen(event)


def test_complete_records_how_the_run_ended(queue):
    queue.put(State.PROCESSING)

    queue.happen(Event.COMPLETE)

    job = steps.job_of(queue.store, queue.number)
    assert (job.exit_code, job.signal, job.error, job.duration_ms) == (0, None, None, 5)
    assert (job.attempts, job.starts, job.crashes) == (1, 1, 0)
    assert (job.started_at_ms, job.finished_at_ms) == (NOW_MS, LATER_MS)
    assert job.token is None


def test_claim_marks_the_job_as_running(queue):
    queue.put(State.PENDING)

    queue.happen(Event.CLAIM)

    job = steps.job_of(queue.store, queue.number)
    assert (job.worker, job.attempts, job.starts, job.crashes) == (steps.WORKER, 1, 1, 0)
    assert (job.started_at_ms, job.finished_at_ms, job.reason) == (LATER_MS, None, None)
    assert job.token is not None


def test_rescue_counts_the_crash_and_the_attempt(queue):
    queue.put(State.PROCESSING)

    queue.happen(Event.RESCUE)

    job = steps.job_of(queue.store, queue.number)
    (attempt,) = queue.store.attempts(queue.number)
    assert (job.attempts, job.starts, job.crashes, job.token) == (1, 1, 1, None)
    assert job.finished_at_ms is None
    assert attempt.ending is Ending.INTERRUPTED
    assert attempt.duration_ms == LATER_MS - NOW_MS


def test_cancel_of_a_waiting_job_notes_when_and_why(queue):
    queue.put(State.PENDING)

    queue.happen(Event.CANCEL)

    job = steps.job_of(queue.store, queue.number)
    assert (job.reason, job.finished_at_ms) == ("cancelled", LATER_MS)
