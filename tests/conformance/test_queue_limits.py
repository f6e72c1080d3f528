from __future__ import annotations

import select

import pytest

from queuectl_core.errors import QueueDrains, QueueFull
from queuectl_core.lifecycle import State
from queuectl_core.limits import FULL, PAUSED, SPENT, Limits, Rate
from queuectl_core.retry import Release, Retry
from queuectl_core.storage.records import Standing
from tests import halves
from tests.builders import MINUTE_MS, NOW_MS, completed, new_job, new_worker, result_for
from tests.conformance import steps

TEN_A_MINUTE = Rate(10, MINUTE_MS)


def limit(store, queue="mail", now_ms=NOW_MS, **changes):
    store.set_limits(queue, changes, now_ms=now_ms)


def fill(store, jobs, queue="mail", **fields):
    return [steps.enqueue(store, queue=queue, **fields) for _ in range(jobs)]


def take(store, most=99, now_ms=NOW_MS, **more):
    return halves.claim(store, worker=1, limit=most, now_ms=now_ms, **more)


def finish(store, *claims, now_ms=NOW_MS):
    halves.finish(store, [completed(claim) for claim in claims], now_ms=now_ms)


@pytest.fixture
def bell(store):
    rings = store.bell(store.register(new_worker(), now_ms=NOW_MS))
    yield rings
    rings.close()


def has_rung(bell):
    heard = bool(select.select([bell], [], [], 0)[0])
    bell.clear()
    return heard


# --- concurrency ---


@pytest.mark.parametrize("queues", [None, ["mail", "other"]])
def test_no_more_jobs_of_a_queue_run_than_its_concurrency(store, queues):
    limit(store, concurrency=2)
    fill(store, 5)
    fill(store, 2, "other")

    claims = take(store, queues=queues)

    assert sorted(claim.job.queue for claim in claims) == ["mail", "mail", "other", "other"]
    assert take(store, queues=queues) == []


def test_a_job_that_ends_gives_its_place_to_the_next_one_in_one_transaction(store):
    limit(store, concurrency=1)
    fill(store, 3)
    (first,) = take(store)

    _, claims = store.finish_and_claim([completed(first)], worker=1, limit=9, now_ms=NOW_MS)

    assert len(claims) == 1


def test_the_best_of_other_queues_goes_on_while_one_is_full(store):
    limit(store, concurrency=1)
    fill(store, 3, priority=9)
    low, high = fill(store, 1, "other", priority=1)[0], fill(store, 1, "other", priority=3)[0]

    claims = take(store)

    assert [claim.job.number for claim in claims] == [1, high, low]


def test_a_full_queue_says_no_moment_and_rings_when_a_place_is_free(store, bell):
    limit(store, concurrency=1)
    fill(store, 2)
    (claim,) = take(store)
    bell.clear()

    assert store.next_start_ms() is None
    assert store.next_due_ms() == NOW_MS
    assert store.unsettled(now_ms=NOW_MS)
    finish(store, claim)

    assert has_rung(bell)
    assert store.next_start_ms() == NOW_MS


def test_nobody_is_rung_where_the_place_is_taken_at_once(store, bell):
    limit(store, concurrency=1)
    fill(store, 3)
    (claim,) = take(store)
    bell.clear()

    store.finish_and_claim([completed(claim)], worker=1, limit=1, now_ms=NOW_MS)

    assert not has_rung(bell)


def test_a_worker_that_dies_gives_its_places_back(engine, open_another):
    store = engine.open()
    limit(store, concurrency=1)
    fill(store, 2)
    dying = engine.open()
    worker = dying.register(new_worker(), now_ms=NOW_MS)
    halves.claim(dying, worker=worker, limit=1, now_ms=NOW_MS)
    assert take(store) == []
    engine.shut(dying)

    (dead,) = store.take_dead_workers()
    store.rescue(dead, now_ms=NOW_MS)

    assert len(take(store)) == 1
    assert take(store) == []


def test_a_raised_limit_lets_more_run_and_rings(store, bell):
    limit(store, concurrency=1)
    fill(store, 3)
    take(store)
    bell.clear()

    limit(store, concurrency=2)

    assert has_rung(bell)
    assert len(take(store)) == 1
    limit(store, concurrency=None)
    assert len(take(store)) == 1


def test_a_lowered_limit_lets_what_runs_go_on_and_nothing_start(store):
    limit(store, concurrency=3)
    fill(store, 5)
    first, second, third = take(store)

    limit(store, concurrency=1)
    finish(store, first, second)

    assert take(store) == []
    finish(store, third)
    assert len(take(store)) == 1


def test_jobs_of_limited_queues_are_not_claimed_ahead(store):
    limit(store, concurrency=5)
    fill(store, 3)

    _, claims = store.finish_and_claim([], worker=1, limit=1, ahead=2, now_ms=NOW_MS)

    assert len(claims) == 1


def test_a_failed_job_waits_for_a_place_as_others_do(store):
    limit(store, concurrency=1)
    fill(store, 2)
    (claim,) = take(store)

    retry = result_for(claim, Retry(NOW_MS + 5))
    store.finish_and_claim([retry], worker=1, limit=1, now_ms=NOW_MS)

    assert take(store, now_ms=NOW_MS + 9) == []


# --- rate ---


def test_no_more_jobs_start_in_a_period_than_the_rate_says(store):
    limit(store, rate=Rate(3, MINUTE_MS))
    fill(store, 9)

    first = take(store, 2)
    second = take(store, 9, NOW_MS + 20_000)
    early = take(store, 9, NOW_MS + MINUTE_MS - 1)
    third = take(store, 9, NOW_MS + MINUTE_MS)
    fourth = take(store, 9, NOW_MS + MINUTE_MS + 20_000)

    assert [len(some) for some in (first, second, early, third, fourth)] == [2, 1, 0, 2, 1]


def test_after_a_rest_no_window_has_more_than_the_rate(store):
    limit(store, rate=Rate(4, 1000))
    fill(store, 60)
    starts = [
        now_ms for now_ms in range(NOW_MS, NOW_MS + 5000, 50) for _ in take(store, 99, now_ms)
    ]

    assert len(starts) == 20
    assert all(late - early >= 1000 for early, late in zip(starts, starts[4:], strict=False))


def test_a_worker_that_waited_for_the_lock_takes_no_token_before_its_time(store):
    limit(store, rate=Rate(1, MINUTE_MS))
    fill(store, 2)
    take(store)

    take(store, queues=["other"], now_ms=NOW_MS + MINUTE_MS)

    assert take(store, now_ms=NOW_MS + MINUTE_MS - 3) == []
    assert len(take(store, now_ms=NOW_MS + MINUTE_MS)) == 1


def test_a_spent_rate_says_when_the_next_token_comes(store):
    limit(store, rate=Rate(1, MINUTE_MS))
    fill(store, 2)
    take(store, now_ms=NOW_MS + 7)

    assert store.next_start_ms() == NOW_MS + 7 + MINUTE_MS
    assert store.next_start_ms(queues=["mail"]) == NOW_MS + 7 + MINUTE_MS
    assert store.next_start_ms(queues=["other"]) is None
    assert store.unsettled(now_ms=NOW_MS + 8)


def test_a_job_that_is_due_after_the_token_counts_and_one_of_another_queue_sooner(store):
    limit(store, rate=Rate(1, MINUTE_MS))
    fill(store, 1)
    take(store)
    fill(store, 1, run_at_ms=NOW_MS + 2 * MINUTE_MS)

    assert store.next_start_ms() == NOW_MS + 2 * MINUTE_MS
    fill(store, 1, "other", run_at_ms=NOW_MS + 90_000)
    assert store.next_start_ms() == NOW_MS + 90_000


def test_a_retry_counts_as_a_start_and_a_claim_that_was_put_back_too(store):
    limit(store, rate=Rate(2, MINUTE_MS))
    fill(store, 3)
    first, second = take(store, 2)

    halves.finish(
        store, [result_for(first, Retry(NOW_MS)), result_for(second, Release())], now_ms=NOW_MS
    )

    assert take(store, now_ms=NOW_MS + MINUTE_MS - 1) == []
    assert len(take(store, now_ms=NOW_MS + MINUTE_MS)) == 2


def test_a_rate_holds_over_restarts_and_between_connections(store, open_another):
    limit(store, rate=Rate(2, MINUTE_MS))
    fill(store, 4)
    take(store, 1)
    other = open_another()

    assert len(take(other)) == 1
    assert take(other, now_ms=NOW_MS + 10) == []
    assert take(open_another(), now_ms=NOW_MS + 10) == []


def test_a_new_rate_counts_the_starts_that_the_old_one_knew(store):
    limit(store, rate=Rate(4, MINUTE_MS))
    fill(store, 9)
    take(store, 3)

    limit(store, rate=Rate(2, MINUTE_MS))
    assert take(store, now_ms=NOW_MS + 1) == []
    limit(store, rate=Rate(3, MINUTE_MS))
    assert len(take(store, now_ms=NOW_MS + 2)) == 1
    limit(store, rate=None)
    assert len(take(store)) == 5


def test_a_clock_that_was_set_back_shuts_a_queue_for_a_period_at_most(store):
    limit(store, rate=Rate(1, MINUTE_MS))
    fill(store, 3)
    take(store, now_ms=NOW_MS + 100 * MINUTE_MS)

    store.finish_and_claim([], worker=1, limit=1, now_ms=NOW_MS)
    limit(store, concurrency=9)
    late = take(store, now_ms=NOW_MS + MINUTE_MS)

    assert len(late) == 1


def test_rate_and_concurrency_go_together(store):
    limit(store, rate=Rate(3, MINUTE_MS), concurrency=2)
    fill(store, 9)
    claims = take(store)

    finish(store, *claims)
    assert len(claims) == 2
    assert len(take(store)) == 1
    assert store.standings()[0].shut == SPENT


# --- what may come in ---


def test_a_full_queue_takes_no_job_more(store):
    limit(store, max_pending=2)
    fill(store, 2)

    with pytest.raises(QueueFull, match="2 pending, its limit is 2"):
        steps.enqueue(store, queue="mail")

    steps.enqueue(store, queue="other")
    assert len(take(store)) == 3
    steps.enqueue(store, queue="mail")


def test_jobs_that_do_not_all_fit_are_refused_all(store):
    limit(store, max_pending=150)

    with pytest.raises(QueueFull):
        store.enqueue([new_job(queue="mail")] * 151, now_ms=NOW_MS)

    assert store.counts() == []
    store.enqueue([new_job(queue="mail")] * 150, now_ms=NOW_MS)


def test_an_id_that_exists_is_no_new_job_for_a_full_queue(store):
    limit(store, max_pending=1)
    steps.enqueue(store, queue="mail", id="a")

    (again,) = store.enqueue([new_job(queue="mail", id="a")], now_ms=NOW_MS, on_conflict="skip")
    (instead,) = store.enqueue(
        [new_job(queue="mail", id="a")], now_ms=NOW_MS, on_conflict="replace"
    )

    assert not again.created
    assert instead.created


def test_what_comes_back_is_let_into_a_full_queue(store):
    limit(store, max_pending=1)
    number = steps.enqueue(store, queue="mail")
    store.cancel([number], now_ms=NOW_MS)
    steps.enqueue(store, queue="mail")

    assert store.revive([number], now_ms=NOW_MS) == [State.CANCELLED]


def test_a_queue_that_is_drained_takes_no_jobs_until_it_is_resumed(store):
    fill(store, 1)

    assert store.drain("mail", by="ann", now_ms=NOW_MS) is True
    assert store.drain("mail", by="bob", now_ms=NOW_MS) is False
    with pytest.raises(QueueDrains, match="bob lets it drain"):
        steps.enqueue(store, queue="mail")

    assert len(take(store)) == 1
    assert store.resume("mail", now_ms=NOW_MS) is True
    steps.enqueue(store, queue="mail")


# --- a job that runs at once ---


def run(store, now_ms=NOW_MS):
    return store.enqueue_and_claim(new_job(queue="mail"), worker=2, now_ms=now_ms)


def test_a_job_that_is_to_run_at_once_takes_a_place_or_is_refused(store):
    limit(store, concurrency=1)
    claim = run(store)

    with pytest.raises(QueueFull, match="1 of 1 run"):
        run(store)

    fill(store, 1)
    assert take(store) == []
    finish(store, claim)
    assert len(take(store)) == 1


def test_a_job_that_is_to_run_at_once_takes_a_token_or_is_refused(store):
    limit(store, rate=Rate(1, MINUTE_MS))
    claim = run(store)

    with pytest.raises(QueueFull, match="used up its rate: 1/m"):
        run(store)
    result = result_for(claim, Retry(NOW_MS + 5))
    assert store.finish_and_reclaim(result, worker=2, now_ms=NOW_MS) is None
    assert take(store, now_ms=NOW_MS + 6) == []
    assert run(store, NOW_MS + MINUTE_MS)


def test_a_queue_that_drains_runs_nothing_at_once(store):
    store.drain("mail", by="ann", now_ms=NOW_MS)

    with pytest.raises(QueueDrains):
        run(store)


# --- what is said of them ---


def test_limits_are_kept_by_queue(store, open_another):
    limit(store, concurrency=2, rate=TEN_A_MINUTE)
    limit(store, max_pending=5)
    limit(store, "other", concurrency=1)
    limit(store, "other", concurrency=None)
    store.drain("third", by="ann", now_ms=NOW_MS)

    assert open_another().standings() == [
        Standing("mail", Limits(2, TEN_A_MINUTE, 5)),
        Standing("third", Limits(), NOW_MS, "ann"),
    ]


def test_a_paused_queue_with_limits_stays_shut_until_both_let_it_go(store):
    limit(store, concurrency=1)
    fill(store, 2)
    (claim,) = take(store)
    store.pause("mail", by="ann", reason=None, now_ms=NOW_MS)
    assert store.standings()[0].shut == PAUSED | FULL

    finish(store, claim)
    assert take(store) == []
    assert store.next_due_ms() is None

    store.resume("mail", now_ms=NOW_MS)
    assert len(take(store)) == 1


# --- lines of many queues ---


def test_of_many_queues_the_oldest_job_of_the_highest_priority_goes_first(store):
    for queue in ("a", "b", "c"):
        for place in range(3):
            steps.enqueue(
                store, queue=queue, priority=5 + place % 2, run_at_ms=NOW_MS - place - ord(queue)
            )
    store.enqueue([new_job(queue="dbca"[place % 4]) for place in range(120)], now_ms=NOW_MS)

    claims = take(store, 200)

    order = [(-one.job.priority, one.job.run_at_ms, one.job.number) for one in claims]
    assert len(order) == 129
    assert order == sorted(order)


def test_a_line_is_found_again_after_all_that_stood_there_went(store):
    numbers = fill(store, 2, "a")
    store.cancel(numbers, now_ms=NOW_MS)
    assert take(store) == []
    late = steps.enqueue(store, queue="a", run_at_ms=NOW_MS + 50)
    assert take(store) == []
    soon = steps.enqueue(store, queue="a", run_at_ms=NOW_MS + 20)

    assert store.next_start_ms() == NOW_MS + 20
    assert take(store) == []
    assert [one.job.number for one in take(store, now_ms=NOW_MS + 30)] == [soon]
    assert [one.job.number for one in take(store, now_ms=NOW_MS + 60)] == [late]


def test_a_line_of_jobs_to_come_is_found_when_the_first_of_them_is_due(store):
    (number,) = fill(store, 1, "a")
    store.cancel([number], now_ms=NOW_MS)
    soon = steps.enqueue(store, queue="a", run_at_ms=NOW_MS + 20)
    steps.enqueue(store, queue="a", run_at_ms=NOW_MS + 50)

    assert take(store) == []
    assert [one.job.number for one in take(store, now_ms=NOW_MS + 30)] == [soon]
