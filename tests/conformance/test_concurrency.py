from __future__ import annotations

import threading
from collections import Counter

from queuectl_core.lifecycle import State
from tests import halves
from tests.builders import NOW_MS, completed, jobs_of, new_job, new_worker, released
from tests.conformance import children, steps

DEADLINE_S = 30


def run_threads(*acts):
    """Run each act in a thread of its own, all let go at once; return what they returned."""
    start = threading.Barrier(len(acts))
    results = [None] * len(acts)

    def run(place, act):
        start.wait(DEADLINE_S)
        results[place] = act()

    threads = [
        threading.Thread(target=run, args=(place, act), name=f"test-{place}", daemon=True)
        for place, act in enumerate(acts)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    assert not any(thread.is_alive() for thread in threads)
    return results


def flat(lists):
    """Return the items of all lists in one."""
    return [item for items in lists for item in items]


def test_two_connections_never_claim_the_same_job(engine, store):
    store.enqueue([new_job() for _ in range(200)], now_ms=NOW_MS)

    def take_all(worker):
        mine = engine.open()
        taken = []
        while claims := halves.claim(mine, worker=worker, limit=3, now_ms=NOW_MS):
            taken += claims
        return taken

    taken = flat(run_threads(*[lambda w=w: take_all(w) for w in range(1, 5)]))

    assert len(taken) == len({claim.job.number for claim in taken}) == 200
    assert len({claim.token for claim in taken}) == 200
    steps.assert_figures_are_true(store)


def test_the_hot_loop_of_many_workers_runs_every_job_once(engine, store):
    store.enqueue([new_job() for _ in range(120)], now_ms=NOW_MS)

    def work(worker):
        mine = engine.open()
        claims = halves.claim(mine, worker=worker, limit=2, now_ms=NOW_MS)
        held = []
        while claims:
            results = [completed(claim) for claim in claims]
            kept, claims = mine.finish_and_claim(results, worker=worker, limit=2, now_ms=NOW_MS)
            held += kept
        return held

    held = flat(run_threads(*[lambda w=w: work(w) for w in range(1, 5)]))

    assert held == [True] * 120
    assert steps.view(store).counts == {("default", State.COMPLETED): 120}
    assert steps.view(store).totals["complete"][0] == 120


def test_of_two_results_for_one_claim_one_holds(engine, store):
    claim = steps.claimed(store)
    acts = [
        lambda: halves.finish(engine.open(), [completed(claim)], now_ms=NOW_MS),
        lambda: halves.finish(engine.open(), [released(claim)], now_ms=NOW_MS),
    ]

    held = flat(run_threads(*acts))

    assert sorted(held) == [False, True]
    assert len(store.attempts(claim.job.number)) == 1
    steps.assert_figures_are_true(store)


def test_one_id_enqueued_by_many_at_once_makes_one_job(engine, store):
    def add():
        return engine.open().enqueue([new_job(id="a")], now_ms=NOW_MS, on_conflict="skip")

    added = flat(run_threads(*[add] * 6))

    assert Counter(one.created for one in added) == {True: 1, False: 5}
    assert len({one.number for one in added}) == 1


def test_workers_that_come_up_at_once_get_ids_of_their_own(engine, store):
    ids = run_threads(*[lambda: engine.open().register(new_worker(), now_ms=NOW_MS)] * 6)

    assert len(set(ids)) == 6
    assert sorted(row.id for row in store.workers()) == sorted(ids)


def test_two_rescuers_rescue_a_job_once(engine, store):
    steps.leave_behind(engine)

    def rescue():
        mine = engine.open()
        return [mine.rescue(dead, now_ms=NOW_MS) for dead in mine.take_dead_workers()]

    rescued = run_threads(rescue, rescue)

    assert sum(len(results) for found in rescued for results in found) == 1
    assert steps.view(store).totals["rescue"][0] == 1


def test_what_was_acknowledged_survives_a_kill(engine, store):
    with children.start(engine.url, "enqueue_without_end") as child:
        said = [child.line() for _ in range(20)] + child.kill()

    acknowledged = {int(line.split()[1]) for line in said}
    assert acknowledged <= {job.number for job in jobs_of(store)}
    steps.assert_figures_are_true(store)


def test_a_killed_writer_does_not_keep_others_out(engine, store):
    with children.start(engine.url, "enqueue_without_end") as child:
        child.line()
        child.kill()

    assert store.enqueue([new_job()], now_ms=NOW_MS)[0].created
