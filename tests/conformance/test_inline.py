from __future__ import annotations

import inspect

import pytest

from queuectl_core.errors import JobExists
from queuectl_core.job import Enqueued
from queuectl_core.lifecycle import State
from queuectl_core.run import Claim
from queuectl_core.storage.inline import Inline
from tests.builders import NOW_MS, completed, new_job, new_worker, retried
from tests.conformance.steps import WORKER

LATER_MS = NOW_MS + 60_000
VERBS = [name for name in vars(Inline) if not name.startswith("_")]


@pytest.mark.parametrize("verb", VERBS)
def test_every_engine_has_the_verbs_with_their_parameters(store, verb):
    given = inspect.signature(getattr(Inline, verb)).parameters
    found = inspect.signature(getattr(type(store), verb)).parameters

    assert getattr(Inline, verb).__doc__
    assert [(one.name, one.kind, one.default) for one in found.values()] == [
        (one.name, one.kind, one.default) for one in given.values()
    ]


def begin(store, job=None, **options):
    return store.enqueue_and_claim(job or new_job(), worker=WORKER, now_ms=NOW_MS, **options)


def next_claim(store, now_ms=LATER_MS):
    _, claims = store.finish_and_claim([], worker=2, limit=1, now_ms=now_ms)
    return claims


def figures(store):
    return {count.state: count.jobs for count in store.counts()}


def test_a_job_is_born_running_and_no_other_worker_ever_sees_it_wait(store):
    claim = begin(store, new_job(id="mine", queue="mail"))

    assert isinstance(claim, Claim)
    assert (claim.job.state, claim.job.worker, claim.job.starts) == ("processing", WORKER, 1)
    assert claim.token == store.job_by_id("mine").token
    assert next_claim(store) == []
    assert figures(store) == {"processing": 1}
    assert [event.event for event in store.events(limit=9)] == ["claim", "enqueue"]


def test_its_end_is_recorded_as_of_any_other(store):
    claim = begin(store)

    held, _ = store.finish_and_claim([completed(claim)], worker=WORKER, limit=0, now_ms=NOW_MS)

    assert held == [True]
    assert figures(store) == {"completed": 1}


def test_an_id_that_exists_is_met_as_told(store):
    first = begin(store, new_job(id="a"))

    with pytest.raises(JobExists):
        begin(store, new_job(id="a"))
    with pytest.raises(JobExists, match="runs right now"):
        begin(store, new_job(id="a"), on_conflict="replace")
    skipped = begin(store, new_job(id="a"), on_conflict="skip")

    assert skipped == Enqueued(first.job.number, "a", created=False, run_at_ms=NOW_MS)
    assert figures(store) == {"processing": 1}


def test_a_job_that_ended_gives_its_id_to_the_next(store):
    claim = begin(store, new_job(id="a"))
    store.finish_and_claim([completed(claim)], worker=WORKER, limit=0, now_ms=NOW_MS)

    again = begin(store, new_job(id="a"), on_conflict="replace")

    assert store.job_by_id("a").number == again.job.number


def test_a_failed_run_is_recorded_and_its_job_kept_for_the_next_one(store):
    first = begin(store)

    second = store.finish_and_reclaim(
        retried(first, run_at_ms=LATER_MS), worker=WORKER, now_ms=NOW_MS + 1
    )

    assert (second.job.number, second.job.starts, second.job.attempts) == (first.job.number, 2, 2)
    assert second.token != first.token
    assert second.job.started_at_ms == LATER_MS
    assert next_claim(store, LATER_MS + 1) == []
    (attempt,) = store.attempts(first.job.number)
    assert (attempt.start, attempt.exit_code) == (1, 1)
    assert figures(store) == {"processing": 1}


def test_a_lost_claim_is_not_taken_again(store):
    first = begin(store)
    store.finish_and_claim([completed(first)], worker=WORKER, limit=0, now_ms=NOW_MS)

    assert (
        store.finish_and_reclaim(retried(first, run_at_ms=LATER_MS), worker=WORKER, now_ms=NOW_MS)
        is None
    )
    assert store.job_by_number(first.job.number).state is State.COMPLETED


def test_a_job_that_its_user_cancelled_is_not_taken_again(store):
    first = begin(store)
    store.cancel([first.job.number], now_ms=NOW_MS)

    again = store.finish_and_reclaim(
        retried(first, run_at_ms=LATER_MS), worker=WORKER, now_ms=NOW_MS
    )

    assert again is None
    assert store.job_by_number(first.job.number).state is State.CANCELLED


def test_a_dead_keepers_job_is_anybodys(engine):
    keeper, other = engine.open(), engine.open()
    worker = keeper.register(new_worker(queues=()), now_ms=NOW_MS)
    claim = keeper.enqueue_and_claim(new_job(), worker=worker, now_ms=NOW_MS)
    engine.shut(keeper)

    (dead,) = other.take_dead_workers()
    other.rescue(dead, now_ms=NOW_MS)

    assert [one.job.number for one in next_claim(other)] == [claim.job.number]
