"""The frozen worker as a service: under systemd's protocol, and as process 1 of a container."""

from __future__ import annotations

import os
import shlex
import signal
import socket

import pytest

from tests.binary.sandbox import eventually, read, runs

pytestmark = pytest.mark.binary

LOADER_IS_WATCHED = ["/bin/sh", "-c", 'WATCHDOG_PID=$$ exec "$0" "$@"']
"""systemd names the process that it starts: that becomes the loader."""
NAMESPACE = ["/usr/bin/unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]


@pytest.fixture
def ear(sandbox):
    """Return what systemd binds; messages are received with a deadline."""
    ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    ear.settimeout(20)
    ear.bind(str(sandbox.root / "notify"))
    yield ear
    ear.close()


def hear(ear):
    return ear.recv(4096).decode().split("\n")


@pytest.fixture
def listened(sandbox, ear):
    """Return a worker that a manager listens to, with a watchdog of a second."""
    return sandbox.start_worker(
        "--count",
        "3",
        env={"NOTIFY_SOCKET": ear.getsockname(), "WATCHDOG_USEC": "1000000"},
        prefix=LOADER_IS_WATCHED,
    )


def test_it_tells_that_it_is_ready_alive_and_stopping(ear, listened):
    assert hear(ear) == ["READY=1", "STATUS=3 threads"]
    assert hear(ear) == hear(ear) == ["WATCHDOG=1"]

    listened.signal(signal.SIGTERM)

    while (message := hear(ear)) == ["WATCHDOG=1"]:
        pass
    assert message[:2] == ["STOPPING=1", "STATUS=stopping"]
    assert listened.await_end() == 0


def test_its_jobs_get_no_word_of_it(sandbox, listened):
    name = sandbox.enqueue("env")
    sandbox.finished(name)

    seen = sandbox.ok("logs", name).out
    assert "QUEUECTL_JOB_ID=" in seen
    assert "NOTIFY_SOCKET" not in seen
    assert "WATCHDOG" not in seen


def test_the_printed_command_starts_a_worker(sandbox):
    text = sandbox.ok("service", "print", "--user", "--count", "2").out
    (line,) = [line for line in text.splitlines() if line.startswith("ExecStart=")]
    program, *words = shlex.split(line.removeprefix("ExecStart="))
    assert (program, words[:2]) == (sandbox.executable, ["worker", "start"])

    sandbox.start_worker(*words[2:], executable=program)

    name = sandbox.enqueue("true")
    assert sandbox.finished(name)[name]["state"] == "completed"


def test_install_and_uninstall_for_a_user(sandbox):
    path = sandbox.root / ".config" / "systemd" / "user" / "queuectl.service"

    assert str(path) in sandbox.ok("service", "install", "--user").out
    assert path.read_text() == sandbox.ok("service", "print", "--user").out
    path.write_text(path.read_text() + "#\n")
    sandbox.refused(1, "service", "uninstall", "--user")
    sandbox.ok("service", "install", "--user", "--force")
    sandbox.ok("service", "uninstall", "--user")

    sandbox.refused(4, "service", "uninstall", "--user")


def test_only_root_writes_a_system_unit(sandbox, root):
    done = sandbox.refused(77, "service", "install", "--name", "queuectl-test", user="nobody")

    assert "--user" in done.err


# --- process 1 ---


def children(pid):
    """Return the children of all threads of a process, zombies too."""
    tasks = os.listdir(f"/proc/{pid}/task")
    return [
        int(word) for task in tasks for word in read(f"/proc/{pid}/task/{task}/children").split()
    ]


@pytest.fixture
def contained(sandbox, root):
    """Return a worker whose loader is process 1 of a pid namespace; learn its pids outside."""
    worker = sandbox.launch_worker(prefix=NAMESPACE)
    worker.await_log(", process ")
    (worker.loader,) = children(worker.process.pid)
    (worker.supervisor,) = children(worker.loader)
    (worker.pool,) = children(worker.supervisor)
    return worker


def test_orphans_of_jobs_do_not_fall_to_process_1(sandbox, contained):
    name = sandbox.enqueue("(setsid sh -c 'echo > fled' &); until [ -e fled ]; do :; done")

    assert sandbox.finished(name)[name]["state"] == "completed"
    eventually(lambda: children(contained.pool) == [])
    assert children(contained.loader) == [contained.supervisor]
    assert children(contained.supervisor) == [contained.pool]


def test_orphans_of_a_killed_pool_do_not_fall_to_process_1(sandbox, contained):
    name = sandbox.enqueue("[ $QUEUECTL_ATTEMPT = 2 ] || { (setsid sleep 999 &); sleep 999; }")
    eventually(lambda: len(children(contained.pool)) == 2, of="the job and its orphan run")
    orphans = children(contained.pool)

    os.kill(contained.pool, signal.SIGKILL)

    assert sandbox.finished(name)[name]["state"] == "completed"
    assert not any(map(runs, orphans))
    assert children(contained.loader) == [contained.supervisor]
    assert len(children(contained.supervisor)) == 1


def test_process_1_passes_signals_on_and_ends_with_the_workers_code(sandbox, contained):
    name = sandbox.enqueue("touch started; while ! test -e go; do sleep 0.05; done")
    sandbox.await_file("started")

    os.kill(contained.loader, signal.SIGTERM)
    contained.await_stopping()
    sandbox.touch("go")

    assert contained.await_end() == 0
    assert sandbox.state(name) == "completed"
    assert os.listdir(sandbox.tmp) == []
