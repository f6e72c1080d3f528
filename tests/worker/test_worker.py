from __future__ import annotations

import logging

import pytest

from queuectl_core.errors import Exhausted, NoPermission, StorageBusy, StorageDamaged, StorageError
from queuectl_core.lifecycle import State
from queuectl_core.retry import Release, after_crash
from queuectl_core.run import Ending, Outcome
from queuectl_core.storage.records import Result
from queuectl_core.worker.shortage import NotStarted
from queuectl_core.worker.worker import STORAGE_PAUSE_MS, Worker
from tests import halves
from tests.builders import NOW_MS, failure, new_job, success


def enqueue(shop, **fields):
    return shop.store.enqueue([new_job(**fields)], now_ms=NOW_MS)[0].number


def work(shop, *owed):
    """Be a worker thread until the executor has nothing more; return the worker."""
    worker = Worker(shop.crew, 1, owed)
    worker.run()
    worker.stopper.close()
    return worker


def test_a_job_that_ends_well_is_completed(shop_of):
    shop = shop_of(success(duration_ms=12, cpu_ms=3))
    number = enqueue(shop)

    work(shop)

    job = shop.store.job_by_number(number)
    assert (job.state, job.exit_code, job.duration_ms) == (State.COMPLETED, 0, 12)


def test_jobs_are_run_one_after_another(shop_of):
    shop = shop_of(success(), success(), success())
    numbers = [enqueue(shop) for _ in range(3)]

    work(shop)

    states = {shop.store.job_by_number(number).state for number in numbers}
    assert states == {State.COMPLETED}


def test_a_failed_job_waits_for_its_retry(shop_of):
    shop = shop_of(failure())
    number = enqueue(shop, backoff="fixed:60")

    work(shop)

    job = shop.store.job_by_number(number)
    assert (job.state, job.run_at_ms, job.error) == (State.FAILED, NOW_MS + 60_000, "no such host")


def test_the_last_failure_buries_the_job(shop_of, caplog):
    shop = shop_of(failure())
    number = enqueue(shop, max_retries=1)

    work(shop)

    assert shop.store.job_by_number(number).state is State.DEAD
    assert "attempt 1 is dead: no such host" in caplog.text


def test_a_command_carries_what_the_job_and_the_settings_say(shop_of):
    shop = shop_of(success(), success())
    enqueue(shop, command="make all", cwd="/srv", env={"A": "b"}, timeout_ms=5)
    enqueue(shop, argv=("ls", "-l"))

    work(shop)

    shell, words = shop.crew.execute.commands
    assert shell.argv == ("/bin/sh", "-c", "make all")
    assert (shell.cwd, shell.timeout_ms, shell.env["A"]) == ("/srv", 5, "b")
    assert (shell.env["QUEUECTL_ATTEMPT"], shell.env["QUEUECTL_SLOT"]) == ("1", "1")
    assert words.argv == ("ls", "-l")
    assert (words.cwd, words.timeout_ms, words.grace_ms) == (None, 300_000, 5_000)


def test_a_bug_of_the_executor_gives_the_job_a_failed_outcome(shop_of, caplog):
    shop = shop_of(RuntimeError("what?"))
    number = enqueue(shop)

    work(shop)

    job = shop.store.job_by_number(number)
    assert (job.state, job.exit_code) == (State.FAILED, 70)
    assert job.error == "queuectl failed: RuntimeError('what?')"
    assert "a bug of queuectl" in caplog.text


@pytest.mark.parametrize("on_crash", ["retry", "fail", "hold"])
def test_a_job_that_could_not_be_started_goes_back_whatever_a_crash_would_do(shop_of, on_crash):
    shop = shop_of(NotStarted("too little memory"))
    number = enqueue(shop, on_crash=on_crash, max_retries=1)

    work(shop)

    job = shop.store.job_by_number(number)
    assert (job.state, job.attempts, job.starts) == (State.PENDING, 0, 1)
    assert shop.store.attempts(number)[0].error == "not started: too little memory"


@pytest.mark.parametrize(
    ("on_crash", "state"), [("retry", State.PENDING), ("fail", State.DEAD), ("hold", State.DEAD)]
)
def test_a_job_that_was_killed_at_its_start_counts_as_cut_off(shop_of, on_crash, state):
    shop = shop_of(Outcome(Ending.RELEASED, error="killed at its start"))
    number = enqueue(shop, on_crash=on_crash)

    work(shop)

    assert shop.store.job_by_number(number).state is state
    assert shop.store.attempts(number)[0].error == "killed at its start"


def test_a_thread_waits_until_it_can_open_the_queue(shop_of, caplog):
    shop = shop_of(success())
    number = enqueue(shop)
    refusals = [Exhausted("open files"), StorageBusy("busy"), Exhausted("open files")]
    real = shop.crew.open_store

    def open_store():
        if refusals:
            raise refusals.pop(0)
        return real()

    shop.crew.open_store = open_store
    work(shop)

    assert shop.store.job_by_number(number).state is State.COMPLETED
    assert shop.clock.waits_ms == [STORAGE_PAUSE_MS] * 3
    assert caplog.text.count("open files") == 1


def test_a_thread_that_can_not_open_the_queue_ends_with_a_stop(shop_of):
    shop = shop_of()

    def open_store():
        shop.crew.stopping.set()
        raise Exhausted

    shop.crew.open_store = open_store

    assert work(shop).done.is_set()


def test_a_backoff_of_a_newer_version_does_not_lose_the_job(shop_of, caplog):
    shop = shop_of(failure())
    number = enqueue(shop, backoff="fibonacci:3")

    work(shop)

    assert shop.store.job_by_number(number).state is State.FAILED
    assert "backoff 'fibonacci:3' is unknown here" in caplog.text


@pytest.mark.parametrize(
    "error",
    [
        StorageBusy(),
        StorageError(),
        Exhausted(),
        NoPermission(),
    ],
)
def test_a_result_outlives_storage_that_fails_for_a_while(shop_of, error):
    shop = shop_of(success())
    number = enqueue(shop)
    faulty = shop.open_stores_as()
    shop.crew.execute._outcomes[0] = FailLater(faulty, [error] * 3)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shop.crew, "execute", shop.crew.execute._outcomes[0].run(shop.crew))
        work(shop)

    assert shop.store.job_by_number(number).state is State.COMPLETED
    assert shop.clock.waits_ms == [STORAGE_PAUSE_MS] * 3


class FailLater:
    """An executor after whose run the store fails."""

    def __init__(self, faulty, errors):
        self._faulty = faulty
        self._errors = errors

    def run(self, crew):
        def execute(*_):
            self._faulty._errors.extend(self._errors)
            crew.stopping.set()
            return success()

        return execute


def test_a_lost_claim_is_told_and_nothing_written(shop_of, caplog):
    shop = shop_of(success())
    number = enqueue(shop)
    (claim,) = halves.claim(shop.store, worker=shop.worker, limit=1, now_ms=NOW_MS)
    halves.finish(shop.store, [Result(claim, failure(), after_crash(claim.job))], now_ms=NOW_MS)
    enqueue(shop, priority=10)

    work(shop, Result(claim, success(), after_crash(claim.job)))

    assert f"job {number} attempt 1: claim lost, result not recorded" in caplog.text


def test_a_successor_hands_in_what_its_predecessor_died_with(shop_of):
    shop = shop_of(success())
    number = enqueue(shop)
    (claim,) = halves.claim(shop.store, worker=shop.worker, limit=1, now_ms=NOW_MS)
    outcome = Outcome(Ending.INTERRUPTED, error="its worker thread died")

    shop.crew.stopping.set()
    work(shop, Result(claim, outcome, after_crash(claim.job)))

    job = shop.store.job_by_number(number)
    assert (job.state, job.starts, job.crashes) == (State.PENDING, 1, 1)


def test_damaged_storage_ends_the_pool(shop_of):
    shop = shop_of(success())
    error = StorageDamaged()
    shop.open_stores_as(error)

    work(shop)

    assert shop.crew.failure is error


def test_storage_that_is_damaged_when_a_thread_opens_it_ends_the_pool(shop_of):
    shop = shop_of(success())
    error = StorageDamaged()

    def open_store():
        raise error

    shop.crew.open_store = open_store

    work(shop)

    assert shop.crew.failure is error


def test_a_stopping_worker_without_a_result_leaves_failing_storage(shop_of):
    shop = shop_of(success())
    faulty = shop.open_stores_as(*[StorageError()] * 5)
    shop.crew.stopping.set()

    work(shop)

    assert len(faulty.batches) <= 1


def test_a_job_claimed_during_a_forced_stop_is_given_back_without_a_start(shop_of):
    shop = shop_of(success())
    enqueue(shop)
    (claim,) = halves.claim(shop.store, worker=shop.worker, limit=1, now_ms=NOW_MS)
    shop.crew.forced.set()
    worker = Worker(shop.crew, 1)

    result = worker._execute(claim)

    assert result == Result(claim, Outcome(Ending.RELEASED), Release())
    assert shop.crew.execute.commands == []
    worker.stopper.close()


def test_nothing_is_logged_for_a_success(shop_of, caplog):
    caplog.set_level(logging.DEBUG)
    shop = shop_of(success())
    enqueue(shop)

    work(shop)

    assert caplog.text == ""
