"""kill -9 of each process of a worker: its jobs' processes are gone before the jobs run again."""

from __future__ import annotations

import os
import signal
import sys
import time

import pytest

from tests.binary.sandbox import eventually, runs

pytestmark = pytest.mark.binary

PROMISED_S = 5.0
"""Jobs of a dead worker start again within this on any other worker, or at the next start."""
FAMILY = """\
if [ "$QUEUECTL_ATTEMPT" = 1 ]; then
    echo $$ >>pids
    sh -c 'echo $$ >>pids; exec sleep 1000' &
    setsid sh -c 'echo $$ >>pids; exec sleep 1000' &
    setsid sh -c 'sh -c "echo \\$\\$ >>pids; exec sleep 1000" &' &
    while [ "$(wc -l <pids)" -lt 4 ]; do sleep 0.05; done
    mv pids family
    sleep 1000
fi
for pid in $(cat family); do
    grep -s '^State:' /proc/$pid/status | grep -v Z >>survivors
done
touch again
"""
"""A job with a child in its group, one in another session, and a daemon that forked twice. Its
second attempt looks for all of them first."""


@pytest.fixture
def family(sandbox):
    """Return a worker that runs the job `family`."""
    sandbox.ok("config", "set", "stop-timeout", "0.5")
    sandbox.ok("config", "set", "kill-grace", "0.5")
    worker = sandbox.start_worker()
    sandbox.enqueue(FAMILY, "--id", "family")
    sandbox.await_file("family")
    assert all(map(runs, sandbox.numbers("family")))
    return worker


def ran_again_alone(sandbox, since, what, capsys):
    """The second attempt came in time and met nobody of the first."""
    sandbox.await_file("again", within_s=30)
    took_s = time.monotonic() - since
    with capsys.disabled():
        sys.stderr.write(f"\n  {what}: the job ran again after {took_s:.2f} s ")
    assert (sandbox.root / "survivors").read_text() == ""
    assert sandbox.finished("family")["family"]["state"] == "completed"
    assert len(sandbox.job("family")["history"]) == 2
    assert took_s < PROMISED_S


def test_a_killed_pool_is_replaced_and_its_job_runs_again(sandbox, family, capsys):
    since = time.monotonic()
    os.kill(family.pool, signal.SIGKILL)

    ran_again_alone(sandbox, since, "pool killed", capsys)
    assert sandbox.job("family")["attempts"] == 2
    family.signal(signal.SIGTERM)
    assert family.await_end() == 0


def test_a_killed_supervisor_takes_its_worker_along(sandbox, family, capsys):
    os.kill(family.supervisor, signal.SIGKILL)

    eventually(lambda: not runs(family.pool), within_s=10, of="the pool has ended")
    assert "Traceback" not in family.log
    since = time.monotonic()
    sandbox.launch_worker()
    ran_again_alone(sandbox, since, "supervisor killed", capsys)


def test_a_worker_killed_as_a_whole_is_rescued_by_the_next_start(sandbox, family, capsys):
    family.kill_all()
    assert sandbox.run("worker", "health").code in {1, 3}
    assert sandbox.state("family") == "processing"

    since = time.monotonic()
    sandbox.launch_worker()
    ran_again_alone(sandbox, since, "all killed, next start", capsys)
    assert sandbox.job("family")["attempts"] == 2


def test_a_worker_killed_as_a_whole_is_rescued_by_another_that_runs(sandbox, family, capsys):
    sandbox.start_worker()

    since = time.monotonic()
    family.kill_all()
    ran_again_alone(sandbox, since, "all killed, another runs", capsys)


def test_a_job_that_kills_its_worker_three_times_is_dead(sandbox):
    worker = sandbox.start_worker()
    sandbox.enqueue("kill -9 $PPID; sleep 1000", "--id", "poison", "--retries", "9")
    after = sandbox.enqueue("true")

    finished = sandbox.finished("poison", after)

    assert (finished["poison"]["state"], finished["poison"]["reason"]) == ("dead", "poison")
    assert finished[after]["state"] == "completed"
    assert len(sandbox.job("poison")["history"]) == 3
    worker.signal(signal.SIGTERM)
    assert worker.await_end() == 0


def test_nothing_of_a_finished_job_is_left_behind(busy):
    name = busy.enqueue("sleep 1000 & setsid sleep 1000 & (setsid sleep 1000 &); echo $$; exit 0")
    finished = busy.finished(name)[name]

    assert finished["state"] == "completed"
    mark = f"QUEUECTL_JOB_ID={name}".encode()
    eventually(lambda: not _marked(busy, mark), within_s=5, of="the job's children are gone")


def _marked(sandbox, mark):
    paths = [f"/proc/{pid}/environ" for pid in sandbox.processes()]
    found = []
    for path in paths:
        try:
            with open(path, "rb") as file:
                if mark in file.read().split(b"\0"):
                    found.append(path)
        except OSError:
            continue
    return found
