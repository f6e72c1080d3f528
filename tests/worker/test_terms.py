"""What a job's own options change, with real processes in a real worker."""

from __future__ import annotations

import os
import signal

import pytest

from queuectl_core import joblog
from queuectl_core.options import JobOptions
from tests.worker.harness import is_running, pid_in, until


@pytest.fixture
def ran(bench):
    """Run one job to its end by a worker that stays; return the job: `ran("true", nice=5)`."""
    started = []

    def ran(command="true", *, fields=(), **options):
        number = bench.enqueue(
            command, **({"max_retries": 1} | dict(fields)), options=JobOptions(**options)
        )
        if not started:
            started.append(bench.start())
        return bench.ended(number)

    return ran


def output_of(bench, job):
    path = joblog.log_path(str(bench.path / "logs"), job.number, job.starts)
    return b"".join(chunk.data for chunk in joblog.read_chunks(path))


def test_a_job_reads_its_input_in_each_attempt(bench, ran):
    job = ran(
        'cat; test "$QUEUECTL_ATTEMPT" = 2',
        fields={"max_retries": 2, "backoff": "0"},
        input="one\ntwo\n",
    )

    assert (job.state, job.starts) == ("completed", 2)
    assert output_of(bench, job) == b"one\ntwo\n"


def test_a_job_runs_with_its_niceness_and_so_does_what_it_starts(bench, ran):
    job = ran("nice; sh -c nice", nice=7)

    assert output_of(bench, job) == b"7\n7\n"


def test_a_program_that_is_not_there_is_told_of_through_nice_too(ran):
    job = ran(fields={"argv": ("/no/such",)}, nice=1)

    assert (job.exit_code, "/no/such" in job.error) == (127, True)


def test_codes_that_are_ok_complete_the_job_without_an_error(ran):
    job = ran("echo half done >&2; exit 3", ok_codes="3")

    assert (job.state, job.exit_code, job.error) == ("completed", 3, None)


def test_only_the_codes_to_retry_are_tried_again(ran):
    many = {"max_retries": 3, "backoff": "0"}

    assert ran("exit 75", fields=many, retry_on="75").starts == 3
    assert ran("exit 64", fields=many, retry_on="75").starts == 1
    assert ran("exit 64", fields=many, no_retry_on="64-78").starts == 1
    assert ran("exit 1", fields=many, no_retry_on="64-78").starts == 3
    assert ran("kill -9 $$", fields=many, no_retry_on="SIGKILL").starts == 1


def test_a_check_that_passes_completes_the_job(bench, ran):
    job = ran(
        "echo made > made; echo run", verify='test -s made && echo "checked $QUEUECTL_JOB_ID"'
    )

    assert (job.state, job.exit_code) == ("completed", 0)
    assert output_of(bench, job) == b"run\nchecked 1\n"


def test_a_check_that_fails_fails_the_attempt(ran):
    job = ran("echo fine >&2", verify="exit 4")

    assert (job.state, job.reason, job.exit_code) == ("dead", "verify", 4)
    assert job.error == "verify failed: exit code 4"


def test_a_check_that_fails_says_why(ran):
    assert ran(verify="echo too small >&2; false").error == "verify failed: too small"


def test_a_failed_run_is_not_checked(bench, ran):
    job = ran("exit 2", verify="touch looked")

    assert (job.reason, job.exit_code) == ("exit", 2)
    assert not (bench.path / "looked").exists()


def test_run_and_check_share_one_timeout(ran):
    job = ran(fields={"timeout_ms": 300}, verify="sleep 60")

    assert (job.reason, job.error) == ("timeout", "verify failed: timed out after 0.3 s in all")


def test_a_failed_check_can_be_the_one_thing_to_retry(ran):
    job = ran(
        fields={"max_retries": 2, "backoff": "0"},
        verify='test "$QUEUECTL_ATTEMPT" = 2',
        retry_on="verify",
    )

    assert (job.state, job.starts) == ("completed", 2)


def test_the_grace_before_the_kill_is_the_jobs_own(ran):
    job = ran("trap '' TERM; sleep 60", fields={"timeout_ms": 100}, kill_after_ms=50)

    assert (job.reason, job.signal) == ("timeout", 9)


def test_what_a_job_may_leave_in_the_background_outlives_it_and_its_worker(bench):
    line = (
        "exec 2>/dev/null >&2; sleep 1000 & echo $! > left; "
        "setsid sh -c 'echo $$ > fled; exec sleep 1000' & true"
    )
    number = bench.enqueue(line, options=JobOptions(allow_background=True))
    worker = bench.start()
    left, fled = pid_in(bench.path / "left"), pid_in(bench.path / "fled")
    try:
        assert bench.ended(number).state == "completed"
        # an orphan of another job is ended by the same look that must pass over these
        other = bench.enqueue(
            "setsid sh -c 'echo $$ > other; exec env -i sleep 1000' & "
            "until test -s other; do :; done"
        )
        assert bench.ended(other).state == "completed"
        gone = pid_in(bench.path / "other")
        until(lambda: not is_running(gone))
        worker.signal(signal.SIGTERM)
        assert worker.exit_code() == 0

        assert (is_running(left), is_running(fled)) == (True, True)
    finally:
        for pid in (left, fled):
            os.kill(pid, signal.SIGKILL)


def test_a_job_that_times_out_leaves_nothing_whatever_it_may_leave(bench, ran):
    job = ran(
        "sleep 1000 & echo $! > left; wait",
        fields={"timeout_ms": 300},
        allow_background=True,
    )

    assert job.reason == "timeout"
    assert not is_running(pid_in(bench.path / "left"))


def test_what_a_crashed_job_had_in_the_background_is_gone_before_it_runs_again(bench):
    line = (
        'test "$QUEUECTL_ATTEMPT" = 2 && exit 0; setsid sleep 1000 >/dev/null 2>&1 & '
        "echo $! > left; sleep 1000"
    )
    number = bench.enqueue(line, options=JobOptions(allow_background=True))
    bench.start()
    left = pid_in(bench.path / "left")

    os.kill(bench.row().pool_pid, signal.SIGKILL)

    assert bench.ended(number).state == "completed"
    assert not is_running(left)
