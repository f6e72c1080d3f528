"""The frozen executable under limits of the system: it says what is short, and no job pays for it.

More of it: scripts/chaos scarce.
"""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.binary


def limited(option):
    return ("/usr/bin/prlimit", option, "--")


def test_more_threads_than_open_files_allow_are_refused_before_anything_starts(sandbox):
    sandbox.ok("enqueue", "--id", "a", "true")

    done = sandbox.refused(
        78, "worker", "start", "--count", "100", prefix=limited("--nofile=200:200")
    )

    assert "100 threads need 923 open files, the limit is 200" in done.err
    assert "ulimit -n 923; or start fewer threads: --count 19" in done.err
    assert sandbox.job("a")["state"] == "pending"


def test_a_soft_limit_is_raised_for_many_threads_and_the_log_says_for_whom(sandbox):
    sandbox.enqueue("ulimit -Sn > soft", "--id", "a")

    worker = sandbox.launch_worker("--count", "100", "--drain", prefix=limited("--nofile=200:4000"))

    assert worker.await_end() == 0
    assert sandbox.numbers("soft") == [923]
    assert "raised from 200 to 923 for 100 threads, and for their jobs" in worker.log


def test_jobs_see_the_limit_of_the_worker_where_it_is_enough(sandbox):
    sandbox.enqueue("ulimit -Sn > soft; ulimit -Hn >> soft", "--id", "a")

    worker = sandbox.launch_worker("--drain", prefix=limited("--nofile=200:4000"))

    assert worker.await_end() == 0
    assert sandbox.numbers("soft") == [200, 4000]


def test_a_job_that_takes_more_memory_than_it_may_fails_alone(sandbox):
    eat = "ulimit -v 100000; exec /usr/bin/python3 -c 'x = bytearray(1 << 30)'"
    sandbox.enqueue(eat, "--id", "greedy", "--retries", "1")
    sandbox.enqueue("true", "--id", "other")

    worker = sandbox.launch_worker("--drain")

    assert worker.await_end() == 0
    assert sandbox.job("greedy")["state"] == "dead"
    assert sandbox.job("greedy")["error"] == "MemoryError"
    assert sandbox.state("other") == "completed"
    assert "died" not in worker.log
