from __future__ import annotations

from queuectl_core.flow import Flow
from queuectl_core.lifecycle import State
from queuectl_core.storage.sqlite.waiting import CHUNK
from queuectl_core.worker.waker import SLICE_MS, Waker
from tests.builders import new_job


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
