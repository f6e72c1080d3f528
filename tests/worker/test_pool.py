from __future__ import annotations

import errno
import os
import threading

import pytest

from queuectl_core import home
from queuectl_core.errors import Exhausted, StorageBusy, StorageDamaged
from queuectl_core.lifecycle import State
from queuectl_core.run import Ending
from queuectl_core.worker import pool
from queuectl_core.worker.executor import Stopper
from queuectl_core.worker.plan import Plan
from queuectl_core.worker.pool import Pool
from queuectl_core.worker.trimmer import TRIM_BYTES
from tests import halves
from tests.builders import NOW_MS, completed, jobs_of, new_job, retried
from tests.worker.fakes import SETTINGS
from tests.worker.harness import CLOCK, is_running, pid_in, until

FOR_EVER = "echo $$ > pid; echo > began; exec sleep 1000"


def log_of(bench):
    return until(lambda: next((bench.path / "logs").glob("worker-*.log"), None)).read_text()


# --- in a process of its own ---


def test_a_running_job_is_cancelled(bench):
    number = bench.enqueue(FOR_EVER)
    bench.start()
    bench.file("began")

    bench.store.cancel([number], now_ms=CLOCK.now_ms())

    job = bench.ended(number)
    assert (job.state, job.signal) == (State.CANCELLED, 15)
    assert not is_running(pid_in(bench.path / "pid"))


def test_an_idle_pool_is_woken_by_an_enqueue(bench):
    bench.start()
    bench.row()
    bench.enqueue()

    number = bench.enqueue()

    assert bench.ended(number).state is State.COMPLETED


def test_new_settings_are_taken_while_running(bench):
    bench.start()
    bench.row()
    until(lambda: "2 threads" in log_of(bench))

    bench.configure(**{"job-timeout": 0.05})
    until(lambda: "new settings taken" in log_of(bench))
    number = bench.enqueue("exec sleep 1000", max_retries=1)

    job = bench.ended(number)
    assert (job.state, job.reason) == (State.DEAD, "timeout")


def test_a_broken_config_keeps_the_last_good_settings(bench):
    bench.configure(**{"job-timeout": 0.05})
    bench.start()
    bench.row()
    until(lambda: "2 threads" in log_of(bench))

    bench.configure("{ broken")
    until(lambda: "the last good settings stay in force" in log_of(bench))
    number = bench.enqueue("exec sleep 1000", max_retries=1)

    assert bench.ended(number).reason == "timeout"


def test_a_daemon_without_its_environment_ends_when_the_pool_is_idle(bench):
    number = bench.enqueue(
        "(env -i setsid sh -c 'echo $$ > pid; exec sleep 1000' &)\nuntil [ -s pid ]; do :; done"
    )
    bench.start()
    bench.ended(number)

    pid = pid_in(bench.path / "pid")

    until(lambda: not is_running(pid))


# --- in this process: what the caretaker does in one turn ---


@pytest.fixture
def made(tmp_path, clock, monkeypatch):
    """Make a pool whose threads do not run; return it."""
    tmp_path.chmod(0o700)
    monkeypatch.setattr(pool.worklog, "write_to", lambda _: None)
    ear, mouth = os.pipe2(os.O_CLOEXEC)
    where = home.Home(str(tmp_path))
    plan = Plan(where, str(tmp_path / "queue.db"), SETTINGS, 1, None, False, {})
    pool_of_one = Pool(plan, control=ear, clock=clock)
    yield pool_of_one
    pool_of_one._bell.close()
    pool_of_one._store.close()
    for worker in pool_of_one._workers:
        worker.stopper.close()
    os.close(ear)
    os.close(mouth)


def test_a_pool_that_starts_anew_takes_the_settings_of_now(tmp_path, made, clock):
    (tmp_path / "config.json").write_text('{"job_timeout": 7}')
    ear, mouth = os.pipe2(os.O_CLOEXEC)
    successor = Pool(made._plan, control=ear, clock=clock)

    successor._tend()
    taken = successor._crew.settings.job_timeout

    successor._bell.close()
    successor._store.close()
    os.close(ear)
    os.close(mouth)
    assert taken == 7


class ClosedOnce(Stopper):
    """Knows whether it was closed."""

    closed = False

    def close(self):
        if not self.closed:
            super().close()
        self.closed = True


class IdleThread(pool.Worker):
    """A worker thread that was never started: it looks dead."""

    def __init__(self, crew, slot):
        super().__init__(crew, slot)
        self.stopper.close()
        self.stopper = ClosedOnce()
        self.done.set()


class Busy:
    """A store that is too busy for a heartbeat."""

    def __init__(self, store):
        self._store = store

    def __getattr__(self, name):
        return getattr(self._store, name)

    def heartbeat(self, *_, **__):
        raise StorageBusy


def test_a_forced_stop_is_not_lost_over_a_busy_store(made):
    store, made._store = made._store, Busy(made._store)
    try:
        made._obey(pool.GRACEFUL + pool.NOW)
    except StorageBusy:
        pass
    made._store = store

    assert made._crew.forced.is_set()


def test_a_forced_stop_reaches_each_running_claim(made):
    made._store.enqueue([new_job()], now_ms=NOW_MS)
    (claim,) = halves.claim(made._store, worker=made._id, limit=1, now_ms=NOW_MS)
    worker = IdleThread(made._crew, 1)
    worker.claim = claim
    made._workers = [worker]

    made._obey(pool.NOW)

    assert worker.stopper.wish_for(claim.token) is Ending.RELEASED


def test_a_job_that_was_claimed_ahead_can_be_cancelled(made):
    made._store.enqueue([new_job()], now_ms=NOW_MS)
    (claim,) = halves.claim(made._store, worker=made._id, limit=1, now_ms=NOW_MS)
    made._crew.shelf.lay_by([claim], 0)
    made._store.cancel([claim.job.number], now_ms=NOW_MS)

    made._cancel()

    assert made._crew.shelf.is_empty()
    assert made._store.job_by_number(claim.job.number).state is State.CANCELLED


def test_a_dead_thread_leaves_what_nobody_recorded_to_its_successor(made):
    made._store.enqueue([new_job()], now_ms=NOW_MS)
    (claim,) = halves.claim(made._store, worker=made._id, limit=1, now_ms=NOW_MS)
    dead = IdleThread(made._crew, 1)
    dead.claim = claim
    dead.owed = [completed(claim)]
    made._workers = [dead]

    made._replace_dead()
    made._stop()
    made._workers[0].join(20)

    job = made._store.job_by_number(claim.job.number)
    assert (job.state, job.crashes) == (State.COMPLETED, 0)
    dead.stopper.close()


def test_the_end_of_the_control_pipe_is_a_stop_and_wakes_only_once(made):
    made._obey(b"")

    assert made._crew.stopping.is_set()
    assert not made._crew.forced.is_set()
    os.set_blocking(made._control, False)
    with pytest.raises(BlockingIOError):
        os.read(made._control, 1)


@pytest.fixture
def few_threads(monkeypatch):
    """Let the kernel give this many threads, then no more."""
    real = threading._start_new_thread

    def few_threads(count):
        left = iter(range(count))

        def start(*args):
            if next(left, None) is None:
                raise RuntimeError("can't start new thread")
            return real(*args)

        monkeypatch.setattr(threading, "_start_new_thread", start)

    return few_threads


def test_a_pool_that_lacks_one_thread_claims_nothing_and_leaves(made, few_threads):
    number = made._store.enqueue([new_job()], now_ms=NOW_MS)[0].number
    made._plan = made._plan._replace(threads=3)
    few_threads(2)

    with pytest.raises(Exhausted, match="3 threads can't start: too few processes"):
        made.run()

    assert (len(made._workers), made._store.job_by_number(number).starts) == (2, 0)
    assert made._store.workers() == []
    made._crew.stopping.set()
    made._crew.room.ring()
    for worker in made._workers:
        worker.join(20)


def test_a_dead_thread_whose_successor_can_not_start_is_left_for_later(made, few_threads):
    made._workers = [IdleThread(made._crew, 1)]
    few_threads(0)

    with pytest.raises(RuntimeError):
        made._replace_dead()
    assert made._workers[0].done.is_set()
    few_threads(9)
    made._replace_dead()

    made._stop()
    made._workers[0].join(20)
    assert made._workers[0].done.is_set()


@pytest.mark.parametrize(
    "error", [OSError(errno.EMFILE, "words"), RuntimeError("can't start new thread"), StorageBusy()]
)
def test_what_a_caretaker_lacks_is_put_off_and_said_once(made, clock, caplog, error):
    for _ in range(3):
        made._crew.put_off(error, pool.TEND_EVERY_MS)

    assert len(caplog.messages) == 1
    assert clock.waits_ms == [pool.TEND_EVERY_MS] * 3


class Torn(Busy):
    """A store that finds damage when it looks for the next job."""

    def next_start_ms(self, **_):
        raise StorageDamaged("torn")


def test_damage_that_a_look_for_jobs_meets_ends_the_pool(made, caplog):
    made._store = Torn(made._store)

    code = made.run()
    made._bell = made._store.bell(made._id)

    assert code == 74
    assert "torn" in caplog.text


def test_a_bug_of_a_caretaker_is_not_put_off(made):
    with pytest.raises(KeyError):
        made._crew.put_off(KeyError(), 1)


def test_on_a_full_disk_no_job_is_forgotten(made, monkeypatch):
    made._store.enqueue([new_job()], now_ms=NOW_MS)
    (claim,) = halves.claim(made._store, worker=made._id, limit=1, now_ms=NOW_MS)
    halves.finish(made._store, [completed(claim)], now_ms=NOW_MS)
    made._clock.advance(400 * 24 * 3600 * 1000)
    made._reserve.declare_full()

    made._prune()
    kept = made._store.job_by_number(claim.job.number)
    made._reserve.refill()
    made._prune()

    assert kept is not None
    assert made._store.job_by_number(claim.job.number) is None


def test_a_dead_thread_is_replaced_and_its_job_counts_as_crashed(made, caplog):
    made._store.enqueue([new_job()], now_ms=NOW_MS)
    (claim,) = halves.claim(made._store, worker=made._id, limit=1, now_ms=NOW_MS)
    dead = IdleThread(made._crew, 1)
    dead.claim = claim
    made._workers = [dead]
    made._crew.execute = lambda *_: (_ for _ in ()).throw(AssertionError)

    made._replace_dead()

    (successor,) = made._workers
    until(lambda: made._store.job_by_number(claim.job.number).crashes == 1)
    made._stop()
    successor.join(20)
    assert not successor.is_alive()
    assert "worker-1 died; another takes its place" in caplog.text
    dead.stopper.close()


def test_a_replaced_thread_leaves_no_descriptors(made):
    dead = IdleThread(made._crew, 1)
    made._workers = [dead]

    made._replace_dead()
    made._stop()
    made._workers[0].join(20)

    closed = dead.stopper.closed
    dead.stopper.close()
    assert closed


def test_the_caretaker_sleeps_until_the_next_job_comes_due(made, clock):
    made._turn(set())
    made._store.enqueue([new_job(run_at_ms=NOW_MS + 300)], now_ms=NOW_MS)

    assert made._patience_ms() == 300
    clock.advance(299)
    assert made._patience_ms() == 1


def test_due_jobs_ring_the_idle_room(made):
    rings = made._crew.room.rings()
    made._store.enqueue([new_job()], now_ms=NOW_MS)

    made._patience_ms()

    assert made._crew.room.rings() == rings + 1


def test_a_draining_worker_says_once_what_it_stays_for(made, caplog):
    caplog.set_level("INFO")
    made._plan = made._plan._replace(drain=True)
    made._store.enqueue([new_job()], now_ms=NOW_MS)
    (claim,) = halves.claim(made._store, worker=made._id, limit=1, now_ms=NOW_MS)
    later_ms = made._clock.now_ms() + 3_600_000
    halves.finish(made._store, [retried(claim, run_at_ms=later_ms)], now_ms=NOW_MS)

    made._look_after_drain()
    made._look_after_drain()

    assert not made._crew.stopping.is_set()
    assert caplog.text.count("stays for jobs that wait for a retry") == 1


def test_the_first_turn_prunes_with_the_settings_of_now(made, tmp_path):
    (tmp_path / "config.json").write_text('{"keep_finished_count": 1}')
    numbers = [one.number for one in made._store.enqueue([new_job()] * 2, now_ms=NOW_MS)]
    for claim in halves.claim(made._store, worker=made._id, limit=2, now_ms=NOW_MS):
        halves.finish(made._store, [completed(claim)], now_ms=NOW_MS)

    made._turn(set())

    assert [job.number for job in jobs_of(made._store)] == numbers[1:]


@pytest.mark.parametrize(("more", "pause_ms"), [(True, pool.PRUNE_PAUSE_MS), (False, 60_000)])
def test_a_round_of_pruning_goes_on_after_a_pause(made, clock, monkeypatch, more, pause_ms):
    monkeypatch.setattr(made._pruner, "work", lambda _: more)

    made._turn(set())

    assert made._pruning.next_ms == clock.monotonic_ms() + pause_ms


def test_a_turn_empties_a_long_log(made, tmp_path):
    log = tmp_path / "queue.db-wal"
    made._store.enqueue([new_job("x" * 1_000_000)] * 5, now_ms=NOW_MS)
    assert log.stat().st_size > TRIM_BYTES

    made._turn(set())

    assert log.stat().st_size <= TRIM_BYTES


def test_settings_that_are_being_written_are_taken_when_they_are_there(made, tmp_path):
    file = tmp_path / "config.json"
    file.write_text('{"job_timeout": 7}')
    made._reload_settings()
    file.write_text("")

    made._reload_settings()
    meanwhile = made._crew.settings.job_timeout
    file.write_text('{"job_timeout": 8}')
    made._reload_settings()

    assert (meanwhile, made._crew.settings.job_timeout) == (7, 8)
