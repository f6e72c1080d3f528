"""`queuectl run`, `enqueue --wait` and a detached worker, from the frozen executable."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from tests.binary.sandbox import eventually, runs

pytestmark = pytest.mark.binary


def start(sandbox, *argv, **options):
    """Start a command that stays."""
    process = subprocess.Popen(
        [sandbox.executable, *argv],
        env=sandbox.env,
        cwd=sandbox.root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )
    sandbox.await_file("started")
    return process


def ended(process):
    out, err = process.communicate(timeout=30)
    return process.returncode, out, err


def test_run_is_the_program_to_whoever_calls_it(sandbox):
    done = sandbox.run("run", "--retries", "1", "echo out; echo err >&2; exit 3")

    assert (done.code, done.out, done.err) == (3, "out\n", "err\n")
    assert sandbox.job("1")["state"] == "dead"
    assert os.listdir(sandbox.tmp) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_the_pid_that_cron_knows_ends_the_job(sandbox, number):
    process = start(sandbox, "run", "--id", "a", "setsid sleep 1000 & touch started; sleep 1000")

    process.send_signal(number)

    assert ended(process)[0] == 128 + number
    assert sandbox.job("a")["state"] == "cancelled"
    assert sandbox.processes() == []


def test_a_ctrl_c_that_reaches_all_of_its_processes_counts_once(sandbox):
    process = start(
        sandbox,
        *("run", "--id", "a", "trap 'touch told; exit 0' TERM; touch started; sleep 1000 & wait"),
        start_new_session=True,
    )

    os.killpg(process.pid, signal.SIGINT)

    assert ended(process)[0] == 130
    assert (sandbox.root / "told").exists()


def test_kill_9_of_the_pid_that_cron_knows_leaves_nothing_running(sandbox):
    process = start(sandbox, "run", "--id", "a", "touch started; setsid sleep 1000 & sleep 1000")

    process.kill()
    ended(process)

    eventually(lambda: sandbox.processes() == [])
    assert sandbox.job("a")["state"] == "cancelled"


def test_kill_9_of_all_its_processes_lets_a_worker_run_the_job_again(sandbox):
    line = 'touch started; test "$QUEUECTL_ATTEMPT" = 2 || sleep 1000'
    process = start(sandbox, "run", "--id", "a", line, start_new_session=True)

    os.killpg(process.pid, signal.SIGKILL)
    ended(process)
    sandbox.ok("worker", "start", "--drain")

    job = sandbox.job("a")
    assert (job["state"], job["attempts"]) == ("completed", 2)
    assert sandbox.processes() == []


def test_the_job_sees_a_clean_environment(sandbox):
    done = sandbox.ok("run", "env")

    names = {line.partition("=")[0] for line in done.lines}
    assert not {name for name in names if name.startswith("_PYI") or name == "LD_LIBRARY_PATH"}
    assert {"QUEUECTL_JOB_ID", "QUEUECTL_ATTEMPT", "HOME"} <= names


def test_wait_and_follow_exit_as_the_job_did(busy):
    assert busy.run("enqueue", "--wait", "--retries", "1", "exit 7").code == 7
    followed = busy.run("enqueue", "--follow", "-q", "echo out; echo err >&2")
    assert (followed.code, followed.out, followed.err) == (0, "out\n", "err\n")


def test_options_reach_the_job_in_the_executable_too(busy):
    line = 'cat; nice; echo "$A"; exit 3'

    done = busy.run(
        *("enqueue", "--follow", "-q", "--input", "-", "--nice", "4", "--ok-codes", "3"),
        *("--env", "A=b", "--verify", "echo checked", line),
        stdin=b"in\n",
    )

    assert (done.code, done.out) == (0, "in\n4\nb\nchecked\n")


def test_a_detached_worker_works_when_the_command_returns_and_ends_on_demand(sandbox):
    done = sandbox.ok("worker", "start", "--detach", "--json")
    pid = done.record["pid"]

    assert runs(pid)
    sandbox.ok("worker", "health")
    assert sandbox.run("enqueue", "--wait", "true").code == 0
    sandbox.ok("worker", "stop")
    eventually(lambda: sandbox.processes() == [])
    assert os.listdir(sandbox.tmp) == []
