"""What one job costs, counted and not timed: system calls of a worker, steps of SQLite.

A bound is what was measured (docs/design/0019-what-a-job-costs.md) with a little room for what
comes by the clock: heartbeats, a claim put back. A count that goes down is a bound to lower.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter

import apsw
import pytest

from queuectl_core.retry import Complete
from queuectl_core.run import Ending, Outcome
from queuectl_core.storage import open_store
from queuectl_core.storage.records import Result
from tests.builders import NOW_MS, new_job, new_worker

FEW, MANY = 50, 250
EXACT = {"clone3": 1, "pidfd_open": 1, "pipe2": 2, "mmap": 1}
"""Calls of a worker that belong to the start of a program, and to nothing else."""
MOST = {
    "fdatasync": 1.15,
    "fsync": 0.02,
    "openat": 0.10,
    "newfstatat": 0.20,
    "pwrite64": 19,
    "pread64": 3,
    "fcntl": 8.5,
    "flock": 2.3,
    "close": 5.3,
    "poll": 2,
    "wait4": 1.15,
    "unlink": 0,
    "rename": 0,
    "ftruncate": 0.05,
}
"""Calls of a worker for each job that it runs alone, at most."""
CALL = re.compile(r"(\d+) +(\w+)\(")
START = re.compile(r'(\d+) +execve\("/bin/sh"')
STEPS, STATEMENTS = 824, 18
"""Of one finish and claim in one transaction: the same whatever waits."""


@pytest.fixture
def calls_of(sandbox, executable):
    """Run so many jobs one after another; return the worker's system calls, without the jobs'."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.fail("strace is missing; scripts/test installs it", pytrace=False)

    def calls_of(count):
        home, log = sandbox.root / f"home-{count}", sandbox.root / f"strace-{count}"
        env = sandbox.env | {"QUEUECTL_HOME": str(home)}
        sandbox.ok("enqueue", "-q", "--stdin", stdin=b"true\n" * count, env=env)
        words = [strace, "-f", "-q", "-s", "0", "-o", str(log), str(executable)]
        words += ["worker", "start", "--count", "1", "--drain"]
        subprocess.run(words, env=env, check=True, capture_output=True, timeout=100)
        lines = log.read_text(errors="replace").splitlines()
        jobs = {found[1] for line in lines if (found := START.match(line))}
        assert len(jobs) == count
        seen = [found for line in lines if (found := CALL.match(line))]
        return Counter(found[2] for found in seen if found[1] not in jobs)

    return calls_of


@pytest.mark.binary
def test_a_job_costs_its_worker_no_more_system_calls_than_were_measured(calls_of):
    few, many = calls_of(FEW), calls_of(MANY)

    each = {call: (many[call] - few[call]) / (MANY - FEW) for call in {*EXACT, *MOST}}

    assert {call: round(each[call], 1) for call in EXACT} == EXACT
    assert {call: each[call] for call in MOST if each[call] > MOST[call]} == {}


def steps(store, deed):
    """Return how many steps SQLite took, and in how many statements."""
    ran = []

    def note(event):
        ran.append(event["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"])

    store._connection.trace_v2(apsw.SQLITE_TRACE_PROFILE, note)
    deed()
    store._connection.trace_v2(0, None)
    return sum(ran), len(ran)


@pytest.mark.parametrize("waiting", [10, 2_000])
def test_finish_and_claim_take_as_many_steps_however_many_jobs_wait(tmp_path, waiting):
    store = open_store(str(tmp_path / "queue.db"), now_ms=NOW_MS)
    worker = store.register(new_worker(), now_ms=NOW_MS)
    later = [new_job(run_at_ms=NOW_MS + 60_000 + n) for n in range(waiting)]
    store.enqueue([new_job()] * waiting + later, now_ms=NOW_MS)
    _, (held,) = store.finish_and_claim([], worker=worker, limit=1, now_ms=NOW_MS)

    def finish_and_claim():
        nonlocal held
        result = Result(held, Outcome(Ending.EXIT, exit_code=0), Complete())
        _, (held,) = store.finish_and_claim([result], worker=worker, limit=1, now_ms=NOW_MS + 1)

    finish_and_claim()  # its minute's figures are there from now on
    taken = steps(store, finish_and_claim)

    store.close()
    assert taken == (STEPS, STATEMENTS)
