from __future__ import annotations

import os
import select
import signal

import pytest

from queuectl_core.lifecycle import State
from queuectl_core.retry import Bury, Rescue, Stop
from queuectl_core.run import Ending
from tests import halves
from tests.builders import NOW_MS, buried, completed, new_job, new_worker
from tests.conformance import children, steps

LATER_MS = NOW_MS + 1_000


def register(store, **fields):
    return store.register(new_worker(**fields), now_ms=NOW_MS)


def alive(store):
    return {row.id: row.alive for row in store.workers()}


# --- who is there ---


def test_a_registered_worker_is_known_with_all_that_it_said(store):
    worker = register(store, host="h", queues=("mail", "b"), threads=4)

    (row,) = store.workers()

    said = new_worker(host="h", queues=("mail", "b"), threads=4)
    assert {field: getattr(row, field) for field in said._fields} == said._asdict()
    assert (row.id, row.started_at_ms, row.seen_at_ms) == (worker, NOW_MS, NOW_MS)
    assert (row.stopping, row.alive, row.running) == (False, True, ())


def test_a_worker_shows_what_it_runs(store):
    worker = register(store)
    claim = steps.claimed(store, worker=worker)
    steps.claimed(store, worker=worker + 1)

    assert store.workers()[0].running == (claim.job,)


def test_a_heartbeat_is_noted(store):
    worker = register(store)

    store.heartbeat(worker, stopping=True, now_ms=LATER_MS)

    (row,) = store.workers()
    assert (row.started_at_ms, row.seen_at_ms, row.stopping) == (NOW_MS, LATER_MS, True)


def test_a_retired_worker_is_forgotten(store, open_another):
    worker = register(store)

    store.retire(worker)

    assert store.workers() == []
    assert open_another().take_dead_workers() == []


def test_ids_are_given_lowest_first(open_another):
    stores = [open_another() for _ in range(3)]

    assert [register(store) for store in stores] == [1, 2, 3]


def test_the_lowest_free_id_is_used_again(engine, open_another):
    stores = [open_another() for _ in range(3)]
    for one in stores:
        register(one)
    stores[1].retire(2)
    engine.shut(stores[1])

    assert register(open_another()) == 2
    assert register(open_another()) == 4


def test_an_id_is_not_used_again_while_a_job_still_names_it(engine, store):
    worker, _ = steps.leave_behind(engine)

    assert register(store) == worker + 1


def test_an_id_is_free_again_once_its_jobs_are_rescued(engine, store):
    worker, _ = steps.leave_behind(engine)
    store.rescue(steps.dead_worker(store, worker), now_ms=NOW_MS)

    assert register(store) == worker


def test_a_new_worker_starts_without_its_predecessors_row(engine, store, open_another):
    lost = open_another()
    worker = register(lost, host="old")
    lost.heartbeat(worker, stopping=True, now_ms=LATER_MS)
    engine.shut(lost)

    assert register(store, host="new") == worker

    (row,) = store.workers()
    assert (row.host, row.stopping) == ("new", False)


# --- life and death ---


def test_a_worker_is_alive_only_while_its_store_is_open(engine, store, open_another):
    other = open_another()
    worker = register(other)
    before = alive(store)

    engine.shut(other)

    assert before == {worker: True}
    assert alive(store) == {worker: False}


def test_looking_at_workers_does_not_take_their_presence(store, open_another):
    worker = register(open_another())

    for _ in range(3):
        assert alive(store) == {worker: True}
    assert store.take_dead_workers() == []


def test_a_killed_process_is_dead_at_once(engine, store):
    steps.enqueue(store)
    with children.start(engine.url, "claim") as child:
        worker, number = map(int, child.line().split()[1:])
        before = alive(store)

        child.kill()

        assert before == {worker: True}
        assert alive(store) == {worker: False}
        (dead,) = store.take_dead_workers()
        assert (dead.id, [claim.job.number for claim in dead.claims]) == (worker, [number])
        dead.release()


def test_a_suspended_process_is_alive(engine, store):
    with children.start(engine.url, "register") as child:
        worker = int(child.line().split()[1])

        child.signal(signal.SIGSTOP)
        os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)

        assert alive(store) == {worker: True}
        assert store.take_dead_workers() == []
        assert register(store) == worker + 1


def test_a_worker_that_closed_in_good_order_is_not_dead(engine, store, open_another):
    other = open_another()
    other.retire(register(other))
    engine.shut(other)

    assert store.take_dead_workers() == []


def test_the_job_of_a_killed_process_runs_again(engine, store):
    number = steps.enqueue(store)
    with children.start(engine.url, "claim") as child:
        worker = int(child.line().split()[1])
        child.kill()

    (rescued,) = store.rescue(steps.dead_worker(store, worker), now_ms=LATER_MS)
    again = steps.claim(store, now_ms=LATER_MS)

    assert rescued.claim.job.number == number
    assert (again.job.number, again.job.attempts, again.job.crashes) == (number, 2, 1)
    steps.assert_figures_are_true(store)


# --- rescue ---


def test_rescue_puts_the_job_back_and_forgets_the_worker(engine, store):
    worker, claim = steps.leave_behind(engine)

    results = store.rescue(steps.dead_worker(store, worker), now_ms=LATER_MS)

    assert [(result.claim.token, result.verdict) for result in results] == [(claim.token, Rescue())]
    assert results[0].outcome.ending is Ending.INTERRUPTED
    job = steps.job_of(store, claim.job.number)
    assert (job.state, job.run_at_ms) == (State.PENDING, claim.job.run_at_ms)
    assert store.workers() == []
    assert store.take_dead_workers() == []


def test_rescue_takes_all_jobs_of_the_dead_and_none_of_others(engine, store, open_another):
    lost, kept = open_another(), open_another()
    dead_id, kept_id = register(lost), register(kept)
    store.enqueue([new_job() for _ in range(4)], now_ms=NOW_MS)
    taken = halves.claim(lost, worker=dead_id, limit=3, now_ms=NOW_MS)
    (other,) = halves.claim(kept, worker=kept_id, limit=1, now_ms=NOW_MS)
    engine.shut(lost)

    results = store.rescue(steps.dead_worker(store, dead_id), now_ms=NOW_MS)

    assert {result.claim.token for result in results} == {claim.token for claim in taken}
    assert halves.finish(kept, [completed(other)], now_ms=NOW_MS) == [True]
    steps.assert_figures_are_true(store)


def test_rescue_of_a_worker_that_ran_nothing_forgets_it(engine, store, open_another):
    lost = open_another()
    worker = register(lost)
    engine.shut(lost)

    assert store.rescue(steps.dead_worker(store, worker), now_ms=NOW_MS) == []
    assert store.workers() == []


def test_a_job_that_took_three_workers_down_is_poison(engine, store):
    number = steps.enqueue(store)
    verdicts = []
    for _ in range(3):
        lost = engine.open()
        worker = register(lost)
        steps.claim(lost, worker=worker)
        engine.shut(lost)
        (result,) = store.rescue(steps.dead_worker(store, worker), now_ms=NOW_MS)
        verdicts.append(result.verdict)

    job = steps.job_of(store, number)
    assert verdicts == [Rescue(), Rescue(), Bury("poison")]
    assert (job.state, job.reason, job.crashes, job.starts) == (State.DEAD, "poison", 3, 3)
    assert len(store.attempts(number)) == 3
    steps.assert_figures_are_true(store)


def test_revive_of_a_poison_job_gives_it_three_more_crashes(engine, store):
    number = steps.enqueue(store)
    for _ in range(4):
        lost = engine.open()
        worker = register(lost)
        steps.claim(lost, worker=worker)
        engine.shut(lost)
        store.rescue(steps.dead_worker(store, worker), now_ms=NOW_MS)
        store.revive([number], now_ms=NOW_MS)

    assert steps.job_of(store, number).state is State.PENDING


def test_a_job_whose_cancel_was_wanted_is_cancelled_by_the_rescue(engine, store):
    worker, claim = steps.leave_behind(engine)
    store.cancel([claim.job.number], now_ms=NOW_MS)

    (result,) = store.rescue(steps.dead_worker(store, worker), now_ms=LATER_MS)

    job = steps.job_of(store, claim.job.number)
    assert result.verdict == Stop()
    assert (job.state, job.cancel_requested) == (State.CANCELLED, False)
    assert job.finished_at_ms == LATER_MS


def test_a_dead_worker_is_taken_by_one_rescuer_only(engine, store, open_another):
    worker, _ = steps.leave_behind(engine)
    (dead,) = store.take_dead_workers()

    meanwhile = open_another().take_dead_workers()
    dead.release()

    assert meanwhile == []
    assert steps.dead_worker(open_another(), worker).release() is None


def test_rescue_takes_what_the_dead_left_and_not_what_was_seen_before(engine, store):
    worker, claim = steps.leave_behind(engine)
    dead = steps.dead_worker(store, worker)
    halves.finish(store, [buried(claim)], now_ms=NOW_MS)

    assert store.rescue(dead, now_ms=NOW_MS) == []
    assert steps.job_of(store, claim.job.number).state is State.DEAD


def test_claims_of_a_worker_that_nobody_knows_are_found(engine, store, open_another):
    lost = open_another()
    worker = register(lost)
    steps.claimed(lost, worker=worker)
    lost.retire(worker)
    engine.shut(lost)

    dead = steps.dead_worker(store, worker)

    assert len(store.rescue(dead, now_ms=NOW_MS)) == 1


# --- the bell ---


@pytest.fixture
def bell(store):
    rung = store.bell(register(store))
    yield rung
    rung.close()


def rings(bell):
    """Tell whether the bell rang: it does before the verb returns, so nothing is waited for."""
    ready, _, _ = select.select([bell], [], [], 0)
    bell.clear()
    return bool(ready)


def test_the_bell_is_silent_at_first(bell):
    assert not rings(bell)


def test_the_bell_rings_when_a_job_is_added(bell, open_another):
    steps.enqueue(open_another())

    assert rings(bell)


def test_the_bell_rings_when_a_job_is_revived(store, bell, open_another):
    number, _ = steps.put(store, State.DEAD)
    bell.clear()

    open_another().revive([number], now_ms=NOW_MS)

    assert rings(bell)


def test_the_bell_rings_when_a_running_job_is_to_be_cancelled(store, bell, open_another):
    claim = steps.claimed(store)
    bell.clear()

    open_another().cancel([claim.job.number], now_ms=NOW_MS)

    assert rings(bell)


def test_the_bell_rings_when_a_job_is_rescued(engine, store, bell):
    worker, _ = steps.leave_behind(engine)
    dead = steps.dead_worker(store, worker)
    bell.clear()

    store.rescue(dead, now_ms=NOW_MS)

    assert rings(bell)


def test_clear_forgets_all_rings(store, bell):
    for _ in range(5):
        steps.enqueue(store)

    bell.clear()

    assert not rings(bell)


def test_a_bell_that_nobody_clears_never_blocks_an_enqueue(store, bell):
    for _ in range(200):
        store.enqueue([new_job()], now_ms=NOW_MS)

    assert rings(bell)


def test_every_worker_has_a_bell_of_its_own(store, bell, open_another):
    other = open_another()
    second = other.bell(register(other))

    steps.enqueue(store)

    assert rings(bell)
    assert rings(second)
    second.close()


def test_the_bell_of_a_dead_worker_harms_nobody(engine, store, bell, open_another):
    other = open_another()
    worker = register(other)
    left = other.bell(worker)
    engine.shut(other)
    os.close(left.fileno())

    steps.enqueue(store)
    successor = open_another()
    assert register(successor) == worker
    again = successor.bell(worker)
    steps.enqueue(store)

    assert rings(bell)
    assert rings(again)
    again.close()
