"""Jobs with `on_crash`, under workers whose processes are really killed."""

from __future__ import annotations

import os
import signal

import pytest

from queuectl_core.lifecycle import State
from tests.worker.harness import CLOCK, is_running, pid_in, until

FOR_EVER = "echo x >> starts; echo $$ > pid; touch began; exec sleep 1000"
REASONS = {"fail": "interrupted", "hold": "held"}
ONCE = pytest.mark.parametrize("on_crash", REASONS)


def kill_pool(bench):
    """Kill the pool's process while its job runs; the supervisor makes another."""
    bench.file("began")
    before = bench.row().pool_pid
    os.kill(before, signal.SIGKILL)
    until(lambda: bench.row().pool_pid != before)


def starts(bench):
    return (bench.path / "starts").read_text().count("x")


@ONCE
def test_a_job_that_must_not_repeat_is_dead_once_its_pool_was_killed(bench, on_crash):
    number = bench.enqueue(FOR_EVER, on_crash=on_crash)
    bench.start(threads=1)

    kill_pool(bench)

    job = bench.ended(number)
    assert (job.state, job.reason) == (State.DEAD, REASONS[on_crash])
    assert not is_running(pid_in(bench.path / "pid"))
    after = bench.enqueue()  # the one thread is free for it: nothing else runs
    assert bench.ended(after).state is State.COMPLETED
    assert starts(bench) == 1


def test_a_job_that_may_repeat_runs_again_beside_one_that_must_not(bench):
    once = bench.enqueue(FOR_EVER, on_crash="fail")
    again = bench.enqueue('[ "$QUEUECTL_ATTEMPT" = 2 ] || exec sleep 1000')
    bench.start(threads=2)
    until(lambda: bench.job(again).state is State.PROCESSING)

    kill_pool(bench)

    assert bench.ended(again).state is State.COMPLETED
    assert bench.ended(once).reason == "interrupted"
    assert starts(bench) == 1


@ONCE
def test_a_worker_that_died_whole_leaves_the_burial_to_the_next_one(bench, on_crash):
    number = bench.enqueue(FOR_EVER, on_crash=on_crash)
    worker = bench.start(threads=1)
    bench.file("began")
    pool = bench.row().pool_pid
    for pid in (worker.pid, pool):
        os.kill(pid, signal.SIGKILL)
    worker.exit_code()
    until(lambda: not is_running(pool))

    bench.start(drain=True)

    assert bench.ended(number).reason == REASONS[on_crash]
    assert not is_running(pid_in(bench.path / "pid"))
    assert starts(bench) == 1


@ONCE
def test_a_forced_stop_does_not_give_back_a_job_that_must_not_repeat(bench, on_crash):
    number = bench.enqueue(FOR_EVER, on_crash=on_crash)
    worker = bench.start(threads=1)
    bench.file("began")

    worker.signal(signal.SIGQUIT)

    assert worker.exit_code() == 0
    job = bench.job(number)
    assert (job.state, job.reason, job.attempts) == (State.DEAD, REASONS[on_crash], 1)
    assert job.error == "ended by the stop of its worker"
    assert bench.start(drain=True).exit_code() == 0
    assert starts(bench) == 1


def test_a_held_job_runs_again_when_a_person_says_so(bench):
    number = bench.enqueue(f"[ -e go ] || {{ {FOR_EVER}; }}", on_crash="hold")
    bench.start(threads=1)
    kill_pool(bench)
    bench.ended(number)
    (bench.path / "go").touch()

    bench.store.revive([number], now_ms=CLOCK.now_ms())

    assert bench.ended(number).state is State.COMPLETED
    assert bench.job(number).starts == 2
