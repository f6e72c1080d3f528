from __future__ import annotations

import pytest

from queuectl_core.lifecycle import STATES, State
from tests import halves
from tests.builders import NOW_MS, completed, new_job, retried
from tests.conformance import steps


def claimed_numbers(store, *, limit=100, now_ms=NOW_MS, queues=None):
    claims = halves.claim(store, worker=1, limit=limit, now_ms=now_ms, queues=queues)
    return [claim.job.number for claim in claims]


def test_claim_takes_the_highest_priority_first(store):
    low = steps.enqueue(store, priority=1, run_at_ms=NOW_MS - 9)
    high = steps.enqueue(store, priority=10)
    middle = steps.enqueue(store, priority=5)

    assert claimed_numbers(store) == [high, middle, low]


def test_claim_takes_the_earliest_of_one_priority_first(store):
    late = steps.enqueue(store, run_at_ms=NOW_MS - 1)
    early = steps.enqueue(store, run_at_ms=NOW_MS - 5)

    assert claimed_numbers(store) == [early, late]


def test_claim_takes_the_lowest_number_of_one_moment_first(store):
    added = store.enqueue([new_job() for _ in range(20)], now_ms=NOW_MS)

    assert claimed_numbers(store) == [one.number for one in added]


def test_claim_orders_across_queues(store):
    late = steps.enqueue(store, queue="a", run_at_ms=NOW_MS - 1)
    early = steps.enqueue(store, queue="b", run_at_ms=NOW_MS - 5)
    urgent = steps.enqueue(store, queue="c", priority=6)

    assert claimed_numbers(store) == [urgent, early, late]


def test_claim_skips_jobs_that_are_not_due_yet(store):
    steps.enqueue(store, priority=10, run_at_ms=NOW_MS + 1)
    due = steps.enqueue(store, priority=1)

    assert claimed_numbers(store) == [due]


def test_claim_takes_a_job_at_its_very_moment(store):
    number = steps.enqueue(store, run_at_ms=NOW_MS + 1)

    assert claimed_numbers(store, now_ms=NOW_MS) == []
    assert claimed_numbers(store, now_ms=NOW_MS + 1) == [number]


def test_claim_takes_a_failed_job_that_is_due(store):
    first = steps.claimed(store)
    halves.finish(store, [retried(first, run_at_ms=NOW_MS + 10)], now_ms=NOW_MS)

    early = halves.claim(store, worker=1, limit=9, now_ms=NOW_MS + 9)
    (again,) = halves.claim(store, worker=1, limit=9, now_ms=NOW_MS + 10)

    assert early == []
    assert again.job.number == first.job.number
    assert (again.job.attempts, again.job.starts) == (2, 2)
    assert again.token != first.token
    steps.assert_figures_are_true(store)


def test_a_failed_job_keeps_its_place_in_the_order(store):
    first = steps.claimed(store)
    halves.finish(store, [retried(first, run_at_ms=NOW_MS + 10)], now_ms=NOW_MS)
    sooner = steps.enqueue(store, run_at_ms=NOW_MS + 9)
    later = steps.enqueue(store, run_at_ms=NOW_MS + 11)

    assert claimed_numbers(store, now_ms=NOW_MS + 99) == [sooner, first.job.number, later]


def test_claim_looks_into_the_queues_given_only(store):
    steps.enqueue(store, queue="a", priority=10)
    b = steps.enqueue(store, queue="b")
    c = steps.enqueue(store, queue="c")

    assert claimed_numbers(store, queues=["c", "b", "unknown"]) == [b, c]


def test_claim_of_no_queues_takes_nothing(store):
    steps.enqueue(store)

    assert claimed_numbers(store, queues=[]) == []


def test_a_queue_name_is_taken_letter_by_letter(store):
    steps.enqueue(store, queue="Mail")
    steps.enqueue(store, queue="mail.eu")

    assert claimed_numbers(store, queues=["mail"]) == []


def test_claim_takes_no_more_than_its_limit(store):
    store.enqueue([new_job() for _ in range(5)], now_ms=NOW_MS)

    assert len(claimed_numbers(store, limit=2)) == 2
    assert len(claimed_numbers(store, limit=9)) == 3
    assert claimed_numbers(store, limit=9) == []


def test_claim_of_nothing_writes_nothing(store):
    steps.enqueue(store)
    before = steps.view(store)

    assert claimed_numbers(store, limit=0) == []
    assert steps.view(store) == before


def test_a_claim_bears_the_job_as_it_now_is(store):
    number = steps.enqueue(store, id="a")

    (claim,) = halves.claim(store, worker=3, limit=1, now_ms=NOW_MS + 7)

    assert claim.job == steps.job_of(store, number)
    assert claim.token == claim.job.token
    assert (claim.job.worker, claim.job.started_at_ms) == (3, NOW_MS + 7)


def test_every_claim_has_a_token_of_its_own(store):
    store.enqueue([new_job() for _ in range(50)], now_ms=NOW_MS)

    claims = halves.claim(store, worker=1, limit=50, now_ms=NOW_MS)

    assert len({claim.token for claim in claims}) == 50


@pytest.mark.parametrize("state", sorted(set(STATES.values()) - {State.PENDING}))
def test_claim_takes_nothing_that_does_not_wait(store, state):
    steps.put(store, state)

    assert claimed_numbers(store, now_ms=NOW_MS - 1) == []


def test_next_due_is_the_earliest_moment_of_all_waiting_jobs(store):
    steps.enqueue(store, queue="a", run_at_ms=NOW_MS + 50, priority=10)
    steps.enqueue(store, queue="b", run_at_ms=NOW_MS + 20, priority=1)
    steps.enqueue(store, queue="c", run_at_ms=NOW_MS + 90)

    assert store.next_due_ms() == NOW_MS + 20
    assert store.next_due_ms(queues=["a", "c"]) == NOW_MS + 50
    assert store.next_due_ms(queues=["unknown"]) is None


def test_next_due_may_lie_in_the_past(store):
    steps.enqueue(store, run_at_ms=NOW_MS - 1_000)

    assert store.next_due_ms() == NOW_MS - 1_000


def test_next_due_of_a_failed_job_is_its_retry(store):
    claim = steps.claimed(store)
    halves.finish(store, [retried(claim, run_at_ms=NOW_MS + 70)], now_ms=NOW_MS)

    assert store.next_due_ms() == NOW_MS + 70


def test_next_due_knows_nothing_of_jobs_that_run_or_are_final(store):
    for state in (State.PROCESSING, State.COMPLETED, State.DEAD, State.CANCELLED):
        steps.put(store, state)

    assert store.next_due_ms() is None


@pytest.mark.parametrize(
    ("state", "unsettled"),
    [
        (State.PENDING, True),
        (State.PROCESSING, True),
        (State.FAILED, True),
        (State.COMPLETED, False),
        (State.DEAD, False),
        (State.CANCELLED, False),
    ],
)
def test_unsettled_while_a_job_is_due_or_runs_or_waits_for_a_retry(store, state, unsettled):
    steps.put(store, state, queue="mail")

    assert store.unsettled(now_ms=NOW_MS) is unsettled
    assert store.unsettled(now_ms=NOW_MS, queues=["mail"]) is unsettled
    assert store.unsettled(now_ms=NOW_MS, queues=["other"]) is False


def test_a_draining_worker_does_not_stay_for_a_job_of_the_future(store):
    steps.enqueue(store, run_at_ms=NOW_MS + 1)

    assert store.unsettled(now_ms=NOW_MS) is False
    assert store.unsettled(now_ms=NOW_MS + 1) is True


def test_a_draining_worker_stays_for_a_retry_of_the_future(store):
    claim = steps.claimed(store)
    halves.finish(store, [retried(claim, run_at_ms=NOW_MS + 99_000)], now_ms=NOW_MS)

    assert store.unsettled(now_ms=NOW_MS) is True


def test_an_empty_queue_is_settled(store):
    assert store.unsettled(now_ms=NOW_MS) is False
    assert store.next_due_ms() is None


def test_claim_does_not_take_a_finished_job_again(store):
    claim = steps.claimed(store)
    halves.finish(store, [completed(claim)], now_ms=NOW_MS)

    assert claimed_numbers(store, now_ms=NOW_MS + 99_000) == []
