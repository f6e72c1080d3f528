from __future__ import annotations

import os
import signal

import pytest

from queuectl_core.lifecycle import State
from queuectl_core.worker import supervisor
from tests.worker.harness import CLOCK, is_running, pid_in, until

FOR_EVER = "echo $$ > pid; echo > began; exec sleep 1000"


def lines(path):
    return path.read_text().split() if path.exists() else []


def signal_until_forced(worker):
    """Ask a second time, later than an echo of the first would come."""
    first_ms = CLOCK.monotonic_ms()
    worker.signal(signal.SIGTERM)
    until(lambda: CLOCK.monotonic_ms() - first_ms > supervisor.ECHO_MS + 100)
    worker.signal(signal.SIGTERM)


# --- drain ---


def test_drain_runs_all_jobs_and_ends(bench):
    numbers = [bench.enqueue(f"echo {index} >> done") for index in range(20)]

    code = bench.start(threads=3, drain=True).exit_code()

    assert code == 0
    assert {bench.job(number).state for number in numbers} == {State.COMPLETED}
    assert sorted(map(int, lines(bench.path / "done"))) == list(range(20))
    assert bench.store.workers() == []


def test_drain_stays_for_retries(bench):
    number = bench.enqueue("[ $QUEUECTL_ATTEMPT = 2 ]", backoff="0")

    code = bench.start(drain=True).exit_code()

    job = bench.job(number)
    assert (code, job.state, job.starts) == (0, State.COMPLETED, 2)


# --- stop ---


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_stop_lets_the_running_job_finish_and_starts_no_other(bench, signum):
    os.mkfifo(bench.path / "gate")
    running = bench.enqueue("echo > began; read word < gate; exit 0")
    waiting = bench.enqueue()
    worker = bench.start(threads=1)
    bench.file("began")

    worker.signal(signum)
    until(lambda: bench.row().stopping)
    (bench.path / "gate").write_text("go\n")

    assert worker.exit_code() == 0
    assert bench.job(running).state is State.COMPLETED
    assert (bench.job(waiting).state, bench.job(waiting).starts) == (State.PENDING, 0)


def test_a_second_signal_gives_the_job_back(bench):
    number = bench.enqueue(FOR_EVER)
    worker = bench.start()
    bench.file("began")

    signal_until_forced(worker)

    assert worker.exit_code() == 0
    job = bench.job(number)
    assert (job.state, job.attempts, job.starts) == (State.PENDING, 0, 1)
    assert not is_running(pid_in(bench.path / "pid"))


def test_quit_gives_the_job_back_at_once(bench):
    number = bench.enqueue(FOR_EVER)
    worker = bench.start()
    bench.file("began")

    worker.signal(signal.SIGQUIT)

    assert worker.exit_code() == 0
    assert (bench.job(number).state, bench.job(number).attempts) == (State.PENDING, 0)


def test_two_signals_within_a_second_count_as_one(bench):
    os.mkfifo(bench.path / "gate")
    number = bench.enqueue("echo > began; read word < gate; exit 0")
    worker = bench.start()
    bench.file("began")

    worker.signal(signal.SIGINT)
    worker.signal(signal.SIGTERM)
    until(lambda: bench.row().stopping)
    (bench.path / "gate").write_text("go\n")

    assert worker.exit_code() == 0
    assert bench.job(number).state is State.COMPLETED


def test_the_stop_timeout_gives_the_job_back(bench):
    bench.configure(**{"stop-timeout": 0.1})
    number = bench.enqueue(FOR_EVER)
    worker = bench.start()
    bench.file("began")

    worker.signal(signal.SIGTERM)

    assert worker.exit_code() == 0
    assert (bench.job(number).state, bench.job(number).attempts) == (State.PENDING, 0)


def test_a_hangup_that_nohup_ignores_stays_ignored(bench):
    worker = bench.start(preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    bench.row()

    worker.signal(signal.SIGHUP)
    number = bench.enqueue()

    assert bench.ended(number).state is State.COMPLETED
    assert not bench.row().stopping


def test_an_idle_worker_stops_at_once(bench):
    worker = bench.start()
    bench.row()

    worker.signal(signal.SIGTERM)

    assert worker.exit_code(5) == 0


# --- deaths ---

FLED = {
    "plain": "",
    "setsid": "setsid sleep 1000 & echo $! > fled",
    "double fork": "(setsid sh -c 'echo $$ > fled; exec sleep 1000' >/dev/null 2>&1 &)",
    "without its environment": "(env -i setsid sh -c 'echo $$ > fled; exec sleep 1000' &)",
}
ONCE = "[ $QUEUECTL_ATTEMPT = 1 ] || exit 0"


@pytest.mark.parametrize("fled", FLED)
def test_a_killed_pool_leaves_nothing_and_its_job_runs_again(bench, fled):
    wait = "until [ -s fled ]; do :; done" if FLED[fled] else ""
    number = bench.enqueue(f"{ONCE}\n{FLED[fled]}\n{wait}\n{FOR_EVER}")
    bench.start()
    bench.file("began")

    os.kill(bench.row().pool_pid, signal.SIGKILL)

    job = bench.ended(number)
    assert (job.state, job.starts, job.crashes) == (State.COMPLETED, 2, 1)
    assert not is_running(pid_in(bench.path / "pid"))
    assert fled == "plain" or not is_running(pid_in(bench.path / "fled"))


@pytest.mark.parametrize("fled", ["plain", "setsid", "double fork"])
def test_the_next_worker_cleans_up_after_one_that_died_whole(bench, fled):
    wait = "until [ -s fled ]; do :; done" if FLED[fled] else ""
    number = bench.enqueue(f"{ONCE}\n{FLED[fled]}\n{wait}\n{FOR_EVER}")
    first = bench.start()
    bench.file("began")
    pool = bench.row().pool_pid
    first.process.kill()
    os.kill(pool, signal.SIGKILL)
    first.process.wait()

    code = bench.start(drain=True).exit_code()

    job = bench.job(number)
    assert (code, job.state, job.starts) == (0, State.COMPLETED, 2)
    assert not is_running(pid_in(bench.path / "pid"))
    assert fled == "plain" or not is_running(pid_in(bench.path / "fled"))


def test_a_running_worker_takes_over_from_a_dead_one(bench):
    number = bench.enqueue(f"{ONCE}; {FOR_EVER}")
    first = bench.start()
    bench.file("began")
    (row,) = bench.store.workers()
    bench.start()
    until(lambda: len(bench.store.workers()) == 2)

    first.process.kill()
    os.kill(row.pool_pid, signal.SIGKILL)

    assert bench.ended(number).state is State.COMPLETED
    assert not is_running(pid_in(bench.path / "pid"))


def test_a_pool_without_its_supervisor_finishes_its_jobs_and_stops(bench):
    os.mkfifo(bench.path / "gate")
    number = bench.enqueue("echo > began; read word < gate; exit 0")
    worker = bench.start()
    bench.file("began")
    pool = bench.row().pool_pid

    worker.process.kill()
    worker.process.wait()
    until(lambda: bench.row().stopping)
    (bench.path / "gate").write_text("go\n")

    until(lambda: not is_running(pool))
    assert bench.job(number).state is State.COMPLETED
    assert bench.store.workers() == []


def test_a_job_that_kills_its_pool_thrice_is_poison(bench):
    number = bench.enqueue("kill -9 $PPID; sleep 1000", max_retries=9)
    bench.start()

    job = bench.ended(number)

    assert (job.state, job.reason, job.crashes) == (State.DEAD, "poison", 3)


def test_a_stop_while_no_pool_runs_is_heard(bench):
    worker = bench.start()
    os.kill(bench.row().pool_pid, signal.SIGKILL)
    until(lambda: "the pool died" in worker.log.read_text())

    worker.signal(signal.SIGTERM)

    worker.exit_code(5)


def test_a_pool_is_missed_even_where_the_parent_ignored_sigchld(bench):
    number = bench.enqueue("[ $QUEUECTL_ATTEMPT = 2 ] || { echo > began; exec sleep 1000; }")
    bench.start(preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
    bench.file("began")

    os.kill(bench.row().pool_pid, signal.SIGKILL)

    until(lambda: bench.job(number).state == State.COMPLETED, 5_000)


def test_a_worker_with_stderr_closed_works_and_stops(bench):
    number = bench.enqueue()
    worker = bench.start(drain=True, preexec_fn=lambda: os.close(2))

    assert worker.exit_code() == 0
    assert bench.job(number).state is State.COMPLETED


def test_a_supervisors_messages_are_in_the_workers_log_once(bench):
    number = bench.enqueue("[ $QUEUECTL_ATTEMPT = 3 ] || { kill -9 $PPID; sleep 1000; }")
    bench.start()

    bench.ended(number)

    log = until(lambda: next((bench.path / "logs").glob("worker-*.log"))).read_text()
    assert log.count("the pool died") == 2
