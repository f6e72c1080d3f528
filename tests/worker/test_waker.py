from __future__ import annotations

from queuectl_core.flow import Flow
from queuectl_core.hook import NewHook
from queuectl_core.job import HOOKS_QUEUE
from queuectl_core.lifecycle import State
from queuectl_core.storage.sqlite.waiting import CHUNK
from queuectl_core.worker.waker import SLICE_MS, Waker
from tests import halves
from tests.builders import jobs_of, new_job


def expire_soon(store, clock, count):
    job = new_job(flow=Flow(expires_at_ms=clock.now_ms() + 5))
    store.enqueue([job] * count, now_ms=clock.now_ms())


def waiting(store):
    return sum(count.jobs for count in store.counts() if count.state is State.PENDING)


def test_jobs_expire_though_nobody_claims(store, clock):
    expire_soon(store, clock, 2 * CHUNK + 1)
    waker = Waker(store, clock)

    waker.look()
    assert waiting(store) == 2 * CHUNK + 1
    clock.advance(5)
    waker.look()

    assert waiting(store) == 0


def test_a_hook_is_told_of_a_job_that_takes_long(store, clock):
    slow = NewHook("slow", new_job("tell"), over_ms=1_000)
    store.hooks().add(slow, by="ada", now_ms=clock.now_ms())
    store.enqueue([new_job()], now_ms=clock.now_ms())
    halves.claim(store, worker=1, limit=1, now_ms=clock.now_ms())
    waker = Waker(store, clock)

    for _ in range(3):
        waker.look()
        clock.advance(1_000)

    assert len(jobs_of(store, queue=HOOKS_QUEUE)) == 1


def test_a_look_ends_after_its_slice(store, clock):
    expire_soon(store, clock, 3 * CHUNK)
    clock.advance(5)

    Waker(Slow(store, clock), clock).look()

    assert waiting(store) == 2 * CHUNK


class Slow:
    """A store that takes all of a slice for a chunk."""

    def __init__(self, store, clock):
        self._store = store
        self._clock = clock

    def settle_waiting(self, *, now_ms):
        self._clock.advance(SLICE_MS)
        return self._store.settle_waiting(now_ms=now_ms)

    def hooks(self):
        return self._store.hooks()
