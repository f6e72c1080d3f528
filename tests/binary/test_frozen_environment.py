"""What a job gets of the frozen executable's own surroundings: nothing.

PyInstaller's loader sets LD_LIBRARY_PATH and _PYI_* variables; a job that saw them would load the
worker's libraries, and a queuectl started by it would die with the worker's directory.
"""

from __future__ import annotations

import os
import signal

import pytest

pytestmark = pytest.mark.binary

PYTHON = "/usr/bin/python3"


def environment_of_a_job(sandbox):
    name = sandbox.enqueue("env -0 >env")
    assert sandbox.finished(name)[name]["state"] == "completed"
    entries = (sandbox.root / "env").read_text().rstrip("\0").split("\0")
    return dict(entry.split("=", 1) for entry in entries)


@pytest.mark.parametrize("users", [{}, {"LD_LIBRARY_PATH": "/opt/foo"}])
def test_a_job_sees_the_environment_as_its_user_had_it(sandbox, users):
    sandbox.start_worker(env=users)

    found = environment_of_a_job(sandbox)

    ours = {name for name in found if name.startswith("QUEUECTL_")}
    assert {"QUEUECTL_JOB_ID", "QUEUECTL_ATTEMPT", "QUEUECTL_QUEUE", "QUEUECTL_SLOT"} <= ours
    theirs = {name: value for name, value in found.items() if name not in ours | {"PWD", "_"}}
    assert theirs == sandbox.env | users
    assert not [value for value in found.values() if "_MEI" in value]


def test_a_job_gets_its_own_variables_and_who_it_is(busy):
    name = busy.enqueue(
        'echo "$A $QUEUECTL_JOB_ID $QUEUECTL_ATTEMPT $QUEUECTL_QUEUE"', "--env", "A=b", "--id", "me"
    )
    busy.finished(name)

    assert busy.ok("logs", "me").out == "b me 1 default\n"


def test_a_job_has_three_open_files_and_nothing_on_stdin(busy):
    name = busy.enqueue("cd /proc/self/fd && echo * && cat")
    busy.finished(name)

    # 3 is the listing's own
    assert busy.ok("logs", name).out in {"0 1 2\n", "0 1 2 3\n"}


def test_a_job_starts_with_no_signal_ignored_or_blocked(sandbox):
    sandbox.start_worker(prefix=["/usr/bin/nohup"])
    name = sandbox.enqueue("grep -E '^Sig(Blk|Ign):' /proc/self/status")
    sandbox.finished(name)

    masks = [line.split()[1] for line in sandbox.ok("logs", name).lines]
    # 32 and 33 are the C library's own: it keeps them ignored over a posix_spawn
    assert [int(mask, 16) & ~(3 << 31) for mask in masks] == [0, 0]


@pytest.mark.skipif(not os.access(PYTHON, os.X_OK), reason=f"no {PYTHON} here")
def test_a_job_with_the_systems_python_loads_the_systems_libraries(busy):
    script = "import zlib, json; print(open('/proc/self/maps').read())"
    name = busy.ok("enqueue", "-q", "--", PYTHON, "-c", script).out.strip()
    finished = busy.finished(name)[name]

    assert finished["state"] == "completed", finished["error"]
    maps = busy.ok("logs", name).out
    assert "libz" in maps or "libc" in maps
    assert "_MEI" not in maps


def test_a_job_can_enqueue(busy):
    outer = busy.enqueue('"$0" enqueue --id inner "echo inside"'.replace("$0", busy.executable))

    assert busy.finished(outer)[outer]["state"] == "completed"
    assert busy.finished("inner")["inner"]["state"] == "completed"


def test_a_job_can_enqueue_while_its_worker_stops(sandbox):
    worker = sandbox.start_worker()
    outer = sandbox.enqueue(
        "touch started; while ! test -e go; do sleep 0.05; done;"
        f' setsid "{sandbox.executable}" enqueue --id inner true'
    )
    sandbox.await_file("started")

    worker.signal(signal.SIGTERM)
    worker.await_stopping()
    sandbox.touch("go")

    assert worker.await_end() == 0
    assert sandbox.state(outer) == "completed"
    assert sandbox.state("inner") == "pending"


def test_a_job_in_a_home_of_its_own_enqueues_into_the_queue_it_came_from(sandbox, another_sandbox):
    sandbox.start_worker("--home", str(another_sandbox.home))
    outer = another_sandbox.enqueue(f'"{sandbox.executable}" enqueue --id inner true')

    assert another_sandbox.finished(outer)[outer]["state"] == "completed"
    assert another_sandbox.finished("inner")["inner"]["state"] == "completed"
    assert not sandbox.home.exists()
