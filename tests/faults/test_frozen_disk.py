"""The frozen executable on a disk that fails or a machine that kills, at each call in turn.

`enqueue` exits 0 only when the job is on disk; after each failure the queue opens and holds exactly
what was acknowledged.
"""

from __future__ import annotations

import os

import apsw
import pytest

from tests.faults import strace

pytestmark = pytest.mark.binary

FAULTS = {
    "fdatasync-EIO": "fdatasync:error=EIO",
    "fsync-EIO": "fsync:error=EIO",
    "pwrite64-EIO": "pwrite64:error=EIO",
    "pwrite64-ENOSPC": "pwrite64:error=ENOSPC",
    "ftruncate-EIO": "ftruncate:error=EIO",
    "rename-EIO": "rename:error=EIO",
}


def counts(fault):
    """Yield which calls are to fail in turn: every one; of the many pwrite64 every eighth.

    `FAULT_STRIDE=1` takes every one, before a release.
    """
    stride = int(os.environ.get("FAULT_STRIDE", "8")) if fault.startswith("pwrite64") else 1
    return range(1, 200, stride)


def held(home):
    """Return the ids of the jobs that a queue holds, none where it was not made yet.

    By statements of its own: the tree may be newer than the executable.
    """
    if not (home / "queue.db").exists():
        return set()
    connection = apsw.Connection(str(home / "queue.db"), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        assert connection.execute("PRAGMA integrity_check").get == "ok"
        if not connection.execute("SELECT count(*) FROM sqlite_schema").get:
            return set()
        ids = {row[0] for row in connection.execute("SELECT id FROM jobs")}
        counted = connection.execute("SELECT coalesce(sum(jobs), 0) FROM counts").get
    finally:
        connection.close()
    assert counted == len(ids)
    return ids


def enqueue(sandbox, home, job_id, fault):
    """Run one `enqueue` under strace; return how it ended and what it did to the disk."""
    log = sandbox.root / "strace"
    args = ("--home", str(home), "enqueue", "-q", "--id", job_id, "--", "true")
    done = sandbox.run(*args, prefix=strace.prefix(log, fault))
    return done, strace.calls(log)


def assert_on_disk(calls):
    """Check that the log was synced after its last frame: the commit is on disk."""
    of_log = [call for call in calls if call.path.endswith("queue.db-wal") and not call.failed]
    written = [index for index, call in enumerate(of_log) if call.call == "pwrite64"]
    assert "fdatasync" in {call.call for call in of_log[max(written) :]}


def assert_told(done):
    assert done.code == 74, done
    assert done.err.startswith("queuectl: "), done
    assert "Traceback" not in done.err, done


@pytest.mark.parametrize("fault", FAULTS)
def test_enqueue_exits_0_only_with_the_job_on_disk(sandbox, fault):
    home = sandbox.home
    sandbox.ok("enqueue", "-q", "--id", "first", "--", "true")
    acknowledged = {"first"}

    for count in counts(fault):
        done, calls = enqueue(sandbox, home, f"job-{count}", f"{FAULTS[fault]}:when={count}")
        if done.code == 0:
            acknowledged.add(f"job-{count}")
            assert_on_disk(calls)
        else:
            assert_told(done)
        assert held(home) == acknowledged, (count, done)
        if not any(call.failed for call in calls):
            return
    pytest.fail("the last call was never reached")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_first_enqueue_exits_0_only_with_the_job_on_disk(sandbox, fault):
    for count in counts(fault):
        home = sandbox.root / f"home-{count}"
        done, calls = enqueue(sandbox, home, "job", f"{FAULTS[fault]}:when={count}")
        if done.code == 0:
            assert_on_disk(calls)
        else:
            assert_told(done)
        expected = {"job"} if done.code == 0 else set()
        assert held(home) == expected, (count, done)
        sandbox.ok("--home", str(home), "enqueue", "-q", "--id", "later", "--", "true")
        assert held(home) == expected | {"later"}
        if not any(call.failed for call in calls):
            return
    pytest.fail("the last call was never reached")


def test_a_disk_that_syncs_nothing_any_more_acknowledges_nothing(sandbox):
    sandbox.ok("enqueue", "-q", "--id", "first", "--", "true")

    done, _ = enqueue(sandbox, sandbox.home, "second", "fdatasync:error=EIO:when=1+")

    assert_told(done)
    assert held(sandbox.home) == {"first"}


@pytest.mark.parametrize("call", ["pwrite64", "fdatasync", "fsync", "ftruncate", "rename"])
def test_a_first_enqueue_that_is_killed_leaves_a_queue_or_none(sandbox, call):
    """Making the schema is a migration, too."""
    for count in counts(call):
        home = sandbox.root / f"home-{count}"
        done, _ = enqueue(sandbox, home, "job", f"{call}:signal=SIGKILL:when={count}")
        killed = strace.was_killed(sandbox.root / "strace")
        assert (done.code == 0) != killed, done
        found = held(home)
        assert found <= {"job"}, (count, done)
        sandbox.ok("--home", str(home), "enqueue", "-q", "--id", "later", "--", "true")
        assert held(home) == found | {"later"}
        if not killed:
            assert found == {"job"}
            return
    pytest.fail("the last call was never reached")


def test_a_queue_is_sound_after_a_kill_at_each_write(sandbox):
    sandbox.ok("enqueue", "-q", "--id", "first", "--", "true")
    acknowledged = {"first"}

    for count in counts("pwrite64"):
        job_id = f"job-{count}"
        done, _ = enqueue(sandbox, sandbox.home, job_id, f"pwrite64:signal=SIGKILL:when={count}")
        killed = strace.was_killed(sandbox.root / "strace")
        found = held(sandbox.home)
        assert acknowledged <= found <= acknowledged | {job_id}, (count, done)
        acknowledged = found
        if not killed:
            assert job_id in found
            return
    pytest.fail("the last call was never reached")


# --- settings ---


@pytest.mark.parametrize("call", ["fsync", "rename"])
@pytest.mark.parametrize("end", ["signal=SIGKILL", "error=EIO"])
def test_config_set_leaves_the_old_file_or_the_new(sandbox, call, end):
    """The calls of `write` are too many here, the loader unpacks with them: test_settings_kill."""
    config, log = sandbox.home / "config.json", sandbox.root / "strace"
    sandbox.ok("config", "set", "max-retries", "1")
    old = config.read_text()

    for count in range(1, 20):
        prefix = strace.prefix(log, f"{call}:{end}:when={count}")
        done = sandbox.run("config", "set", "max-retries", "2", prefix=prefix)
        new = config.read_text()
        assert new in {old, old.replace("1", "2")}, done
        if done.code == 0:
            assert new != old
            return
        sandbox.ok("config", "set", "max-retries", "1")
    pytest.fail("the last call was never reached")


@pytest.mark.parametrize("call", ["pwrite64", "fdatasync"])
def test_a_quota_that_is_used_up_is_a_full_disk(sandbox, call):
    sandbox.ok("enqueue", "true")

    done, _ = enqueue(sandbox, sandbox.home, "late", f"{call}:error=EDQUOT")

    assert done.code == 74
    assert "the disk quota is used up" in done.err
    assert "free some space" in done.err
