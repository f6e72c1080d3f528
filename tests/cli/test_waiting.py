"""`queuectl enqueue --wait` and `--follow`, with a real worker."""

from __future__ import annotations

import signal
import subprocess

import pytest

from tests.builders import jobs_of
from tests.cli.conftest import DEADLINE_S
from tests.worker.harness import until


@pytest.fixture
def worker(started, store):
    """Run a worker beside the test."""
    started("worker", "start", "--count", "2")
    until(lambda: [row for row in store.workers() if row.alive])


@pytest.mark.usefixtures("worker")
def test_wait_exits_as_the_job_did(ran):
    good = ran("enqueue", "--wait", "true")
    bad = ran("enqueue", "--wait", "--retries", "1", "--id", "bad", "echo no >&2; exit 3")
    late = ran("enqueue", "--wait", "--retries", "1", "--timeout", "0.1", "sleep 60")
    killed = ran("enqueue", "--wait", "--retries", "1", "kill -9 $$")
    missing = ran("enqueue", "--wait", "--retries", "1", "--", "/no/such", "x")

    assert (good.returncode, good.stdout, good.stderr) == (0, b"Enqueued job 1\n", b"")
    assert (bad.returncode, bad.stderr) == (3, b"queuectl: job bad is dead: no\n")
    assert [one.returncode for one in (late, killed, missing)] == [124, 137, 127]


@pytest.mark.usefixtures("worker")
def test_quiet_prints_the_id_only_and_json_the_record_of_the_end(ran):
    quiet = ran("enqueue", "-q", "--wait", "--retries", "1", "false")
    record = ran("enqueue", "--json", "--wait", "true")

    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (1, b"1\n", b"")
    assert b'"state":"completed"' in record.stdout
    assert record.stdout.count(b"\n") == 1


@pytest.mark.usefixtures("worker")
def test_the_first_of_many_that_did_not_do_well_gives_the_code(ran):
    many = '[{"command":"true"},{"command":"exit 4","max_retries":1},{"command":"true"}]'

    assert ran("enqueue", many, "--wait").returncode == 4
    assert ran("enqueue", many, "--follow").returncode == 64


@pytest.mark.usefixtures("worker")
def test_follow_shows_each_attempt_on_the_streams_it_was_written_to(ran):
    line = 'echo "out $QUEUECTL_ATTEMPT"; echo err >&2; test "$QUEUECTL_ATTEMPT" = 2'

    done = ran("enqueue", "--follow", "--retries", "2", "--backoff", "0.1", line)

    assert done.returncode == 0
    assert done.stdout == b"out 1\nout 2\n"
    assert done.stderr == b"queuectl: job 1 is in the queue\nerr\nerr\n"


@pytest.mark.usefixtures("worker")
def test_an_old_job_with_the_id_is_waited_for(ran):
    ran("enqueue", "--wait", "--id", "a", "--retries", "1", "exit 5")

    again = ran("enqueue", "--wait", "--id", "a", "--on-conflict", "skip", "true")

    assert again.returncode == 5


def test_ctrl_c_leaves_the_job_in_the_queue_and_says_so(started, store):
    process = started("enqueue", "--wait", "--id", "later", "true")
    first = process.stderr.readline()

    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=DEADLINE_S)

    assert first == b"queuectl: no worker runs; waiting for one: queuectl worker start\n"
    assert process.returncode == 130
    assert err.decode().splitlines() == [
        "",
        "queuectl: job later stays in the queue: it is pending",
        "hint: queuectl wait later; queuectl cancel later",
    ]
    assert store.job_by_id("later").state == "pending"


def test_comments_and_blank_lines_of_a_stream_are_passed_over(started, store):
    process = started("enqueue", "--stdin", "-q", stdin=subprocess.PIPE)
    process.stdin.write(b"true\n# a comment\n\n  # another\ntrue\n")
    process.stdin.flush()
    assert [process.stdout.readline() for _ in range(2)] == [b"1\n", b"2\n"]

    process.send_signal(signal.SIGINT)
    process.communicate(timeout=DEADLINE_S)

    assert process.returncode == 130
    assert [job.command for job in jobs_of(store)] == ["true", "true"]


def test_ctrl_c_in_a_stream_says_how_much_is_in_the_queue(started, store):
    process = started("enqueue", "--stdin", stdin=subprocess.PIPE)
    process.stdin.write(b"true\ntrue\n")
    process.stdin.flush()
    until(lambda: jobs_of(store))
    process.stdin.write(b"true\n")
    process.stdin.flush()
    until(lambda: len(jobs_of(store)) == 3)  # so the first batch is told of

    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=DEADLINE_S)

    assert process.returncode == 130
    assert out in {b"Enqueued 2 jobs\n", b"Enqueued 3 jobs\n"}
    assert b"queuectl: interrupted; at least " in err


def test_a_stream_is_not_waited_for(run):
    assert run("enqueue", "--stdin", "--wait", stdin=b"true\n").code == 64
