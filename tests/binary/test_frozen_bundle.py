"""The bundle of a frozen worker: unpacked to a temporary directory, its code in the executable.

A live worker needs neither any more: both may be removed, or replaced by an upgrade.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import signal

import pytest

from tests.binary.sandbox import eventually, runs

pytestmark = pytest.mark.binary


# --- the temporary directory ---


def test_a_worker_holds_a_lock_on_its_bundle(sandbox):
    worker = sandbox.start_worker()
    bundle = os.open(worker.bundle(), os.O_RDONLY)

    # systemd-tmpfiles tries the same before it removes a directory
    with pytest.raises(BlockingIOError):
        fcntl.flock(bundle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.kill(worker.loader, signal.SIGKILL)
    with pytest.raises(BlockingIOError):
        fcntl.flock(bundle, fcntl.LOCK_EX | fcntl.LOCK_NB)

    eventually(lambda: not runs(worker.supervisor), within_s=10)
    fcntl.flock(bundle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(bundle)


def test_a_job_does_not_inherit_the_lock(sandbox):
    worker = sandbox.start_worker()
    bundle = worker.bundle()
    name = sandbox.enqueue("ls -l /proc/self/fd; ls -l /proc/$$/fd")
    sandbox.finished(name)

    assert bundle not in sandbox.ok("logs", name).out


def test_no_bundle_is_left_after_normal_ends(sandbox):
    sandbox.ok("enqueue", "true")
    sandbox.run("show", "nobody")
    sandbox.run("lst")
    sandbox.shell('"$QUEUECTL" list | head -n 1')
    sandbox.shell('timeout -s INT 0.5 "$QUEUECTL" wait 1')
    sandbox.shell('timeout -s TERM 0.5 "$QUEUECTL" wait 1')
    worker = sandbox.start_worker()
    worker.signal(signal.SIGTERM)
    worker.await_end()

    assert os.listdir(sandbox.tmp) == []


def test_a_bundle_is_closed_to_others(sandbox):
    sandbox.env["TMPDIR"] = str(sandbox.tmp)
    worker = sandbox.start_worker()

    assert os.stat(worker.bundle()).st_mode & 0o077 == 0


# --- the executable's file ---


def test_a_running_executable_cannot_be_overwritten(sandbox, own_executable):
    sandbox.start_worker(executable=own_executable)

    copy = sandbox.shell(f"cp /bin/true {own_executable}")

    assert copy.code != 0
    assert os.strerror(errno.ETXTBSY) in copy.err


def move_a_new_file_over_it(executable, _worker):
    other = f"{executable}.new"
    with open(other, "w", encoding="ascii") as file:
        file.write("#!/bin/sh\necho another version\n" * 100)
    os.chmod(other, 0o755)
    os.replace(other, executable)


def delete_it(executable, _worker):
    os.unlink(executable)


def switch_its_link(executable, _worker):
    link = f"{executable}.link"
    os.symlink("/bin/true", f"{link}.new")
    os.replace(f"{link}.new", link)


def remove_its_bundle(_executable, worker):
    shutil.rmtree(worker.bundle())


@pytest.fixture(params=[move_a_new_file_over_it, remove_its_bundle], ids=lambda by: by.__name__)
def changed(request, sandbox, own_executable):
    """Return a worker that runs the job `before`, and whose executable or bundle changed then."""
    link = f"{own_executable}.link"
    os.symlink(own_executable, link)
    worker = sandbox.start_worker("--count", "2", executable=link)
    sandbox.enqueue(
        "touch started; while ! test -e go; do sleep 0.05; done; echo done", "--id", "before"
    )
    sandbox.await_file("started")
    request.param(own_executable, worker)
    return worker


@pytest.mark.parametrize(
    "changed",
    [move_a_new_file_over_it, delete_it, remove_its_bundle],
    indirect=True,
    ids=lambda by: by.__name__,
)
def test_a_changed_worker_does_all_that_a_worker_does(sandbox, changed):
    sandbox.enqueue(
        "sleep 1000 & setsid sleep 1000 & touch running; sleep 1000", "--id", "cancelled"
    )
    sandbox.await_file("running")
    sandbox.ok("cancel", "cancelled")
    sandbox.ok("enqueue", "--id", "argv", "--env", "A=b", "--cwd", "/", "--", "printenv", "A")
    sandbox.ok("enqueue", "--id", "none", "--retries", "1", "--", "/no/such/program")
    sandbox.ok("enqueue", "--id", "late", "--timeout", "0.2", "--retries", "1", "sleep 1000")
    sandbox.ok("enqueue", "--id", "odd", "--retries", "1", "printf '\\377\\n' >&2; exit 3")
    sandbox.ok("enqueue", "--id", "killed", "--retries", "1", "kill -9 $$")
    sandbox.ok(
        "enqueue", "--id", "again", "--retries", "2", "--backoff", "fixed:0.05",
        'test "$QUEUECTL_ATTEMPT" = 2',
    )  # fmt: skip
    sandbox.touch("go")
    names = ("before", "cancelled", "argv", "none", "late", "odd", "killed", "again")
    finished = sandbox.finished(*names)

    assert {name: finished[name]["state"] for name in names} == {
        "before": "completed",
        "cancelled": "cancelled",
        "argv": "completed",
        "none": "dead",
        "late": "dead",
        "odd": "dead",
        "killed": "dead",
        "again": "completed",
    }, changed.log
    assert finished["before"]["attempts"] == 1
    assert finished["late"]["reason"] == "timeout"
    assert finished["odd"]["exit_code"] == 3
    assert finished["killed"]["signal"] == 9
    assert "Traceback" not in changed.log
    assert "caretaker" not in changed.log


def test_a_changed_worker_minds_its_settings(sandbox, changed):
    config = sandbox.home / "config.json"

    config.write_text('{"max_retrys": 5}')
    changed.await_log('there is no setting "max_retrys"')
    config.write_text('{"job_timeout": 0.2}')
    changed.await_log("new settings taken")

    sandbox.ok("enqueue", "--id", "late", "--retries", "1", "sleep 1000")
    assert sandbox.finished("late")["late"]["reason"] == "timeout"
    assert "Traceback" not in changed.log


def test_a_changed_worker_tells_of_a_bug_with_its_traceback(sandbox, changed):
    # what nobody foresaw: the directory of the jobs' output is not one
    jobs_logs = sandbox.home / "logs" / "jobs"
    shutil.rmtree(jobs_logs, ignore_errors=True)
    jobs_logs.write_text("not a directory")
    sandbox.ok("enqueue", "--id", "unlucky", "--retries", "1", "true")

    finished = sandbox.finished("unlucky")["unlucky"]
    tracebacks = [line for line in changed.log.splitlines() if re.match(r"\w+(\.\w+)*Error", line)]
    assert set(tracebacks) <= {f"NotADirectoryError: [Errno 20] Not a directory: '{jobs_logs}'"}
    assert finished["state"] == ("dead" if tracebacks else "completed")


@pytest.mark.parametrize(
    "changed",
    [move_a_new_file_over_it, switch_its_link, remove_its_bundle],
    indirect=True,
    ids=lambda by: by.__name__,
)
def test_a_changed_worker_stops_gracefully(sandbox, changed):
    changed.signal(signal.SIGTERM)
    changed.await_stopping()
    sandbox.touch("go")

    assert changed.await_end() == 0
    job = sandbox.job("before")
    assert (job["state"], job["attempts"]) == ("completed", 1)
    assert "Traceback" not in changed.log
    assert sandbox.processes() == []


def test_a_changed_worker_stops_at_once_when_told_so(sandbox, changed):
    assert "Stopped worker 1" in sandbox.ok("worker", "stop", "--now").out

    assert changed.await_end() == 0
    assert sandbox.state("before") == "pending"
    assert "Traceback" not in changed.log


def test_a_changed_worker_replaces_its_pool(sandbox, changed):
    os.kill(changed.pool, signal.SIGKILL)
    changed.await_log("the pool died")
    sandbox.touch("go")

    job = sandbox.finished("before")["before"]
    assert (job["state"], job["attempts"]) == ("completed", 2)
    assert "Traceback" not in changed.log


def test_a_changed_worker_drains(sandbox, own_executable):
    sandbox.enqueue("touch started; while ! test -e go; do sleep 0.05; done", "--id", "before")
    worker = sandbox.start_worker("--drain", executable=own_executable)
    sandbox.await_file("started")
    delete_it(own_executable, worker)
    sandbox.touch("go")

    assert worker.await_end() == 0
    assert sandbox.state("before") == "completed"
    assert "Traceback" not in worker.log
