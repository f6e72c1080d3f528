from __future__ import annotations

import pytest

from queuectl_core.errors import WrongState
from queuectl_core.flow import After, Flow, Mutex
from queuectl_core.services import changes, jobs, waiting
from tests import halves
from tests.builders import NOW_MS
from tests.conformance import steps


def add(store, **wishes):
    return steps.job_of(store, steps.enqueue(store, flow=Flow(**wishes)))


def why(store, job):
    return waiting.reason_of(store, job, NOW_MS)


def test_a_job_that_waits_for_its_time_only_has_no_other_reason(store):
    assert why(store, steps.job_of(store, steps.enqueue(store))) is None


def test_a_held_job_says_how_it_is_released(store):
    job = add(store, hold=True)

    assert why(store, job) == f"until you let it go: queuectl release {job.number}"


def test_a_child_names_its_parents_and_how_they_have_to_end(store):
    first = steps.enqueue(store, id="load")
    second = steps.enqueue(store)
    job = add(store, after=(After("load"), After(f"#{second}", "any")))

    assert first < second
    assert why(store, job) == f"until job load completes (pending), job {second} ends (pending)"


def test_a_child_of_many_names_some(store):
    parents = tuple(After(f"#{steps.enqueue(store)}", "fail") for _ in range(5))

    text = why(store, add(store, after=parents))

    assert (text.count("fails"), text.endswith(" and others")) == (3, True)


def test_a_parked_job_names_who_holds_its_mutex(store):
    holder = add(store, mutex=Mutex("db"))
    job = add(store, mutex=Mutex("db"))
    before = why(store, job)
    halves.claim(store, worker=1, limit=1, now_ms=NOW_MS)

    assert before == 'until jobs before it with the mutex "db" have ended'
    assert (
        why(store, job) == f'until a place of the mutex "db" is free; job {holder.number} holds it'
    )


def test_a_job_that_expires_says_when(store):
    job = add(store, hold=True, expires_at_ms=NOW_MS + 5)

    assert "; it expires at 2023-11-14T" in why(store, job)
    assert "; it expired at 2023-11-14T" in waiting.reason_of(store, job, NOW_MS + 5)


def test_release_lets_all_go_or_none(store):
    held, free = add(store, hold=True), steps.job_of(store, steps.enqueue(store))

    with pytest.raises(WrongState, match="nothing was released"):
        waiting.release(store, [held, free], now_ms=NOW_MS)
    assert jobs.reason(steps.job_of(store, held.number)) == "held"

    waiting.release(store, [held], now_ms=NOW_MS)
    assert jobs.reason(steps.job_of(store, held.number)) is None


def test_a_cancel_reaches_every_child_before_it_returns(store):
    first = steps.enqueue(store)
    for number in range(first, first + 1_200):
        add(store, after=(After(f"#{number}"),))

    changes.cancel(store, [steps.job_of(store, first)], now_ms=NOW_MS)

    assert [count.jobs for count in store.counts()] == [1_201]
