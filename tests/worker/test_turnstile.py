from __future__ import annotations

import threading

import pytest

from queuectl_core.errors import StorageBusy, StorageError
from queuectl_core.lifecycle import State
from tests import halves
from tests.builders import NOW_MS, completed, new_job
from tests.worker.fakes import FakeExecutor, FaultyStore, Shop
from tests.worker.harness import until


@pytest.fixture
def shop(tmp_path, clock):
    made = Shop(tmp_path, clock, FakeExecutor())
    yield made
    made.store.close()


@pytest.fixture
def turnstile(shop):
    return shop.crew.turnstile


def claims_of(shop, count):
    shop.store.enqueue([new_job() for _ in range(count)], now_ms=NOW_MS)
    return halves.claim(shop.store, worker=shop.worker, limit=count, now_ms=NOW_MS)


def state(shop, claim):
    return shop.store.job_by_number(claim.job.number).state


class Crowd:
    """Threads that meet at a turnstile: all wait there before the first is served."""

    def __init__(self, turnstile, open_store, results):
        self.answers = {}
        threads = [
            threading.Thread(target=self._swap, args=(turnstile, open_store, index, [result]))
            for index, result in enumerate(results)
        ]
        turnstile._serving = True  # somebody is in there, and all must wait
        for thread in threads:
            thread.start()
        until(lambda: len(turnstile._waiting) == len(results))
        turnstile._waiting[0].call()
        for thread in threads:
            thread.join(20)

    def _swap(self, turnstile, open_store, index, results):
        store = open_store()
        try:
            self.answers[index] = turnstile.swap(store, results, wants=False)
        except Exception as error:  # noqa: BLE001 - the answer to look at
            self.answers[index] = error
        finally:
            store.close()


def test_one_pass_records_a_result_and_takes_the_next_claim(shop, turnstile):
    (claim,) = claims_of(shop, 1)
    (waiting,) = shop.store.enqueue([new_job()], now_ms=NOW_MS)

    held, following = turnstile.swap(shop.store, [completed(claim)], wants=True)

    assert held == [True]
    assert following.job.number == waiting.number
    assert state(shop, claim) is State.COMPLETED


def test_who_wants_nothing_gets_nothing(shop, turnstile):
    shop.store.enqueue([new_job()], now_ms=NOW_MS)

    assert turnstile.swap(shop.store, [], wants=False) == ([], None)


def test_an_empty_queue_gives_no_claim(shop, turnstile):
    assert turnstile.swap(shop.store, [], wants=True) == ([], None)


def test_a_lost_claim_is_told(shop, turnstile):
    (claim,) = claims_of(shop, 1)
    turnstile.swap(shop.store, [completed(claim)], wants=False)

    held, _ = turnstile.swap(shop.store, [completed(claim)], wants=False)

    assert held == [False]


def test_threads_that_meet_share_one_transaction(shop, turnstile):
    claims = claims_of(shop, 5)
    stores = []

    def open_store():
        stores.append(FaultyStore(shop.crew.open_store()))
        return stores[-1]

    crowd = Crowd(turnstile, open_store, [completed(claim) for claim in claims])

    assert list(crowd.answers.values()) == [([True], None)] * 5
    assert [batch for store in stores for batch in store.batches] == [5]
    assert {state(shop, claim) for claim in claims} == {State.COMPLETED}


def test_a_failing_batch_is_taken_one_by_one(shop, turnstile):
    claims = claims_of(shop, 3)
    stores = []

    def open_store():
        stores.append(FaultyStore(shop.crew.open_store(), [StorageBusy(), StorageError()]))
        return stores[-1]

    crowd = Crowd(turnstile, open_store, [completed(claim) for claim in claims])

    failed = [answer for answer in crowd.answers.values() if isinstance(answer, StorageError)]
    assert len(failed) == 1
    assert [batch for store in stores for batch in store.batches] == [3, 1, 1, 1]
    assert [state(shop, claim) for claim in claims].count(State.COMPLETED) == 2


def test_an_error_for_one_is_raised_to_it(shop, turnstile):
    with pytest.raises(StorageBusy):
        turnstile.swap(FaultyStore(shop.store, [StorageBusy()]), [], wants=True)


def test_an_unforeseen_error_is_not_told_as_success_to_those_who_wait(shop, turnstile):
    claims = claims_of(shop, 2)

    def open_store():
        return FaultyStore(shop.crew.open_store(), [RuntimeError("a bug")] * 3)

    crowd = Crowd(turnstile, open_store, [completed(claim) for claim in claims])

    recorded = [claim for claim in claims if state(shop, claim) is State.COMPLETED]
    told = [answer for answer in crowd.answers.values() if answer == ([True], None)]
    assert len(told) == len(recorded)


def test_who_comes_while_another_serves_is_called_to_serve_next(shop, turnstile):
    first, late = claims_of(shop, 2)
    crowd = Crowd.__new__(Crowd)
    crowd.answers = {}

    class Busy:
        """A store that is not done before the other thread waits at the turnstile."""

        def finish_and_claim(self, results, **options):
            latecomer.start()
            until(lambda: turnstile._waiting)
            return shop.store.finish_and_claim(results, **options)

    latecomer = threading.Thread(
        target=crowd._swap, args=(turnstile, shop.crew.open_store, "late", [completed(late)])
    )
    answer = turnstile.swap(Busy(), [completed(first)], wants=False)
    latecomer.join(20)

    assert answer == crowd.answers["late"] == ([True], None)
    assert state(shop, late) is State.COMPLETED
    assert not turnstile._serving


def test_a_turn_that_was_left_is_taken_along_by_the_next_who_comes(shop, turnstile):
    first, left, late = claims_of(shop, 3)
    crowd = Crowd.__new__(Crowd)
    crowd.answers = {}
    turns = []

    class Busy:
        """A store that is not done before one turn was left and another thread waits."""

        def finish_and_claim(self, results, **options):
            turns.append(turnstile.leave(None, [completed(left)], ahead=0))
            latecomer.start()
            until(lambda: len(turnstile._waiting) == 2)
            return shop.store.finish_and_claim(results, **options)

    latecomer = threading.Thread(
        target=crowd._swap, args=(turnstile, shop.crew.open_store, "late", [completed(late)])
    )
    turnstile.swap(Busy(), [completed(first)], wants=False)
    latecomer.join(20)

    assert crowd.answers["late"] == ([True], None)
    assert turns[0].done
    assert state(shop, left) is State.COMPLETED


def test_a_turn_that_meets_nobody_is_served_at_once(shop, turnstile):
    (claim,) = claims_of(shop, 1)

    turn = turnstile.leave(shop.store, [completed(claim)], ahead=0)

    assert (turn.done, turn.held, turn.error) == (True, [True], None)


def test_a_turn_that_was_left_bears_its_error_and_raises_nothing(shop, turnstile):
    (claim,) = claims_of(shop, 1)

    turn = turnstile.leave(FaultyStore(shop.store, [StorageBusy()]), [completed(claim)], ahead=0)

    assert isinstance(turn.error, StorageBusy)
    assert state(shop, claim) is State.PROCESSING


# --- a shortage ---


def test_while_something_is_short_results_are_taken_and_nothing_is_claimed(shop, turnstile):
    (claim,) = claims_of(shop, 1)
    shop.store.enqueue([new_job()], now_ms=NOW_MS)
    turnstile.shortage.declare("memory")

    assert turnstile.swap(shop.store, [completed(claim)], wants=True) == ([True], None)

    assert state(shop, claim) is State.COMPLETED


def test_after_the_pause_one_job_is_claimed(shop, turnstile):
    shop.store.enqueue([new_job()], now_ms=NOW_MS)
    turnstile.shortage.declare("memory")
    shop.clock.advance(10_000)
    turnstile.shortage.tend()

    _, claim = turnstile.swap(shop.store, [], wants=True)

    assert claim is not None
