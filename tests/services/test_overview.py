from __future__ import annotations

from queuectl_core.lifecycle import State
from queuectl_core.services.overview import Watcher
from tests import halves
from tests.builders import NOW_MS, buried, completed, new_job, new_worker


def test_an_overview_tells_of_states_queues_workers_and_running_jobs(store, clock):
    store.register(new_worker(threads=2), now_ms=NOW_MS)
    store.enqueue([new_job(queue="mail"), new_job(queue="mail"), new_job()], now_ms=NOW_MS)
    halves.claim(store, worker=1, limit=1, now_ms=NOW_MS)
    clock.advance(3_000)

    found = Watcher(clock).look(store)

    assert found.counts[State.PENDING] == 2
    assert [job.number for job in found.running] == [1]
    assert [(row.name, row.depth, row.oldest_due_ms) for row in found.queues] == [
        ("default", 1, 3_000), ("mail", 1, 3_000),
    ]  # fmt: skip
    assert [row.state for row in found.crew] == ["ok"]
    assert found.rates == {}


def test_rates_are_events_a_second_since_the_first_look(store, clock):
    watcher = Watcher(clock)
    watcher.look(store)
    store.enqueue([new_job()] * 4, now_ms=clock.now_ms())
    for how in (completed, completed, buried):
        (claim,) = halves.claim(store, worker=1, limit=1, now_ms=clock.now_ms())
        halves.finish(store, [how(claim)], now_ms=clock.now_ms())
    clock.advance(2_000)

    rates = watcher.look(store).rates

    assert rates == {"added": 2.0, "started": 1.5, "completed": 1.0, "failed": 0.5}


def test_rates_forget_what_is_longer_ago_than_a_minute(store, clock):
    watcher = Watcher(clock)
    watcher.look(store)
    store.enqueue([new_job()] * 60, now_ms=clock.now_ms())
    clock.advance(30_000)
    assert watcher.look(store).rates["added"] == 2.0

    clock.advance(40_000)

    assert watcher.look(store).rates["added"] == 0.0
