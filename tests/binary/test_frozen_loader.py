"""kill -9 of the loader, at any moment: what it has started ends by itself.

The loader is the pid that a shell sees. At these moments it can't be killed by chance: strace(1)
does it in a system call that the loader makes then.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess

import pytest

from tests.binary.sandbox import eventually, parent, runs

pytestmark = pytest.mark.binary

BEFORE_IT_PASSES_SIGNALS_ON = "rt_sigaction:signal=SIGKILL:when=1"
"""Its child exists, and is not Python yet."""
BEFORE_PYTHON_LOOKS = "wait4:signal=SIGKILL:when=1"
"""Its child has just begun to become Python."""


def killed_in(fault):
    """Return the words before a command whose loader is killed in a system call."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.fail("strace is missing; scripts/test installs it", pytrace=False)
    call = fault.partition(":")[0]
    return (strace, "-q", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={fault}")


@pytest.mark.parametrize("fault", [BEFORE_IT_PASSES_SIGNALS_ON, BEFORE_PYTHON_LOOKS])
def test_the_child_of_a_killed_loader_goes_on_and_ends(sandbox, fault):
    """Its caller reads until the child has closed the pipe: a child that waits would hang here."""
    done = sandbox.run("enqueue", "--id", "a", "true", prefix=killed_in(fault))

    assert done.code == -signal.SIGKILL
    assert "a" in done.out
    assert sandbox.state("a") == "pending"
    eventually(lambda: not sandbox.processes(), of="no process is left")


@pytest.mark.parametrize("fault", [BEFORE_IT_PASSES_SIGNALS_ON, BEFORE_PYTHON_LOOKS])
def test_a_worker_whose_loader_died_before_it_could_look_stops(sandbox, fault):
    worker = sandbox.launch_worker(prefix=killed_in(fault))

    worker.await_log("the process that started us died")
    eventually(lambda: not sandbox.processes(), of="no process is left")
    assert "Traceback" not in worker.log


@pytest.mark.parametrize("words", [["web", "--port", "0"], ["up", "--web", "127.0.0.1:0"]])
@pytest.mark.parametrize("fault", [None, BEFORE_PYTHON_LOOKS])
def test_a_dashboard_ends_with_its_loader(sandbox, words, fault):
    process = subprocess.Popen(
        [*(killed_in(fault) if fault else ()), sandbox.executable, *words],
        env=sandbox.env,
        cwd=sandbox.root,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        if fault is None:
            assert process.stdout.readline().startswith("Dashboard: ")
            process.kill()

    eventually(lambda: not sandbox.processes(), of="no process is left")


def test_run_ends_its_job_when_its_loader_died_before_it_could_look(sandbox):
    done = sandbox.run("run", "--", "sleep 1000", prefix=killed_in(BEFORE_PYTHON_LOOKS))

    assert "job 1 is cancelled" in done.err
    eventually(lambda: not sandbox.processes(), of="no process is left")


def test_the_bundle_tells_who_the_loader_is(sandbox):
    """What all of the above rests on."""
    worker = sandbox.start_worker()

    assert parent(worker.supervisor) == worker.loader
    assert int(os.path.basename(worker.bundle()).removeprefix("_MEI")[:8], 16) == worker.loader
    assert runs(worker.loader)
