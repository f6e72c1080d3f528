from __future__ import annotations

import json

import pytest

from queuectl_core.cli.main import main
from queuectl_core.joblog import STDERR, STDOUT, JobLogWriter, log_path
from tests.builders import NOW_MS, buried, completed, new_job, retried

MEBIBYTE = 1 << 20


@pytest.fixture
def write(home):
    """Write to the log of a job's attempt: `write(1, 1, (STDOUT, b"text"), ...)`."""

    def write(number: int, attempt: int, *pieces: tuple[str, bytes]) -> None:
        path = log_path(str(home / "logs"), number, attempt)
        (home / "logs").mkdir(exist_ok=True)
        writer = JobLogWriter(path, head_bytes=MEBIBYTE, tail_bytes=MEBIBYTE)
        for stream, data in pieces:
            writer.write(stream, data, NOW_MS)
        writer.close()

    return write


@pytest.fixture
def job(run, ended, write):
    """A job `a` that ended, with two lines on stdout and one on stderr."""
    run("enqueue", "--id", "a", "true")
    ended(completed)
    write(1, 1, (STDOUT, b"one\n"), (STDERR, b"oops\n"), (STDOUT, b"two\n"))


def test_logs_print_both_streams_in_order(run, job):
    assert run("logs", "a") == (0, "one\noops\ntwo\n", "")


def test_logs_print_one_stream(run, job):
    assert run("logs", "a", "--stdout").out == "one\ntwo\n"
    assert run("logs", "a", "--stderr").out == "oops\n"
    assert run("logs", "a", "--stderr", "--stdout").code == 64


@pytest.mark.parametrize(("count", "text"), [("0", ""), ("1", "two\n"), ("9", "one\noops\ntwo\n")])
def test_logs_print_the_last_lines(run, job, count, text):
    assert run("logs", "-n", count, "a").out == text


def test_the_last_lines_are_whole_although_chunks_are_not(run, job, write, ended):
    run("retry", "a")
    ended(completed)
    write(1, 2, (STDOUT, b"first\nse"), (STDOUT, b"cond\nth"), (STDOUT, b"ird"))

    assert run("logs", "-n", "2", "a").out == "second\nthird"


def test_logs_json_tells_stream_and_time(run, job):
    records = run("logs", "a", "--json").records

    assert [record["stream"] for record in records] == ["stdout", "stderr", "stdout"]
    assert records[0] == {
        "id": "a",
        "attempt": 1,
        "stream": "stdout",
        "at": "2023-11-14T22:13:20+00:00",
        "text": "one\n",
    }


def test_logs_of_an_earlier_attempt(run, ended, write, clock):
    run("enqueue", "--id", "a", "true")
    ended(retried, run_at_ms=clock.now_ms())
    ended(buried)
    write(1, 1, (STDERR, b"first\n"))
    write(1, 2, (STDERR, b"second\n"))

    assert run("logs", "a").out == "second\n"
    assert run("logs", "a", "--attempt", "1").out == "first\n"
    assert run("logs", "a", "--attempt", "3").code == 4
    assert run("logs", "a", "--attempt", "0").code == 64


def test_logs_of_several_jobs_have_heads(run, job, ended, write):
    run("enqueue", "--id", "b", "true")
    ended(completed)
    write(2, 1, (STDOUT, b"bee\n"))

    assert run("logs", "a", "b", "--stdout").out == "==> a <==\none\ntwo\n\n==> b <==\nbee\n"
    assert run("logs", "-f", "a", "b").code == 64


def test_a_job_that_has_not_started_says_so(run):
    run("enqueue", "--id", "a", "true")

    done = run("logs", "a")

    assert (done.code, done.out) == (0, "")
    assert "has not started yet: it is pending" in done.err


def test_a_job_without_output_prints_nothing(run, ended):
    run("enqueue", "true")
    ended(completed)

    assert run("logs", "1") == (0, "", "")


def test_bytes_come_through_a_pipe_as_they_are(store, ended, write, capsysbinary):
    store.enqueue([new_job()], now_ms=NOW_MS)
    ended(completed)
    write(1, 1, (STDOUT, b"\x1b[31m\xff\x00\r\n"))

    main(["logs", "1"])

    assert capsysbinary.readouterr().out == b"\x1b[31m\xff\x00\r\n"


def test_a_terminal_gets_no_control_characters_unless_raw(run, terminal, job, write, ended):
    run("retry", "a")
    ended(completed)
    euro = "€".encode()
    write(1, 2, (STDOUT, b"\x1b]0;t\x07\xff" + euro[:1]), (STDOUT, euro[1:] + b"\tx\n"))

    assert run("logs", "a").out == "\\x1b]0;t\\x07\\xff€\tx\n"


def test_follow_ends_with_the_job(run, job, clock):
    assert run("logs", "-f", "a").out == "one\noops\ntwo\n"
    assert run("logs", "-f", "-n", "1", "a").out == "two\n"


def test_follow_waits_for_the_start_and_the_end(run, store, ended, write, clock):
    run("enqueue", "--id", "a", "true")
    steps = iter([lambda: None, lambda: (ended(completed), write(1, 1, (STDOUT, b"here\n")))])
    pause = clock.pause

    def step(span_ms):
        pause(span_ms)
        next(steps)()

    clock.pause = step

    done = run("logs", "-f", "a", "--json")

    assert [json.loads(line)["text"] for line in done.lines] == ["here\n"]


# --- output that is not there any more ---

DAY_MS = 24 * 3600 * 1000


@pytest.fixture
def wordy_job(run, ended):
    """A job `a` that wrote something of which no file is left."""
    run("enqueue", "--id", "a", "true")
    ended(completed, output_bytes=17)


def test_output_that_was_removed_for_its_age_is_told_of(run, clock, wordy_job):
    clock.advance(7 * DAY_MS)

    assert run("logs", "a") == (
        0, "", "queuectl: job a: output was removed after 7 days; setting keep-output-days\n",
    )  # fmt: skip


def test_the_age_at_which_output_is_removed_is_that_of_the_settings(
    run, clock, wordy_job, monkeypatch
):
    monkeypatch.setenv("QUEUECTL_KEEP_OUTPUT_DAYS", "0.5")
    clock.advance(DAY_MS // 2)

    assert "after 0.5 days" in run("logs", "a").err


def test_output_that_is_gone_sooner_was_removed_for_room_or_never_kept(run, clock, wordy_job):
    clock.advance(7 * DAY_MS - 1)

    done = run("logs", "a", "--follow")

    assert done.code == 0
    assert done.err.startswith(
        "queuectl: job a: output is not there: removed (setting keep-output-bytes), or dropped on a"
        " full disk; see /"
    )
    assert done.err.endswith("/logs/worker-1.log\n")


def test_output_that_no_setting_lets_be_kept_is_told_so(run, clock, wordy_job, monkeypatch):
    monkeypatch.setenv("QUEUECTL_OUTPUT_LIMIT", "0")

    assert "output is not kept; setting output-limit" in run("logs", "a").err


def test_a_job_that_wrote_nothing_is_not_said_to_have_lost_output(run, clock, ended):
    run("enqueue", "--id", "a", "true")
    ended(completed, output_bytes=0)
    clock.advance(100 * DAY_MS)

    assert run("logs", "a") == (0, "", "")


def test_the_output_of_another_attempt_is_not_missed(run, clock, ended):
    run("enqueue", "--id", "a", "true")
    ended(retried, output_bytes=17)
    clock.advance(60_000)
    ended(completed, output_bytes=0)

    assert run("logs", "a").err == ""
    assert "output is not there" in run("logs", "a", "--attempt", "1").err


def test_output_that_is_there_is_not_said_to_be_removed(run, clock, wordy_job, write):
    write(1, 1, (STDOUT, b"kept for long\n"))
    clock.advance(100 * DAY_MS)

    assert run("logs", "a") == (0, "kept for long\n", "")
