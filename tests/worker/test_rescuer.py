from __future__ import annotations

import os
import subprocess

import pytest

from queuectl_core.errors import StorageBusy, StorageFull
from queuectl_core.run import Claim
from queuectl_core.storage.records import DeadWorker
from queuectl_core.worker import processes, rescuer
from queuectl_core.worker.reserve import SLICE_BYTES, WHOLE_BYTES, Reserve
from tests.builders import job
from tests.worker.harness import is_running

TOKEN = -(os.getpid() << 20)


RESERVE = Reserve("/nowhere/queue.db.reserve")


class SpyStore:
    """Gives dead workers; notes whether their processes still ran when each was rescued."""

    def __init__(self, dead, error=None):
        self._dead = list(dead)
        self._error = error
        self.running = []
        self.watched = []

    def take_dead_workers(self):
        return self._dead

    def rescue(self, dead, **_):
        self.running.append([pid for pid in self.watched if is_running(pid)])
        if self._error is not None:
            raise self._error
        dead.release()
        return [dead] * len(dead.claims)


@pytest.fixture
def dead_worker():
    """Make a dead worker with claims of these tokens, whose hold is an open descriptor."""

    def dead_worker(*tokens):
        claims = tuple(Claim(job(token=token), token) for token in tokens)
        return DeadWorker(1, claims, os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC))

    return dead_worker


@pytest.fixture
def left_running():
    """Start a process that bears a token, as a dead worker's job; it is killed in the end."""
    started = []

    def left_running(token):
        env = dict(os.environ) | {processes.TOKEN_VARIABLE: str(token)}
        started.append(subprocess.Popen(["sleep", "1000"], env=env))
        return started[-1].pid

    yield left_running
    for process in started:
        process.kill()
        process.wait()


def is_open(fd):
    return os.path.exists(f"/proc/self/fd/{fd}")


def test_the_processes_are_gone_before_the_jobs_come_back(dead_worker, left_running, clock):
    store = SpyStore([dead_worker(TOKEN, TOKEN - 1)])
    store.watched = [left_running(TOKEN), left_running(TOKEN - 1)]

    assert rescuer.rescue_all(store, clock, RESERVE) == 2

    assert store.running == [[]]


def test_processes_of_other_claims_stay(dead_worker, left_running, clock):
    other = left_running(TOKEN - 2)

    rescuer.rescue_all(SpyStore([dead_worker(TOKEN)]), clock, RESERVE)

    assert is_running(other)


def test_a_worker_without_claims_is_forgotten(dead_worker, clock):
    assert rescuer.rescue_all(SpyStore([dead_worker()]), clock, RESERVE) == 0


def test_a_worker_that_could_not_be_rescued_is_let_go(dead_worker, clock):
    dead = dead_worker(TOKEN)

    with pytest.raises(StorageBusy):
        rescuer.rescue_all(SpyStore([dead], StorageBusy()), clock, RESERVE)

    assert not is_open(dead.hold)


def test_a_rescue_that_fails_lets_go_the_other_dead_too(dead_worker, clock):
    dead = [dead_worker(TOKEN), dead_worker(TOKEN - 1)]

    with pytest.raises(StorageBusy):
        rescuer.rescue_all(SpyStore(dead, StorageBusy()), clock, RESERVE)

    assert [is_open(one.hold) for one in dead] == [False, False]


def test_a_rescue_on_a_full_disk_is_recorded_with_the_reserve(dead_worker, clock, tmp_path):
    reserve = Reserve(str(tmp_path / "reserve"))
    reserve.create()
    dead = dead_worker(TOKEN)
    store = FullStore([dead], refusals=3)

    assert rescuer.rescue_all(store, clock, reserve) == 1

    assert (tmp_path / "reserve").stat().st_size == WHOLE_BYTES - 3 * SLICE_BYTES
    assert reserve.disk_is_full


def test_a_rescue_without_room_or_reserve_is_left_to_others(dead_worker, clock):
    dead = dead_worker(TOKEN)

    with pytest.raises(StorageFull):
        rescuer.rescue_all(FullStore([dead], refusals=1), clock, RESERVE)

    assert not is_open(dead.hold)


class FullStore(SpyStore):
    """A store on a disk that takes nothing at first."""

    def __init__(self, dead, refusals):
        super().__init__(dead)
        self._refusals = refusals

    def rescue(self, dead, **rest):
        if self._refusals:
            self._refusals -= 1
            raise StorageFull
        return super().rescue(dead, **rest)
