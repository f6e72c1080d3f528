from __future__ import annotations

from queuectl_core.lifecycle import State
from queuectl_core.services import polling
from tests import halves
from tests.builders import NOW_MS, completed, new_job


def add(store, count=1, **fields):
    return store.enqueue([new_job(**fields)] * count, now_ms=NOW_MS)


def end(store):
    (claim,) = halves.claim(store, worker=1, limit=1, now_ms=NOW_MS)
    halves.finish(store, [completed(claim)], now_ms=NOW_MS)


def ending_at_each_pause(store, clock):
    """Let one job end whenever the clock pauses."""
    pause = clock.pause

    def finish(span_ms):
        pause(span_ms)
        end(store)

    clock.pause = finish


def test_each_end_is_told_when_it_comes(store, clock):
    add(store, 2)
    ending_at_each_pause(store, clock)

    seen = [
        (number, job.state, len(clock.waits_ms))
        for job, number in polling.ends(store, [2, 1], clock=clock, deadline_ms=None)
    ]

    assert seen == [(1, State.COMPLETED, 1), (2, State.COMPLETED, 2)]


def test_waiting_never_goes_beyond_its_time(store, clock):
    add(store)

    assert list(polling.ends(store, [1], clock=clock, deadline_ms=60)) == []
    assert clock.waits_ms == [50, 10]


def test_a_job_that_is_gone_counts_as_ended(store, clock):
    assert list(polling.ends(store, [99], clock=clock, deadline_ms=None)) == [(None, 99)]


def test_of_many_jobs_only_the_first_that_run_are_asked_after(store, clock, monkeypatch):
    monkeypatch.setattr(polling, "FEW", 2)
    add(store, 5)
    ending_at_each_pause(store, clock)
    asked = []
    look = store.job_by_number
    monkeypatch.setattr(store, "job_by_number", lambda number: asked.append(number) or look(number))

    numbers = [
        number for _, number in polling.ends(store, range(1, 6), clock=clock, deadline_ms=None)
    ]

    assert numbers == [1, 2, 3, 4, 5]
    assert asked[:4] == [1, 2, 1, 2]


def test_unfinished_jobs_are_those_that_wait_or_run(store):
    add(store, 3)
    add(store, queue="mail")
    store.enqueue([new_job(run_at_ms=NOW_MS + 10**9)], now_ms=NOW_MS)
    end(store)

    assert polling.unfinished(store, queue=None) == [2, 3, 4, 5]
    assert polling.unfinished(store, queue="mail") == [4]


def test_drained_means_that_nothing_is_due_or_runs(store, clock):
    add(store, 2)
    store.enqueue([new_job(run_at_ms=NOW_MS + 10**9)], now_ms=NOW_MS)
    ending_at_each_pause(store, clock)

    assert polling.drained(store, queues=None, clock=clock, deadline_ms=None)
    assert len(clock.waits_ms) == 2


def test_draining_gives_up_in_time(store, clock):
    add(store)

    assert not polling.drained(store, queues=None, clock=clock, deadline_ms=100)
    assert polling.drained(store, queues=["mail"], clock=clock, deadline_ms=100)
