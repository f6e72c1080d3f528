"""Claims made ahead: very short jobs follow one another without a sync between them."""

from __future__ import annotations

import logging

import pytest

from queuectl_core.errors import StorageBusy, StorageError
from queuectl_core.lifecycle import State
from queuectl_core.worker.executor import LINGER_MS
from queuectl_core.worker.shelf import SHORT_MS, STREAK
from queuectl_core.worker.worker import Worker
from tests.builders import NOW_MS, failure, jobs_of, new_job, success
from tests.worker.fakes import FakeExecutor, Shop

WARM_UP = STREAK  # runs until the first claim is made ahead
SHORT, LONG = success(duration_ms=SHORT_MS), success(duration_ms=SHORT_MS + 1)
VERY_LONG = success(duration_ms=2 * LINGER_MS)


def enqueue(shop, count, **fields):
    return [job.number for job in shop.store.enqueue([new_job(**fields)] * count, now_ms=NOW_MS)]


def work(shop):
    worker = Worker(shop.crew, 1)
    worker.run()
    worker.stopper.close()
    return worker


def states(shop):
    return [job.state for job in reversed(jobs_of(shop.store))]


class Watching(FakeExecutor):
    """Notes the states of all jobs at each start, before and after the companion had its turn."""

    def __init__(self, *outcomes):
        super().__init__(*outcomes)
        self.before, self.after = [], []

    def __call__(self, command, *rest):
        companion = rest[-1]
        self.before.append(states(self.shop))
        companion.started()
        self.after.append(states(self.shop))
        return super().__call__(command, *rest)


@pytest.fixture
def watched(tmp_path, clock):
    shops = []

    def watched(*outcomes):
        executor = Watching(*outcomes)
        executor.shop = Shop(tmp_path, clock, executor)
        shops.append(executor.shop)
        return executor.shop

    yield watched
    for shop in shops:
        shop.store.close()


def test_a_short_job_is_recorded_while_the_next_one_runs(watched):
    shop = watched(*[SHORT] * (WARM_UP + 2))
    enqueue(shop, WARM_UP + 2)

    work(shop)

    before, after = shop.crew.execute.before[-1], shop.crew.execute.after[-1]
    assert before[WARM_UP:] == [State.PROCESSING, State.PROCESSING]
    assert after[WARM_UP:] == [State.COMPLETED, State.PROCESSING]


def test_a_job_is_on_disk_as_claimed_before_it_starts(watched):
    shop = watched(*[SHORT] * 9)
    enqueue(shop, 9)

    work(shop)

    at_start = [seen[index] for index, seen in enumerate(shop.crew.execute.before)]
    assert at_start == [State.PROCESSING] * 9


def test_nothing_is_claimed_ahead_before_some_runs_in_a_row_were_short(watched):
    shop = watched(SHORT, SHORT, LONG, SHORT, SHORT, SHORT)
    enqueue(shop, 9)

    work(shop)

    assert [seen.count(State.PROCESSING) for seen in shop.crew.execute.after] == [1] * 6


def test_a_long_run_puts_back_what_was_claimed_ahead(shop_of):
    shop = shop_of(*[SHORT] * 4, VERY_LONG)
    numbers = enqueue(shop, 8)

    work(shop)

    assert states(shop) == [State.COMPLETED] * 5 + [State.PENDING] * 3
    waiting = shop.store.job_by_number(numbers[5])
    assert (waiting.attempts, waiting.crashes, waiting.starts) == (0, 0, 0)
    assert shop.store.attempts(numbers[5]) == []


def test_a_stop_puts_back_what_was_claimed_ahead(shop_of):
    shop = shop_of(*[SHORT] * 5)
    enqueue(shop, 9)

    work(shop)

    assert states(shop) == [State.COMPLETED] * 5 + [State.PENDING] * 4


def test_no_claim_is_made_ahead_while_another_thread_lacks_work(watched):
    shop = watched(*[SHORT] * 6)
    enqueue(shop, 9)
    shop.crew.room.waiting = 1

    work(shop)

    assert [seen.count(State.PROCESSING) for seen in shop.crew.execute.after] == [1] * 6


def test_results_that_storage_did_not_take_while_the_next_one_ran_are_recorded_after_it(
    shop_of, caplog
):
    shop = shop_of(*[SHORT] * 6)
    enqueue(shop, 6)
    faulty = shop.open_stores_as()
    execute = shop.crew.execute
    runs = []

    def failing(*call):
        runs.append(1)
        if len(runs) == WARM_UP + 2:
            faulty._errors = [StorageBusy()]
        return execute(*call)

    shop.crew.execute = failing

    work(shop)

    assert states(shop) == [State.COMPLETED] * 6
    assert "storage: " in caplog.text
    assert "claim lost" not in caplog.text


def test_a_failure_that_was_left_is_told(shop_of, caplog):
    caplog.set_level(logging.WARNING)
    shop = shop_of(*[SHORT] * 4, failure(), SHORT)
    enqueue(shop, 4)
    (failing,) = enqueue(shop, 1, max_retries=1)
    enqueue(shop, 1)

    work(shop)

    assert shop.store.job_by_number(failing).state is State.DEAD
    assert f"job {failing} attempt 1 is dead" in caplog.text


def test_what_a_thread_left_with_others_is_not_forgotten_by_its_successor(shop_of):
    shop = shop_of(SHORT)
    enqueue(shop, 1)
    (claim,) = shop.store.finish_and_claim([], worker=shop.worker, limit=1, now_ms=NOW_MS)[1]
    worker = Worker(shop.crew, 1)
    worker._store = shop.store
    result = worker._execute(claim)
    worker.owed.append(result)
    shop.crew.turnstile._serving = True  # somebody else is at it

    worker.started()

    assert worker.owed == []
    assert worker.unrecorded() == [result]
    worker.stopper.close()


def test_a_long_run_settles_what_was_left_with_others(shop_of):
    shop = shop_of(SHORT)
    (number,) = enqueue(shop, 1)
    (claim,) = shop.store.finish_and_claim([], worker=shop.worker, limit=1, now_ms=NOW_MS)[1]
    worker = Worker(shop.crew, 1)
    worker._store = shop.store
    worker.owed.append(worker._execute(claim))
    shop.crew.turnstile._serving = True
    worker.started()
    shop.crew.turnstile._serving = False  # they went without taking it along

    again = worker.lingers()

    assert not again
    assert shop.store.job_by_number(number).state is State.COMPLETED
    worker.stopper.close()


def test_a_long_run_asks_again_while_storage_fails(shop_of):
    shop = shop_of(SHORT)
    worker = Worker(shop.crew, 1)
    worker._store = shop.open_stores_as(StorageError())
    enqueue(shop, 1)
    (claim,) = shop.store.finish_and_claim([], worker=shop.worker, limit=1, now_ms=NOW_MS)[1]
    shop.crew.shelf.lay_by([claim], -LINGER_MS)

    first, second = worker.lingers(), worker.lingers()

    assert (first, second) == (True, False)
    assert states(shop) == [State.PENDING]
    worker.stopper.close()
