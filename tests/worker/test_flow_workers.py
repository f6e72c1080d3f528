"""Jobs that wait for each other and for mutexes, under real workers that are killed."""

from __future__ import annotations

import os
import signal

from queuectl_core.flow import After, Flow, Mutex
from queuectl_core.lifecycle import State
from tests.builders import new_job
from tests.worker.harness import CLOCK, until

ALONE = "mkdir taken || exit 3; sleep 0.0$QUEUECTL_JOB_ID; rmdir taken"
"""Fails, and would be seen as dead, where another one runs at the same time."""
WAIT_S = "while [ ! -e go ]; do sleep 0.01; done"


def add(bench, commands, **wishes):
    jobs = [
        new_job(one, cwd=str(bench.path), max_retries=1, flow=Flow(**wishes)) for one in commands
    ]
    return [one.number for one in bench.store.enqueue(jobs, now_ms=CLOCK.now_ms())]


def test_a_mutex_holds_across_workers_and_threads(bench):
    numbers = add(bench, [ALONE] * 30, mutex=Mutex("db"))

    workers = [bench.start(threads=3, drain=True) for _ in range(2)]

    assert [worker.exit_code() for worker in workers] == [0, 0]
    assert {bench.job(number).state for number in numbers} == {State.COMPLETED}


def test_a_mutex_of_a_killed_pool_goes_on_and_is_never_held_twice(bench):
    body = (
        f"echo $QUEUECTL_JOB_ID >> order; mkdir taken || exit 3; touch began; {WAIT_S}; rmdir taken"
    )
    first = bench.enqueue(f"rmdir taken 2> /dev/null; {body}", flow=Flow(mutex=Mutex("db")))
    others = add(bench, [body] * 3, mutex=Mutex("db"))
    bench.start(threads=4)
    bench.file("began")

    os.kill(bench.row().pool_pid, signal.SIGKILL)
    until(lambda: (bench.path / "order").read_text().split() == [str(first)] * 2)
    (bench.path / "go").touch()

    assert [bench.ended(number).state for number in [first, *others]] == [State.COMPLETED] * 4


def test_a_chain_over_two_workers_runs_in_its_order(bench):
    bench.enqueue("echo 1 >> order")
    for number in range(1, 12):
        bench.enqueue(
            f"echo {number + 1} >> order", flow=Flow(after=(After(f"#{number}"),)), queue="default"
        )

    workers = [bench.start(threads=2, drain=True) for _ in range(2)]

    assert [worker.exit_code() for worker in workers] == [0, 0]
    assert (bench.path / "order").read_text().split() == [str(n) for n in range(1, 13)]


def test_a_busy_worker_expires_what_it_can_not_start(bench):
    busy = bench.enqueue(f"touch began; {WAIT_S}")
    late = bench.enqueue(flow=Flow(expires_at_ms=CLOCK.now_ms() + 300))
    bench.start(threads=1)

    ended = bench.ended(late)
    (bench.path / "go").touch()

    assert (ended.state, ended.reason) == (State.CANCELLED, "expired")
    assert bench.ended(busy).state is State.COMPLETED
