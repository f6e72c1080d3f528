"""Each exit code of the table, by a command that ends with it."""

from __future__ import annotations

import sqlite3

import pytest

from queuectl_core.cli import topics
from queuectl_core.errors import QueuectlError
from queuectl_core.storage import open_store
from tests.builders import NOW_MS, completed

TABLE = {
    int(line.split()[0])
    for line in topics.TOPICS["exit-codes"].splitlines()
    if line[:3] == "  " + line[2:3] and line[2:3].isdigit()
}
IN_TESTS_OF_THEIR_OWN = {70, 124, 130}
"""A bug, the end of a wait, Ctrl+C: test_main.py, test_jobs.py."""


def test_the_table_has_every_code_of_an_error():
    def codes(error):
        return {error.exit_code}.union(*map(codes, error.__subclasses__()))

    assert codes(QueuectlError) <= TABLE
    assert set(ENDS) | IN_TESTS_OF_THEIR_OWN == TABLE


def done_well(run, _home):
    return run("enqueue", "true")


def answer_is_no(run, _home):
    run("enqueue", "--id", "a", "true")
    return run("retry", "a")


def no_worker(run, _home):
    return run("worker", "health")


def no_job(run, _home):
    return run("show", "nope")


def wrong_command_line(run, _home):
    return run("list", "--nope")


def wrong_data(run, _home):
    return run("enqueue", '{"command":')


def no_input(run, _home):
    return run("enqueue", "--file", "nope")


def not_there(run, _home):
    return run("web", "--healthcheck", "--port", "1")


def id_exists(run, _home):
    run("enqueue", "--id", "a", "true")
    return run("enqueue", "--id", "a", "true")


def damaged(run, home):
    home.mkdir(mode=0o700)
    (home / "queue.db").write_text("no database" * 100)
    (home / "queue.db").chmod(0o600)
    return run("list")


def busy(run, home):
    run("enqueue", "--id", "a", "true")
    run("backup", "copy.db")
    other = open_store(str(home / "queue.db"), now_ms=NOW_MS)
    try:
        return run("restore", "copy.db", "--force")
    finally:
        other.close()


def newer(run, home):
    run("enqueue", "true")
    other = sqlite3.connect(home / "queue.db")
    other.execute("PRAGMA user_version = 9999")
    other.close()
    return run("list")


def no_permission(run, home):
    home.mkdir()
    home.chmod(0o777)
    return run("list")


def wrong_settings(run, _home):
    return run("config", "set", "max-retries", "many")


ENDS = {
    0: done_well, 1: answer_is_no, 3: no_worker, 4: no_job, 64: wrong_command_line, 65: wrong_data,
    66: no_input, 69: not_there, 73: id_exists, 74: damaged, 75: busy, 76: newer,
    77: no_permission, 78: wrong_settings,
}  # fmt: skip


@pytest.mark.parametrize("code", ENDS)
def test_a_command_ends_with_the_code_of_the_table(run, home, code):
    done = ENDS[code](run, home)

    assert done.code == code, done


@pytest.mark.parametrize("code", [code for code in ENDS if code > 3])
def test_with_json_the_error_is_an_object(run, home, code):
    def run_for_json(*argv):
        return run(*argv[:1], "--json", *argv[1:]) if argv[0] == "enqueue" else run(*argv, "--json")

    done = ENDS[code](run_for_json, home)

    assert done.code == code
    error = done._replace(out=done.err).records[-1]
    assert list(error) == ["error", "hint", "exit_code"]
    assert error["exit_code"] == code
    assert error["error"]
    assert error["hint"]


# --- what is told ---


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("ls", "list"), ("ps", "list"), ("add", "enqueue"), ("start", "worker start"),
        ("stop", "worker stop"), ("log", "logs"), ("kill", "cancel"), ("stats", "metrics"),
        ("LS", "list"), ("lst", "list"), ("enque", "enqueue"), ("satus", "status"),
        ("wroker", "worker"), ("dead", "dlq list"),
    ],
)  # fmt: skip
def test_words_of_other_programs_lead_to_the_verb(run, typed, meant):
    done = run(typed, "x")

    assert done.code == 64
    assert done.err.endswith(f"hint: did you mean {meant}?\n")


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("enqueue", "--in", "1 hour", "true"), "--in: not a duration: '1 hour'"),
        (("enqueue", "--at", "soon", "true"), "--at: not a time: 'soon'"),
        (("enqueue", "--retries", "many", "true"), "--retries must be"),
        (("enqueue", "--timeout", "ever", "true"), "--timeout: not a duration"),
        (("enqueue", "--id", "a b", "true"), '--id "a b"'),
        (("enqueue", "--id", "", "true"), '--id ""'),
        (("enqueue", "--in", "x", '{"command":"true"}'), "--in: not a duration"),
        (("enqueue", '{"command":"true","run_at":"soon"}'), "run_at: not a time"),
        (("wait", "--timeout", "soon", "a"), "--timeout: not a duration"),
        (("worker", "stop", "--timeout", "soon"), "--timeout: not a duration"),
        (("enqueue", "--on-conflict", "skp", "true"), "did you mean skip?"),
        (("enqueue", "--priorty", "3", "true"), "did you mean --priority?"),
        (("list", "--count", "3"), "--count belongs to schedule next, worker start"),
        (("list", "--state", "ded"), "dead"),
        (("config", "get", "max-retry"), "did you mean max-retries?"),
        (("config", "set", "jobtimeout", "3"), "did you mean job-timeout?"),
        (("config", "unset", "max_retry"), "did you mean max-retries?"),
        (("worker", "lst"), "did you mean worker list?"),
        (("dlq", "nonsense"), "queuectl dlq list|show|retry"),
        (("restore", "--json"), "lacks its arguments"),
        (("list", "extra", "--json"), "does not take: extra"),
    ],
)
def test_what_is_wrong_is_named_as_it_was_typed(run, argv, said):
    done = run(*argv)

    assert done.code in {64, 65, 78}
    assert said in done.err.replace('\\"', '"')


def test_json_of_a_jobs_command_is_not_ours(run):
    assert run("enqueue", "--at", "x", "--", "rsync", "--json").err.startswith("queuectl: ")
    assert run("enqueue", "--at", "x", "--json", "rsync").err.startswith('{"error"')
    assert run("enqueue", '{"command":1}', "--json").err.startswith('{"error"')


def test_quiet_says_nothing_that_was_not_asked_for(run, ended):
    name = run("enqueue", "-q", "true").out

    assert name == "1\n"
    assert run("cancel", "-q", "1").out == "1\n"
    run("enqueue", "true")
    ended(completed)
    assert run("wait", "-q", "2") == (0, "", "")
    assert run("config", "set", "-q", "max-retries", "4") == (0, "", "")
    assert run("list", "-q", "--state", "dead").err == ""


@pytest.mark.parametrize("argv", [("cancel", "1"), ("dlq", "retry", "--all")])
def test_nothing_asks_with_no_input(run, argv):
    run("enqueue", "true")

    assert run("--no-input", *argv).code == run(*argv[:1], *argv[1:], "--no-input").code - (
        argv[0] == "cancel"
    )
