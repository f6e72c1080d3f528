"""Jobs that were there at two deaths of a worker: one runs at a time, and answers for the third."""

from __future__ import annotations

import select

import pytest

from queuectl_core.lifecycle import State
from queuectl_core.retry import Bury, Rescue
from queuectl_core.run import Ending
from tests import halves
from tests.builders import NOW_MS, completed, new_job, new_worker, released, retried
from tests.conformance import steps

LATER_MS = NOW_MS + 1_000


def numbers_of(claims):
    return [claim.job.number for claim in claims]


def claim_all(store, *, worker=1, now_ms=NOW_MS, queues=None):
    return halves.claim(store, worker=worker, limit=9, now_ms=now_ms, queues=queues)


def crash(engine, store, **options):
    """Let a worker claim what it can and die; return what became of each job, by number."""
    lost = engine.open()
    worker = lost.register(new_worker(), now_ms=NOW_MS)
    claim_all(lost, worker=worker, **options)
    engine.shut(lost)
    results = store.rescue(steps.dead_worker(store, worker), now_ms=NOW_MS)
    return {result.claim.job.number: result.verdict for result in results}


@pytest.fixture
def suspects(engine, store):
    """Return two jobs that were there at two deaths of a worker."""
    return make_suspects(engine, store)


def make_suspects(engine, store, queues=("mail", "mail")):
    added = store.enqueue([new_job(queue=queue) for queue in queues], now_ms=NOW_MS)
    for _ in range(2):
        crash(engine, store)
    return [new.number for new in added]


def test_of_two_suspects_one_runs(store, suspects):
    assert numbers_of(claim_all(store)) == suspects[:1]
    assert claim_all(store) == []


def test_another_worker_starts_no_second_suspect(store, open_another, suspects):
    claim_all(store)

    assert claim_all(open_another(), worker=2) == []


def test_a_suspect_of_another_queue_waits_too(engine, store):
    make_suspects(engine, store, queues=["a", "b"])
    claim_all(store, queues=["a"])

    assert claim_all(store, queues=["b"]) == []


def test_other_jobs_run_beside_a_suspect(store, suspects):
    urgent = steps.enqueue(store, priority=9)
    late = steps.enqueue(store, priority=2)

    assert numbers_of(claim_all(store)) == [urgent, suspects[0], late]


def test_a_job_of_one_crash_is_no_suspect(engine, store):
    numbers = [steps.enqueue(store) for _ in range(2)]
    crash(engine, store)

    assert numbers_of(claim_all(store)) == numbers


@pytest.mark.parametrize(
    "how", [completed, released, lambda claim: retried(claim, run_at_ms=LATER_MS)]
)
def test_the_next_suspect_starts_when_the_first_ended(store, suspects, how):
    (first,) = claim_all(store)

    held, taken = store.finish_and_claim([how(first)], worker=1, limit=9, now_ms=NOW_MS)

    assert held == [True]
    assert len(numbers_of(taken)) == 1
    assert numbers_of(taken)[0] in suspects


def test_a_suspect_of_a_dead_worker_is_in_the_way_until_it_is_rescued(engine, store, suspects):
    lost = engine.open()
    worker = lost.register(new_worker(), now_ms=NOW_MS)
    claim_all(lost, worker=worker)
    engine.shut(lost)
    before = claim_all(store)

    store.rescue(steps.dead_worker(store, worker), now_ms=NOW_MS)

    assert before == []
    assert numbers_of(claim_all(store)) == suspects[1:]


def test_the_third_death_is_laid_on_the_suspect_alone(engine, store, suspects):
    beside = steps.enqueue(store)

    became = crash(engine, store)

    assert became == {suspects[0]: Bury("poison"), beside: Rescue(crashes=0)}
    dead, innocent = steps.job_of(store, suspects[0]), steps.job_of(store, beside)
    assert (dead.state, dead.reason, dead.crashes) == (State.DEAD, "poison", 3)
    assert (innocent.state, innocent.crashes, innocent.attempts) == (State.PENDING, 0, 1)
    assert store.attempts(beside)[0].ending is Ending.INTERRUPTED
    steps.assert_figures_are_true(store)


def test_a_job_that_must_not_repeat_does_not_beside_a_suspect(engine, store, suspects):
    beside = steps.enqueue(store, on_crash="fail")

    assert crash(engine, store)[beside] == Bury("interrupted")


def test_a_job_that_ran_beside_a_poison_ends_well(engine, store):
    killer, innocent = (steps.enqueue(store) for _ in range(2))
    verdicts = [crash(engine, store)[killer] for _ in range(3)]

    (claim,) = claim_all(store)
    halves.finish(store, [completed(claim)], now_ms=NOW_MS)

    assert verdicts == [Rescue(), Rescue(), Bury("poison")]
    assert steps.job_of(store, killer).state is State.DEAD
    assert steps.job_of(store, innocent).state is State.COMPLETED


def test_revive_clears_a_suspect(store, suspects):
    claims = claim_all(store)
    store.cancel(suspects[1:], now_ms=NOW_MS)

    store.revive(suspects[1:], now_ms=NOW_MS)

    assert (numbers_of(claims), numbers_of(claim_all(store))) == (suspects[:1], suspects[1:])


# --- what idle workers ask ---


def test_a_suspect_that_must_wait_is_not_the_next_to_come_due(store, suspects):
    before = store.next_due_ms()
    (running,) = claim_all(store)
    meanwhile = store.next_due_ms()

    halves.finish(store, [completed(running)], now_ms=NOW_MS)

    assert (before, meanwhile, store.next_due_ms()) == (NOW_MS, None, NOW_MS)


def test_a_draining_worker_stays_for_a_suspect_that_waits_for_another_queue(engine, store):
    make_suspects(engine, store, queues=["a", "b"])
    claim_all(store, queues=["a"])

    assert claim_all(store, queues=["b"]) == []
    assert store.unsettled(now_ms=NOW_MS, queues=["b"])


def test_the_bell_rings_when_a_suspect_ended(store, suspects):
    heard = store.bell(store.register(new_worker(), now_ms=NOW_MS))
    steps.enqueue(store)
    suspect, other = claim_all(store)
    heard.clear()

    halves.finish(store, [completed(other)], now_ms=NOW_MS)
    after_other, _, _ = select.select([heard], [], [], 0)
    halves.finish(store, [completed(suspect)], now_ms=NOW_MS)
    after_suspect, _, _ = select.select([heard], [], [], 0)
    heard.close()

    assert (bool(after_other), bool(after_suspect)) == (False, True)
