"""A worker as process 1 of a container: what nobody else reaps falls to it."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from queuectl_core.lifecycle import State
from tests.worker import harness
from tests.worker.harness import pid_in, until

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("nsenter"),
    reason="a pid namespace needs root, and util-linux",
)
NAMESPACE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]


@pytest.fixture
def contained(bench):
    """Return a worker that is process 1 of a pid namespace, as its `unshare` and its own pid."""
    with (bench.path / "stderr").open("ab") as log:
        unshare = subprocess.Popen(
            [*NAMESPACE, sys.executable, harness.HERE / "worker_driver.py", bench.path, "2", "0"],
            stderr=log,
        )
    worker = until(lambda: children(unshare.pid))[0]
    until(lambda: "2 threads" in (bench.path / "stderr").read_text())
    yield unshare, worker
    unshare.kill()
    unshare.wait()
    until(lambda: not harness.is_running(worker))


def children(pid):
    """Return the children of all threads of a process, zombies too."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(word) for path in lists for word in path.read_text().split()]


def enter(worker, line):
    """Run a shell line in the namespace, as `docker exec` does."""
    subprocess.run(
        ["nsenter", "--target", str(worker), "--pid", "--mount", "/bin/sh", "-c", line],
        check=True,
        timeout=20,
    )


def test_it_reaps_strangers(bench, contained):
    _, worker = contained
    os.mkfifo(bench.path / "gate")
    before = set(children(worker))

    enter(worker, f"read word < {shlex.quote(str(bench.path / 'gate'))} &")
    (stranger,) = until(lambda: set(children(worker)) - before)
    (bench.path / "gate").write_text("go\n")

    until(lambda: not os.path.exists(f"/proc/{stranger}"))
    assert set(children(worker)) == before


def test_it_works_and_leaves_no_zombie_of_a_job(bench, contained):
    _, worker = contained

    number = bench.enqueue("(setsid sh -c 'echo $$ > fled' &) ; until [ -s fled ]; do :; done")

    assert bench.ended(number).state is State.COMPLETED
    assert pid_in(bench.path / "fled") > 1
    (pool,) = children(worker)
    until(lambda: children(pool) == [])


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_it_hears_signals_and_ends_with_the_workers_code(bench, contained, signum):
    unshare, worker = contained
    os.mkfifo(bench.path / "gate")
    number = bench.enqueue("echo > began; read word < gate")
    bench.file("began")

    os.kill(worker, signum)
    until(lambda: "stopping" in (bench.path / "stderr").read_text())
    (bench.path / "gate").write_text("go\n")

    assert unshare.wait(20) == 0
    assert bench.job(number).state is State.COMPLETED
