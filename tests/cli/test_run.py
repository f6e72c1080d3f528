"""`queuectl run` as a process of its own: it takes signals, orphans and the log for itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from queuectl_core.services import polling
from tests.builders import jobs_of
from tests.cli.conftest import DEADLINE_S, queuectl
from tests.worker.harness import CLOCK, is_running, pid_in, until


def test_the_jobs_output_and_exit_code_are_ours(ran, store):
    done = ran("run", "--retries", "1", "--", "sh", "-c", "echo out; echo err >&2; exit 3")

    assert (done.returncode, done.stdout, done.stderr) == (3, b"out\n", b"err\n")
    job = store.job_by_number(1)
    assert (job.state, job.exit_code, job.error) == ("dead", 3, "err")
    assert ran("logs", "1").stdout == b"out\nerr\n"


def test_success_is_silent(ran, store):
    done = ran("run", "true")

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert store.job_by_number(1).state == "completed"
    assert store.workers() == []


def test_json_and_options_make_the_job_as_with_enqueue(ran, store):
    done = ran("run", '{"id":"a","argv":["sh","-c","exit 24"]}', "--ok-codes", "24", "-p9")

    assert done.returncode == 0
    job = store.job_by_id("a")
    assert (job.state, job.priority, job.exit_code) == ("completed", 9, 24)


def test_the_job_has_our_environment_directory_and_stdin(ran, tmp_path):
    (tmp_path / "there").mkdir()

    done = ran(
        *("run", "cat; echo $SHOP $QUEUECTL_JOB_ID $QUEUECTL_ATTEMPT; pwd"),
        input=b"in\n",
        cwd=tmp_path / "there",
        env={**os.environ, "SHOP": "open"},
    )

    assert done.stdout.decode().splitlines() == ["in", "open 1 1", str(tmp_path / "there")]


def test_input_takes_the_place_of_stdin(ran, tmp_path):
    (tmp_path / "data").write_text("file\n")

    done = ran("run", "--input", str(tmp_path / "data"), "cat", input=b"stdin\n")

    assert done.stdout == b"file\n"


def test_a_failure_is_tried_again_here(ran, store):
    done = ran("run", "--retries", "3", "--backoff", "fixed:0.2", 'test "$QUEUECTL_ATTEMPT" = 3')

    assert done.returncode == 0
    first, second = done.stderr.decode().splitlines()
    assert first.startswith("queuectl: attempt 1 of 3 failed: exit code 1; the next one starts in ")
    assert second.startswith(
        "queuectl: attempt 2 of 3 failed: exit code 1; the next one starts in "
    )
    assert [attempt.exit_code for attempt in store.attempts(1)] == [1, 1, 0]
    assert ran("run", "-q", "--retries", "2", "--backoff", "0", "false").stderr == b""


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        (("--timeout", "0.1", "sleep 60"), 124, "job 1 is dead: timed out after 0.1 s"),
        (("--", "/no/such", "x"), 127, "job 1 is dead: no such program: /no/such"),
        (("--", "/etc", "x"), 126, "job 1 is dead: can't start /etc: Permission denied"),
        (("kill -9 $$",), 137, "job 1 is dead: killed by SIGKILL"),
        (("--verify", "exit 4", "true"), 4, "job 1 is dead: verify failed: exit code 4"),
    ],
)
def test_other_ends_have_the_codes_of_the_table_and_a_line(ran, argv, code, message):
    done = ran("run", "--retries", "1", *argv)

    assert (done.returncode, done.stderr.decode()) == (code, f"queuectl: {message}\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_job_with_all_its_processes(started, store, tmp_path, number):
    process = started("run", "sleep 1000 & echo $! > left; setsid sleep 1000 & echo $$ > pid; wait")
    left, pid = pid_in(Path("left")), pid_in(Path("pid"))

    process.send_signal(number)
    process.communicate(timeout=DEADLINE_S)

    assert process.returncode == 128 + number
    assert not is_running(left)
    assert not is_running(pid)
    assert store.job_by_number(1).state == "cancelled"


def test_a_signal_while_it_waits_for_a_retry_ends_it_too(started, store):
    process = started("run", "--backoff", "fixed:1000", "false")
    line = process.stderr.readline()

    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=DEADLINE_S)

    assert line.startswith(b"queuectl: attempt 1 of 3 failed")
    assert process.returncode == 143
    assert store.job_by_number(1).state == "cancelled"


def test_nohup_is_heeded(started, store):
    process = started(
        *("run", "echo $$ > pid; sleep 1000"),
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    pid_in(Path("pid"))

    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=DEADLINE_S)

    assert process.returncode == 143


def test_cancel_reaches_it(started, ran, store):
    process = started("run", "echo $$ > pid; sleep 1000")
    pid_in(Path("pid"))

    assert ran("cancel", "1").returncode == 0
    _, err = process.communicate(timeout=DEADLINE_S)

    assert (process.returncode, err) == (143, b"queuectl: job 1 is cancelled: cancelled\n")


def test_a_worker_takes_over_when_it_is_killed(started, ran, store):
    process = started("run", 'echo $$ > "pid$QUEUECTL_ATTEMPT"; test -e pid2 || sleep 1000')
    pid = pid_in(Path("pid1"))
    process.kill()
    process.wait(DEADLINE_S)

    assert ran("worker", "start", "--drain").returncode == 0

    assert not is_running(pid)
    job = store.job_by_number(1)
    assert (job.state, job.starts, job.crashes) == ("completed", 2, 1)


def test_the_next_run_ends_what_a_killed_one_left(started, ran, store):
    argv = ("run", "--id", "nightly", "--on-conflict", "replace")
    process = started(*argv, "echo $$ > pid; sleep 1000")
    pid = pid_in(Path("pid"))
    process.kill()
    process.wait(DEADLINE_S)

    assert ran(*argv, "true").returncode == 0

    assert not is_running(pid)
    assert [job.state for job in jobs_of(store)] == ["completed", "cancelled"]


def test_no_worker_takes_the_job_and_worker_stop_leaves_it_alone(started, ran, store):
    worker = started("worker", "start")
    process = started(
        "run", "--backoff", "0.2", "test $QUEUECTL_ATTEMPT = 2 && echo $$ > pid && sleep 1000"
    )
    pid_in(Path("pid"))

    stop = ran("worker", "stop")
    worker.communicate(timeout=DEADLINE_S)

    assert stop.returncode == 0
    assert store.job_by_number(1).state == "processing"
    assert ran("worker", "stop").returncode == 3
    assert ran("worker", "health").returncode == 3
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 143


def test_an_id_is_a_lock(started, ran, store):
    process = started("run", "--id", "nightly", "echo $$ > pid; sleep 1000")
    pid_in(Path("pid"))

    second = ran("run", "--id", "nightly", "--on-conflict", "replace", "true")
    skipped = ran("run", "--id", "nightly", "--on-conflict", "skip", "true")

    assert second.returncode == 73
    assert second.stderr.startswith(b'queuectl: the job with id "nightly" runs right now')
    assert skipped.returncode == 0
    assert skipped.stderr == b"queuectl: job nightly exists already (number 1); not run\n"
    assert process.poll() is None


def test_a_unique_key_is_a_lock_too(started, ran, store):
    first = started("run", "--unique", "sync", "--tag", "nightly", "sleep 1000")
    until(lambda: [job.state for job in jobs_of(store, tag="nightly")] == ["processing"])

    second = ran("run", "--unique", "sync", "true")
    skipped = ran("run", "--unique", "sync", "--on-conflict", "skip", "true")

    assert (second.returncode, b"unique key" in second.stderr) == (73, True)
    assert (skipped.returncode, len(jobs_of(store))) == (0, 1)
    first.terminate()
    first.wait(timeout=DEADLINE_S)
    assert ran("run", "--unique", "sync", "true").returncode == 0


# --- a mutex ---


@pytest.fixture
def holder(started, store):
    """Return a `run` that holds the mutex `db` until it is ended."""
    process = started("run", "--id", "first", "--mutex", "db", "sleep 1000")
    until(lambda: [job.state for job in jobs_of(store)] == ["processing"])
    yield process
    process.terminate()
    process.wait(timeout=DEADLINE_S)


def test_a_held_mutex_lets_nothing_run_and_adds_nothing(ran, store, holder):
    second = ran("run", "--mutex", "db", "true")
    late = ran("run", "--mutex", "db", "--wait-mutex", "0.1s", "true")
    skipped = ran("run", "--mutex", "db", "--on-conflict", "skip", "touch ran")

    assert (second.returncode, b'"db" is held by job first' in second.stderr) == (75, True)
    assert late.returncode == 75
    assert (skipped.returncode, b"not run" in skipped.stderr) == (0, True)
    assert len(jobs_of(store)) == 1
    assert ran("run", "--mutex", "db=2", "true").returncode == 0


def test_a_mutex_is_waited_for(ran, started, store, holder):
    second = started("run", "--mutex", "db", "--wait-mutex", "1h", "echo ran")
    assert b"waiting for it" in second.stderr.readline()

    assert ran("cancel", "first").returncode == 0

    assert second.wait(timeout=DEADLINE_S) == 0


def test_a_signal_ends_the_wait_for_a_mutex(started, store, holder):
    second = started("run", "--mutex", "db", "--wait-mutex", "1h", "true")
    assert b"waiting for it" in second.stderr.readline()

    second.terminate()

    assert second.wait(timeout=DEADLINE_S) == 128 + signal.SIGTERM
    assert len(jobs_of(store)) == 1


def test_a_mutex_that_others_only_wait_for_is_free(ran, store):
    ran("enqueue", "--mutex", "db", "true")

    assert ran("run", "--mutex", "db", "true").returncode == 0
    assert [job.state for job in jobs_of(store)] == ["completed", "pending"]


def test_a_mutex_is_kept_between_the_attempts(ran, started, store):
    first = started("run", "--mutex", "db", "--retries", "2", "--backoff", "fixed:1000", "false")
    until(lambda: [job.attempts for job in jobs_of(store)] == [2])

    assert ran("run", "--mutex", "db", "true").returncode == 75
    first.terminate()
    first.wait(timeout=DEADLINE_S)


@pytest.mark.parametrize("wish", [["after", ["1"]], ["expires_at", "1h"], ["hold", True]])
def test_a_job_that_might_wait_is_not_taken(ran, home, wish):
    done = ran("run", json.dumps({"command": "true", wish[0]: wish[1]}))

    assert (done.returncode, f"takes no {wish[0]}".encode() in done.stderr) == (64, True)


def test_a_closed_stdout_is_tolerated(store):
    done = subprocess.run(
        ["/bin/sh", "-c", '"$@" >&-', "sh", *queuectl("run", "echo out; echo err >&2")],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        timeout=DEADLINE_S,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, b"err\n")
    assert store.job_by_number(1).state == "completed"


def test_a_reader_that_goes_does_not_end_the_job(started, store):
    process = started(
        "run",
        "echo one; echo $$ > pid; while read line; do echo $line; done",
        stdin=subprocess.PIPE,
    )
    pid_in(Path("pid"))
    process.stdout.close()

    process.stdin.write(b"two\nthree\n")
    process.stdin.close()

    assert process.wait(DEADLINE_S) == 0
    assert (
        json.loads(
            subprocess.run(
                queuectl("show", "--json", "1"), stdout=subprocess.PIPE, check=True
            ).stdout
        )["history"][0]["output_bytes"]
        == 14
    )


def test_much_output_comes_through_whole(ran):
    done = ran("config", "set", "output-limit", "1000")
    assert done.returncode == 0

    done = ran("run", "head -c 3000000 /dev/zero")

    assert done.stdout == bytes(3_000_000)


def test_where_only_run_is_used_old_jobs_are_forgotten_as_well(ran, store):
    ran("config", "set", "keep-finished-count", "2")

    for _ in range(4):
        assert ran("run", "echo hello").returncode == 0

    assert [job.number for job in jobs_of(store)] == [4, 3]
    assert ran("logs", "4").stdout == b"hello\n"


def test_children_of_the_shell_that_it_takes_the_place_of_are_let_be(store):
    done = subprocess.Popen(
        [
            *("/bin/sh", "-c", 'sleep 1000 >/dev/null 2>&1 & echo $! > before; exec "$@"', "sh"),
            *queuectl("run", "true"),
        ],
        stdin=subprocess.DEVNULL,
    )
    pid = pid_in(Path("before"))
    try:
        assert done.wait(DEADLINE_S) == 0
        assert is_running(pid)
    finally:
        os.kill(pid, signal.SIGKILL)


def test_a_queue_that_is_damaged_meanwhile_is_125(started, home):
    process = started("run", "echo $$ > pid; while ! test -e go; do sleep 0.02; done")
    pid_in(Path("pid"))
    for path in (home / "queue.db", home / "queue.db-wal"):
        with path.open("r+b") as file:
            file.write(bytes(path.stat().st_size))
    Path("go").touch()

    _, err = process.communicate(timeout=DEADLINE_S)

    assert process.returncode == 125
    assert err.startswith(b"queuectl: ")
    assert b"Traceback" not in err


def test_what_is_wrong_starts_nothing(ran, home):
    assert ran("run").returncode == 64
    assert ran("run", "--at", "12:00", "true").returncode == 64
    assert ran("run", '{"command":"true","run_at":"+5m"}').returncode == 64
    assert ran("run", '[{"command":"true"},{"command":"true"}]').returncode == 64
    assert ran("run", "--nice", "x", "true").returncode == 65
    assert not home.exists()


def test_it_is_a_worker_that_takes_no_jobs(started, ran, store):
    process = started("run", "echo $$ > pid; sleep 1000")
    pid_in(Path("pid"))
    ran("enqueue", "true")

    (row,) = until(store.workers)

    assert (row.queues, [job.number for job in row.running]) == ((), [1])
    assert store.job_by_number(2).state == "pending"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=DEADLINE_S)
    ((job, _),) = polling.ends(store, [1], clock=CLOCK, deadline_ms=0)
    assert job.state == "cancelled"
