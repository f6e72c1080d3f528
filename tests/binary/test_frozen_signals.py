"""Signals to a frozen worker: three processes, one of which passes on what the others got."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pytest

from tests.binary.sandbox import eventually, parent, runs

pytestmark = pytest.mark.binary

ECHO_S = 1.0
"""Two signals within this count as one."""
PATIENT = (
    "trap 'touch terminated; exit 1' TERM; touch started; while ! test -e go; do sleep 0.05; done"
)
"""A job that runs until the test says go; a forced stop leaves a trace."""


@pytest.fixture
def running(sandbox):
    """Return a worker that runs the job `patient`."""
    worker = sandbox.start_worker()
    sandbox.enqueue(PATIENT, "--id", "patient")
    sandbox.await_file("started")
    return worker


def ends_gracefully(sandbox, worker):
    """Let the job go on once the worker wants to stop: it completes, and its worker exits 0."""
    worker.await_stopping()
    sandbox.ok("status")  # some time in which a second signal would have done its work
    sandbox.touch("go")
    code = worker.await_end()
    job = sandbox.job("patient")
    assert not (sandbox.root / "terminated").exists()
    assert (code, job["state"], job["attempts"]) == (0, "completed", 1)
    assert sandbox.processes() == []
    assert os.listdir(sandbox.tmp) == []


def was_given_back(sandbox):
    """The job is as if it had not started: nobody's fault."""
    job = sandbox.job("patient")
    assert (job["state"], job["attempts"]) == ("pending", 0)
    assert [attempt["ending"] for attempt in job["history"]] == ["released"]
    assert sandbox.processes() == []


def test_a_signal_to_the_pid_of_the_shell_stops_gracefully(sandbox, running):
    running.signal(signal.SIGTERM)

    ends_gracefully(sandbox, running)


def test_a_signal_to_the_python_process_stops_gracefully(sandbox, running):
    os.kill(running.supervisor, signal.SIGTERM)

    ends_gracefully(sandbox, running)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_whole_group_counts_once(sandbox, running, signum):
    os.killpg(running.loader, signum)

    ends_gracefully(sandbox, running)


def test_ctrl_c_on_a_terminal_stops_and_a_second_one_forces(sandbox):
    ours, theirs = os.openpty()
    # --ctty makes the terminal the worker's: its Ctrl-C goes to the whole foreground group
    worker = sandbox.launch_worker(prefix=["/usr/bin/setsid", "--ctty"], stdin=theirs)
    os.close(theirs)
    worker.await_registered()
    sandbox.enqueue(PATIENT, "--id", "patient")
    sandbox.await_file("started")

    os.write(ours, b"\x03")
    worker.await_stopping()
    first = time.monotonic()
    eventually(lambda: time.monotonic() > first + ECHO_S + 0.2)
    assert sandbox.state("patient") == "processing"
    os.write(ours, b"\x03")

    assert worker.await_end() == 0
    os.close(ours)
    was_given_back(sandbox)


def test_sigquit_gives_the_job_back_at_once(sandbox, running):
    running.signal(signal.SIGQUIT)

    assert running.await_end() == 0
    was_given_back(sandbox)


def test_worker_stop_waits_for_the_job(sandbox, running):
    stopping = sandbox.run("worker", "stop", "--timeout", "0.2")
    assert stopping.code == 1
    assert "patient" in stopping.err

    ends_gracefully(sandbox, running)
    sandbox.refused(3, "worker", "stop")


def test_worker_stop_now_gives_the_job_back(sandbox, running):
    assert "Stopped worker 1" in sandbox.ok("worker", "stop", "--now").out

    assert running.await_end() == 0
    was_given_back(sandbox)


def test_a_worker_under_nohup_outlives_its_terminal(sandbox):
    worker = sandbox.start_worker(prefix=["/usr/bin/nohup"])

    os.killpg(worker.loader, signal.SIGHUP)

    name = sandbox.enqueue("true")
    assert sandbox.finished(name)[name]["state"] == "completed"
    assert ": stopping" not in worker.log


def test_a_killed_loader_stops_the_worker_and_loses_no_job(sandbox, running):
    os.kill(running.loader, signal.SIGKILL)

    running.await_stopping()
    sandbox.touch("go")

    eventually(lambda: not runs(running.pool) and not runs(running.supervisor), within_s=5)
    job = sandbox.job("patient")
    assert (job["state"], job["attempts"]) == ("completed", 1)
    assert sandbox.processes() == []


def test_a_stopped_and_continued_worker_goes_on(sandbox, running):
    for signum in (signal.SIGSTOP, signal.SIGCONT):
        for pid in (running.loader, running.supervisor, running.pool):
            os.kill(pid, signum)
        assert sandbox.run("worker", "health").code == 0

    sandbox.touch("go")
    assert sandbox.finished("patient")["patient"]["attempts"] == 1


def test_a_worker_as_the_first_process_of_a_container_stops_gracefully(sandbox, root):
    namespace = ["/usr/bin/unshare", "--pid", "--fork", "--mount-proc"]
    if subprocess.run([*namespace, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no pid namespaces here")
    worker = sandbox.launch_worker(prefix=namespace)
    worker.await_log(", process ")
    name = sandbox.enqueue("sleep 1000 & (setsid sleep 1000 &); true")
    assert sandbox.finished(name)[name]["state"] == "completed"
    (first,) = [pid for pid in sandbox.processes() if parent(pid) == worker.process.pid]

    os.kill(first, signal.SIGTERM)

    assert worker.await_end() == 0
    assert sandbox.processes() == []
