"""Backup, restore and doctor of the frozen executable, beside a worker that runs."""

from __future__ import annotations

import os
import signal

import pytest

from tests.binary.sandbox import eventually, runs

pytestmark = pytest.mark.binary


def findings(sandbox, *options):
    """Return what the doctor found, by check."""
    done = sandbox.run("doctor", "--json", *options)
    assert done.code in {0, 1}, done
    assert done.err == ""
    return {record["check"]: record for record in done.records}


def test_a_backup_beside_a_worker_is_restored_and_its_running_job_runs_again(sandbox):
    worker = sandbox.start_worker("--count", "2")
    done_job = sandbox.enqueue("true", "--id", "done")
    sandbox.finished(done_job)
    sandbox.enqueue("echo again >>ran; touch began; sleep 1000", "--id", "long")
    sandbox.await_file("began")
    copy = str(sandbox.root / "copy.db")

    made = sandbox.ok("backup", "--verify", "--json", copy).record
    sandbox.refused(75, "restore", "--force", copy)
    sandbox.ok("cancel", "long")
    worker.signal(signal.SIGTERM)
    worker.await_end()
    for name in os.listdir(sandbox.home):
        if name.startswith("queue.db"):
            path = sandbox.home / name
            path.unlink() if path.is_file() else None
    restored = sandbox.ok("restore", "--json", copy).record

    assert (made["jobs"], made["verified"], restored["jobs"]) == (2, True, 2)
    assert sandbox.state("long") == "processing"
    (sandbox.root / "began").unlink()
    sandbox.start_worker()
    sandbox.await_file("began")
    assert sandbox.state("done") == "completed"
    assert (sandbox.root / "ran").read_text() == "again\nagain\n"


def test_a_restore_names_the_jobs_that_it_would_set_aside(sandbox):
    sandbox.enqueue("true")
    sandbox.ok("backup", "copy.db")
    sandbox.enqueue("true")

    done = sandbox.refused(1, "restore", "copy.db")

    assert "holds 2 jobs" in done.err
    sandbox.ok("restore", "--force", "copy.db")
    assert len(sandbox.ok("list", "--json").records) == 1


def test_the_doctor_finds_a_healthy_queue_healthy(sandbox):
    sandbox.start_worker()
    sandbox.enqueue("true")

    found = findings(sandbox)

    assert {name for name, one in found.items() if one["state"] == "problem"} == set()
    assert found["workers"]["message"] == "1 at work"


def test_the_doctor_creates_nothing(sandbox):
    sandbox.ok("doctor", "--fix")

    assert not sandbox.home.exists()


@pytest.mark.parametrize("length", [0, 100, 2048, 9000])
def test_no_damage_ends_in_a_traceback(sandbox, length):
    sandbox.enqueue("true")
    os.truncate(sandbox.home / "queue.db", length)
    with open(sandbox.home / "queue.db", "r+b") as file:
        file.seek(length // 2)
        file.write(os.urandom(length // 2))

    for options in ([], ["--fix"]):
        assert findings(sandbox, *options)["queue file" if length < 512 else "schema"]


def test_the_doctor_of_a_stranger_tells_what_he_may_not(sandbox, root):
    sandbox.enqueue("true")
    sandbox.root.chmod(0o755)
    sandbox.tmp.chmod(0o777)

    done = sandbox.run("doctor", "--json", user="nobody", cwd="/")

    assert (done.code, done.err) == (1, "")
    states = {record["check"]: record["state"] for record in done.records}
    assert states["home"] == states["settings"] == states["queue file"] == "problem"


def leak(sandbox):
    """Kill a command and its loader with -9 while it waits; return the bundle that is left."""
    sandbox.enqueue("true")
    before = set(sandbox.processes())
    line = '"$QUEUECTL" wait 1 >/dev/null 2>&1 & echo $!'
    loader = int(sandbox.shell(line).out)
    eventually(lambda: os.listdir(sandbox.tmp), of="the executable is unpacked")
    eventually(lambda: len(set(sandbox.processes()) - before) > 1, of="the loader has its child")
    pids = sorted(set(sandbox.processes()) - before)
    assert loader in pids
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: not any(map(runs, pids)), of="both are dead")
    return pids


def gone(pids):
    """Wait until nobody's pid stands in the way: init reaps what is dead."""
    eventually(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids), of="reaped")


def test_the_doctor_removes_what_a_kill_left_unpacked(sandbox):
    gone(leak(sandbox))
    assert len(os.listdir(sandbox.tmp)) == 1

    assert findings(sandbox)["bundles"]["state"] == "warning"
    assert findings(sandbox, "--fix")["bundles"]["message"].startswith("fixed: 1 ")

    assert os.listdir(sandbox.tmp) == []


def test_a_worker_removes_what_a_kill_left_unpacked_and_keeps_its_own(sandbox):
    gone(leak(sandbox))
    (leaked,) = os.listdir(sandbox.tmp)

    worker = sandbox.start_worker()

    assert leaked not in os.listdir(sandbox.tmp)
    assert findings(sandbox, "--fix")["bundles"]["state"] == "ok"
    assert os.path.isdir(worker.bundle())
    assert "1 unpacked executable" in worker.log


def test_the_doctor_keeps_the_bundle_of_a_child_whose_loader_was_killed(sandbox):
    sandbox.enqueue("true")
    before = set(sandbox.processes())
    loader = int(sandbox.shell('"$QUEUECTL" wait 1 >/dev/null 2>&1 & echo $!').out)
    eventually(lambda: len(set(sandbox.processes()) - before) > 1, of="the loader has its child")
    (child,) = set(sandbox.processes()) - before - {loader}
    eventually(lambda: b"libpython" in maps(child), of="the child has begun")
    (bundle,) = os.listdir(sandbox.tmp)
    os.kill(loader, signal.SIGKILL)
    gone([loader])

    assert findings(sandbox, "--fix")["bundles"]["state"] == "ok"

    assert runs(child)
    assert os.listdir(sandbox.tmp) == [bundle]


def maps(pid):
    with open(f"/proc/{pid}/maps", "rb") as file:
        return file.read()
