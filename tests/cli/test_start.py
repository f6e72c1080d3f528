"""`queuectl worker start` with limits and in the background, as processes of their own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys

import pytest

from queuectl_core.clock import SystemClock
from queuectl_core.services import polling
from tests.builders import jobs_of
from tests.cli.conftest import ROOT
from tests.worker.harness import is_running, until


@pytest.fixture
def stopped(ran, store):
    """End the workers that a test left in the background."""
    yield
    ran("worker", "stop", "--now")
    for row in store.workers():
        if row.alive:
            os.kill(row.supervisor_pid, signal.SIGKILL)


def test_a_worker_ends_after_its_jobs(ran, store):
    for _ in range(3):
        ran("enqueue", "true")

    done = ran("worker", "start", "--count", "4", "--max-jobs", "2")

    assert done.returncode == 0
    assert sorted(job.state for job in jobs_of(store)) == ["completed", "completed", "pending"]
    assert store.workers() == []


def test_a_queue_keeps_to_its_threads(ran, home, tmp_path):
    line = "mkdir lock || touch overlap; sleep 0.05; rmdir lock"
    for _ in range(6):
        ran("enqueue", "--queue", "mail", line)

    done = ran("worker", "start", "--count", "4", "--queue", "mail=1", "--drain")

    assert done.returncode == 0
    assert ran("status", "--json").stdout.count(b'"completed":6') == 1
    assert not (tmp_path / "work" / "overlap").exists()


@pytest.mark.usefixtures("stopped")
def test_a_detached_worker_is_ready_when_the_command_returns(ran, store, home):
    ran("enqueue", "readlink /proc/self/fd/0; pwd; ps -o sid= -p $PPID; env")

    done = ran("worker", "start", "--detach", "--count", "2", "--name", "bg")

    assert done.returncode == 0
    number, pid = map(
        int,
        re.fullmatch(
            r"Worker (\d+) runs in the background \(pid (\d+)\)\n", done.stdout.decode()
        ).groups(),
    )
    (row,) = store.workers()
    assert (row.id, row.supervisor_pid, row.threads, row.name) == (number, pid, 2, "bg")
    assert is_running(pid)
    assert os.getsid(pid) not in {0, os.getsid(0)}
    assert os.readlink(f"/proc/{pid}/cwd") == "/"
    clock = SystemClock()
    deadline_ms = clock.monotonic_ms() + 20_000
    ((job, _),) = polling.ends(store, [1], clock=clock, deadline_ms=deadline_ms)
    assert job.state == "completed"
    output = ran("logs", "1").stdout.decode()
    assert "NOTIFY_SOCKET" not in output
    assert "QUEUECTL_DETACHED" not in output
    assert ran("worker", "stop").returncode == 0
    until(lambda: not is_running(pid))


@pytest.mark.usefixtures("stopped")
def test_quiet_and_json_name_the_detached_worker(ran, store):
    quiet = ran("worker", "start", "--detach", "-q")
    record = json.loads(ran("worker", "start", "--detach", "--json").stdout)

    assert (quiet.stdout, record["id"]) == (b"1\n", 2)
    assert {row.supervisor_pid for row in store.workers()} >= {record["pid"]}


def test_what_is_wrong_beforehand_is_told_as_without_detach(ran, home):
    ran("enqueue", "true")
    (home / "config.json").write_text("{")

    assert ran("worker", "start", "--detach").returncode == 78


def test_a_detached_worker_that_can_not_start_says_why_and_gives_its_code(tmp_path):
    script = """
import sys
from queuectl_core.worker import detached
sys.argv[0] = sys.argv[1]
try:
    detached.start(["worker", "start", "--nonsense"], sys.argv[2])
except detached.NotStarted as error:
    print(error.exit_code, error, error.hint, sep="|")
"""
    (tmp_path / "log").write_text("queuectl: of another start\n")

    done = subprocess.run(
        [sys.executable, "-c", script, str(ROOT / "queuectl.py"), str(tmp_path / "log")],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )

    code, message, hint = done.stdout.decode().strip().split("|")
    assert (code, message) == ("64", '"queuectl worker start" has no option --nonsense')
    assert hint


def test_a_log_that_can_not_be_written_is_one_line(ran, home):
    ran("enqueue", "true")
    (home / "logs" / "detached.log").mkdir(parents=True)

    done = ran("worker", "start", "--detach")

    assert done.returncode in {74, 77}
    assert b"detached.log" in done.stderr
