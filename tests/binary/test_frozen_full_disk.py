"""A disk that runs full under the queue: what was acknowledged stays, results are recorded, and the
queue drains by itself once there is room. On a real disk of 8 MiB that is mounted for these tests.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.binary.sandbox import Sandbox, eventually, runs

pytestmark = pytest.mark.binary

DISK = "8m"
RESERVE_BYTES = 4 << 20
OLD_QUEUE = Path(__file__).resolve().parent.parent / "data" / "queue-schema-0001.db"
MOUNT = 'mount -t tmpfs -o size="$2",mode=700 none "$1" && echo mounted && exec cat'


class Disk:
    """A small disk that a process of its own holds, in its namespace: nobody else sees it."""

    def __init__(self, holder, path):
        self._holder = holder
        self.path = path
        self._seen = f"/proc/{holder.pid}/root{path}"
        self.prefix = ("/usr/bin/nsenter", f"--mount=/proc/{holder.pid}/ns/mnt", "--")

    def file(self, name):
        return os.path.join(self._seen, name)

    def size(self, name):
        """Return the bytes of a file, 0 where there is none."""
        try:
            return os.path.getsize(self.file(name))
        except FileNotFoundError:
            return 0

    def fill(self):
        """Write until it takes not a byte more."""
        with open(self.file("fill"), "ab", buffering=0) as file:
            for size in (65_536, 1):
                while self._takes(file, b"x" * size):
                    pass

    def _takes(self, file, data):
        try:
            return file.write(data)
        except OSError:
            return 0

    def free(self):
        os.unlink(self.file("fill"))


@contextmanager
def mounted(path):
    """Mount a small disk; without the right to, skip."""
    path.mkdir()
    command = ["/usr/bin/unshare", "-m", "/bin/sh", "-c", MOUNT, "sh", str(path), DISK]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        if holder.stdout.readline() != b"mounted\n":
            pytest.skip("no mount here")
        yield Disk(holder, str(path))
        holder.stdin.close()


class FullSandbox(Sandbox):
    """A sandbox whose queue lies on the disk, and whose jobs run beside it."""

    def __init__(self, root, executable, disk):
        super().__init__(root, executable)
        self.disk = disk
        self.env["QUEUECTL_HOME"] = disk.path

    def run(self, *args, **options):
        return super().run(*args, **({"prefix": self.disk.prefix} | options))

    def launch_worker(self, *args, **options):
        return super().launch_worker(*args, **({"prefix": self.disk.prefix} | options))

    def enqueue(self, command, *options):
        return super().enqueue(command, "--cwd", str(self.root), *options)


@pytest.fixture
def full(tmp_path, executable, root):
    """Return a sandbox on a small disk, which the test fills."""
    with mounted(tmp_path / "disk") as disk:
        sandbox = FullSandbox(tmp_path, executable, disk)
        try:
            yield sandbox
        finally:
            sandbox.sweep()


def waits_for(name, said="done"):
    """Return a job that tells that it runs, and ends when it is told to."""
    return f"touch {name}.began; until [ -e {name}.go ]; do sleep 0.02; done; echo {said}"


def reaped_faults(pid):
    """Return the page faults of all children that a process has reaped: each adds to them."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return int(file.read().rpartition(")")[2].split()[8])


def states(sandbox):
    return {job["id"]: job["state"] for job in sandbox.ok("list", "--json").records}


def test_results_are_recorded_on_a_full_disk_and_the_queue_drains_after_it(full):
    worker = full.start_worker("--count", "2")
    for name in ("one", "two", "waits"):
        full.enqueue(waits_for(name), "--id", name)
    full.touch("waits.go")
    for name in ("one", "two"):
        full.await_file(f"{name}.began")

    full.disk.fill()
    added = full.refused(74, "enqueue", "--id", "late", "true")
    for name in ("one", "two"):
        full.touch(f"{name}.go")
    eventually(lambda: list(states(full).values()).count("completed") == 2)

    assert "the disk is full" in added.err
    assert "free some space" in added.err
    assert states(full) == {"one": "completed", "two": "completed", "waits": "pending"}
    assert not (full.root / "waits.began").exists()
    worker.await_log("the disk is full: no job starts until there is room")
    assert 0 < full.disk.size("queue.db.reserve") < RESERVE_BYTES

    full.disk.free()
    assert full.finished("waits")["waits"]["state"] == "completed"

    worker.await_log("the disk has room again: jobs start")
    assert runs(worker.pool)
    assert full.ok("logs", "waits").out == "done\n"
    assert full.disk.size("queue.db.reserve") == RESERVE_BYTES
    assert worker.log.count("no job starts") == worker.log.count("jobs start") == 1


def test_output_that_finds_no_room_is_dropped_and_the_job_lives_on(full):
    worker = full.start_worker()
    full.enqueue(waits_for("job", said="$(head -c 100000 /dev/zero | tr '\\0' x)"), "--id", "job")
    full.await_file("job.began")
    full.disk.fill()

    full.touch("job.go")
    job = full.finished("job")["job"]

    assert (job["state"], job["exit_code"], job["attempts"]) == ("completed", 0, 1)
    assert full.job("job")["history"][0]["output_bytes"] == 100_001
    worker.await_log("output was dropped: No space left on device")
    assert "Traceback" not in worker.log


def test_a_job_that_fills_the_disk_itself_harms_nobody_else(full):
    full.start_worker("--count", "2")
    full.enqueue(waits_for("other"), "--id", "other")
    full.await_file("other.began")
    eat = f"cat /dev/zero >> {full.disk.path}/hungry; sleep 0.05"
    full.enqueue(
        f"touch hungry.began; until [ -e stop ]; do {eat}; done 2>/dev/null", "--id", "hungry"
    )
    full.await_file("hungry.began")
    eventually(lambda: full.run("enqueue", "true").code == 74)

    full.touch("other.go")

    assert full.finished("other")["other"]["state"] == "completed"
    full.touch("stop")
    assert full.finished("hungry")["hungry"]["state"] == "completed"
    os.unlink(full.disk.file("hungry"))
    after = full.enqueue("true")
    assert full.finished(after)[after]["state"] == "completed"


def test_a_command_on_a_full_disk_that_nobody_has_open_says_so(full):
    full.ok("enqueue", "--id", "kept", "true")
    full.disk.fill()

    for args in (["enqueue", "true"], ["enqueue", '{"command":"true"}'], ["worker", "start"]):
        done = full.refused(74, *args)
        assert "the disk is full" in done.err
        assert "Traceback" not in done.err

    assert full.run("enqueue", "--stdin", stdin=b"true\ntrue\n").code == 74
    full.disk.free()
    assert states(full) == {"kept": "pending"}


def test_a_pool_that_dies_on_a_full_disk_comes_back_on_the_reserve(full):
    worker = full.start_worker("--count", "2")
    full.enqueue(waits_for("cut"), "--id", "cut")
    full.await_file("cut.began")
    full.disk.fill()

    os.kill(worker.pool, signal.SIGKILL)
    eventually(lambda: worker.log.count(", process ") == 2)
    kept = states(full)
    full.disk.free()
    full.touch("cut.go")

    assert kept == {"cut": "pending"}
    assert full.finished("cut")["cut"]["state"] == "completed"
    assert "Traceback" not in worker.log


def test_a_pool_that_finds_no_room_at_all_is_tried_again_in_silence_until_it_does(full):
    worker = full.start_worker()
    os.unlink(full.disk.file("queue.db.reserve"))
    full.disk.fill()
    full.ok("status")

    os.kill(worker.pool, signal.SIGKILL)
    worker.await_log("no pool can start; tried again until it can")
    before = reaped_faults(worker.supervisor)
    eventually(lambda: reaped_faults(worker.supervisor) > before, of="another pool was tried")
    full.disk.free()
    eventually(lambda: worker.log.count(", process ") == 2)

    assert worker.log.count("the disk is full. free some space") == 1
    assert worker.log.count("tried again until it can") == 1
    assert "Traceback" not in worker.log
    after = full.enqueue("true")
    assert full.finished(after)[after]["state"] == "completed"


def test_a_worker_on_a_full_disk_ends_in_good_order(full):
    worker = full.start_worker()
    full.disk.fill()

    worker.process.terminate()

    assert worker.await_end() == 0
    assert "Traceback" not in worker.log


def test_an_upgrade_that_finds_no_room_leaves_the_old_queue_and_no_part_of_a_copy(full):
    shutil.copy(OLD_QUEUE, full.disk.file("queue.db"))
    os.chmod(full.disk.file("queue.db"), 0o600)
    full.disk.fill()

    assert "the disk is full" in full.refused(74, "list").err

    assert not [name for name in os.listdir(full.disk.file(".")) if "before" in name]
    full.disk.free()
    assert states(full)["pending-job"] == "pending"


# --- stdout that takes nothing ---


@pytest.fixture(scope="module")
def spoken(busy):
    """Return a sandbox with jobs that there is something to say of."""
    busy.ok("enqueue", "--id", "said", "echo done")
    busy.ok("enqueue", "--id", "buried", "--retries", "1", "false")
    busy.finished("said", "buried")
    busy.ok("enqueue", "--id", "later", "--in", "1d", "true")
    return busy


@pytest.mark.parametrize(
    "command",
    [
        "show said", "show --json said", "wait said", "logs said", "dlq list", "dlq show buried",
        "metrics", "status --json", "worker list", "worker health", "config get", "config path",
        "version", "--version", "help enqueue", "enqueue --help", "enqueue -q true",
        "enqueue --dry-run true", "enqueue --json true", "retry said", "cancel later",
    ],
)  # fmt: skip
def test_no_command_succeeds_when_its_words_are_lost(spoken, command):
    done = spoken.shell(f'"$QUEUECTL" {command} >/dev/full')

    assert done.code == 74, done
    assert "could not be written: No space left on device" in done.err
    assert len(done.err.splitlines()) == (1 if "--json" in command else 2)


def test_an_error_keeps_its_exit_code_where_nobody_can_read_it(sandbox):
    assert sandbox.shell('"$QUEUECTL" show nobody 2>/dev/full').code == 4
    assert sandbox.shell('"$QUEUECTL" nonsense >/dev/full 2>&1').code == 64


def test_jobs_run_under_a_worker_whose_words_are_lost(sandbox):
    sandbox.ok("enqueue", "--id", "a", "true")

    done = sandbox.shell('"$QUEUECTL" worker start --drain >/dev/full 2>&1')

    assert done.code == 0
    assert sandbox.state("a") == "completed"
