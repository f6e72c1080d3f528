from __future__ import annotations

import pytest

from queuectl_core.lifecycle import State
from tests import halves
from tests.builders import buried, completed, jobs_of, new_worker, retried


@pytest.fixture
def mixed(run, ended):
    """Jobs in all states but `processing`, made one after the other."""
    for job_id, how in (("done", completed), ("late", retried), ("lost", buried)):
        run("enqueue", "--id", job_id, "true")
        ended(how)
    run("enqueue", "--id", "off", "true")
    run("cancel", "off")
    run("enqueue", "--id", "next", "--queue", "mail", "echo 1")


def test_list_shows_the_newest_first_in_plain_columns(run, mixed):
    lines = run("list").lines

    assert lines[0].split() == [
        *("ID", "STATE", "PRI", "ATTEMPTS", "QUEUE", "RUN", "AT", "CREATED", "COMMAND")
    ]
    assert [line.split()[0] for line in lines[1:]] == ["next", "off", "lost", "late", "done"]
    assert lines[1].endswith("2023-11-14T22:13:20+00:00  echo 1")


@pytest.mark.parametrize(
    ("state", "name"),
    [
        ("pending", "next"),
        ("completed", "done"),
        ("failed", "late"),
        ("dead", "lost"),
        ("CANCELLED", "off"),
    ],
)
def test_list_keeps_to_a_state(run, mixed, state, name):
    assert [record["id"] for record in run("list", "--state", state, "--json").records] == [name]


def test_list_keeps_to_a_queue_and_a_limit(run, mixed):
    assert [job["id"] for job in run("list", "--queue", "mail", "--json").records] == ["next"]
    assert [job["id"] for job in run("list", "--limit", "2", "--json").records] == ["next", "off"]


def test_list_refuses_a_state_that_is_none(run):
    done = run("list", "--state", "complete")

    assert done.code == 65
    assert "did you mean completed?" in done.err


def test_list_of_nothing_says_so_on_stderr(run, store):
    assert run("list") == (0, "", "no jobs\n")
    assert run("list", "-q") == (0, "", "")


def test_a_terminal_gets_a_screenful_and_the_number_of_the_rest(run, terminal, store):
    run("enqueue", "--stdin", stdin=b"true\n" * 53)

    lines = run("list").lines

    assert len(lines) == 52
    assert lines[-1] == "... and 3 more; --limit 0 shows all"
    assert len(run("list", "--limit", "0").lines) == 54


def test_a_pipe_gets_all_pages(run):
    run("enqueue", "--stdin", stdin=b"true\n" * 1201)

    assert len(run("list", "-q").lines) == 1202


def test_a_terminal_gets_relative_times_and_no_control_characters(run, terminal, clock):
    run("enqueue", "--in", "1h", "printf '\x1b[31m\u202e'; " + "x" * 200)
    clock.advance(120_000)

    row = run("list").lines[1]

    assert "in 58m" in row
    assert "2m ago" in row
    assert "\x1b[31m" not in row
    assert "\u202e" not in row
    assert row.endswith("…")
    assert len(row) == 80


def test_the_name_of_a_job_never_breaks_a_line(run):
    run("enqueue", "echo a\nforged line")

    assert "echo a\\nforged line" in run("list").out


def test_show_tells_all_and_every_attempt(run, mixed):
    done = run("show", "lost", "next")

    assert done.code == 0
    assert "state:       dead\n" in done.out
    assert "error:       no such host\n" in done.out
    assert done.out.count("id:  ") == 2
    assert any(line.startswith("1        exit   1") for line in done.lines)


def test_show_json_has_the_history(run, mixed):
    (record,) = run("show", "late", "--json").records

    assert record["attempts"] == 1
    assert record["history"][0]["ending"] == "exit"
    assert record["history"][0]["exit_code"] == 1
    assert record["history"][0]["duration"] == 0.007


def test_an_id_that_looks_like_a_number_goes_before_the_number(run):
    run("enqueue", "--id", "2", "first")
    run("enqueue", "second")

    def command(word):
        return run("show", word, "--json").records[0]["command"]

    assert command("2") == "first"
    assert command("id:2") == "first"
    assert command("#2") == "second"
    assert command("1") == "first"


@pytest.mark.parametrize("word", ["nope", "9", "#9", "#x", "id:x", "\udcff", "9" * 30, "²"])
@pytest.mark.parametrize("verb", ["show", "logs", "wait", "cancel", "retry", "dlq retry"])
def test_a_job_that_is_not_there_gives_4(run, verb, word):
    done = run(*verb.split(), word)

    assert done.code == 4
    assert "there is no job" in done.err


def test_show_says_what_a_suspect_waits_for(run, open_queue, store, clock):
    run("enqueue", "--id", "a", "true")
    run("enqueue", "--id", "b", "true")
    for _ in range(2):
        lost = open_queue()
        worker = lost.register(new_worker(), now_ms=clock.now_ms())
        halves.claim(lost, worker=worker, limit=2, now_ms=clock.now_ms())
        lost.close()
        (dead,) = store.take_dead_workers()
        store.rescue(dead, now_ms=clock.now_ms())
    worker = store.register(new_worker(), now_ms=clock.now_ms())
    halves.claim(store, worker=worker, limit=2, now_ms=clock.now_ms())

    done = run("show", "b")

    assert "waits:       until job a ends: both were there at two deaths of a worker" in done.lines
    assert not [line for line in run("show", "a").lines if line.startswith("waits:")]


def test_cancel_ends_a_waiting_job(run, mixed, store):
    done = run("cancel", "next", "late")

    assert done == (0, "Cancelled job next\nCancelled job late\n", "")
    assert store.job_by_id("next").state is State.CANCELLED


def test_cancel_asks_for_the_end_of_a_running_job(run, store, clock):
    run("enqueue", "sleep 9")
    worker = store.register(new_worker(), now_ms=clock.now_ms())
    halves.claim(store, worker=worker, limit=1, now_ms=clock.now_ms())

    done = run("cancel", "1")

    assert done == (0, "Stopping job 1: its worker ends it\n", "")
    assert store.job_by_number(1).cancel_requested


def test_cancel_says_when_the_worker_of_a_running_job_is_dead(run, store, clock):
    run("enqueue", "sleep 9")
    halves.claim(store, worker=1, limit=1, now_ms=clock.now_ms())

    done = run("cancel", "1")

    assert done.code == 0
    assert "its worker is dead; it ends when the next one starts" in done.out
    assert run("status").out.splitlines()[2] == "Processing: 1"


def test_a_dry_run_of_cancel_refuses_what_cancel_refuses(run, mixed):
    done = run("cancel", "--dry-run", "done")

    assert done.code == 1
    assert "job done can't be cancelled: it is completed" in done.err


def test_cancel_of_a_final_job_is_told_and_the_others_are_cancelled(run, mixed, store):
    done = run("cancel", "next", "done")

    assert (done.code, done.out) == (1, "Cancelled job next\n")
    assert "job done can't be cancelled: it is completed" in done.err
    assert store.job_by_id("next").state is State.CANCELLED


def test_a_dry_run_changes_nothing(run, mixed, store):
    assert run("cancel", "--dry-run", "next").out == "Would cancel job next\n"
    assert run("retry", "--dry-run", "done").out == "Would retry job done\n"
    assert run("dlq", "retry", "--dry-run", "lost").out == "Would retry job lost\n"
    assert run("dlq", "retry", "--dry-run", "--all").err == "1 job would be retried\n"
    assert store.job_by_id("next").state is State.PENDING
    assert store.job_by_id("lost").state is State.DEAD


def test_retry_revives_failed_and_final_jobs(run, mixed, store):
    done = run("retry", "done", "late", "lost", "off")

    assert done.code == 0
    assert done.lines[0] == "Job done will run again"
    assert {job.state for job in jobs_of(store)} == {State.PENDING}
    assert {job.attempts for job in jobs_of(store)} == {0}


def test_retry_of_a_waiting_job_is_told_and_the_others_are_retried(run, mixed, store):
    done = run("retry", "done", "next")

    assert done.code == 1
    assert "job next can't be retried: it is pending" in done.err
    assert store.job_by_id("done").state is State.PENDING


def test_dlq_lists_shows_and_retries_the_dead(run, mixed, store):
    assert [record["id"] for record in run("dlq", "list", "--json").records] == ["lost"]
    assert "lost" in run("dlq", "show", "lost").out
    assert run("dlq", "retry", "lost") == (0, "Job lost will run again\n", "")

    assert store.job_by_id("lost").state is State.PENDING
    assert run("dlq", "list") == (0, "", "no dead letters\n")


def test_dlq_keeps_its_hands_off_other_jobs(run, mixed, store):
    assert run("dlq", "retry", "done").code == 1
    assert run("dlq", "show", "next").code == 1
    assert store.job_by_id("done").state is State.COMPLETED


def test_dlq_retry_all_takes_every_page(run, store, ended):
    run("enqueue", "--stdin", stdin=b"true\n" * 501)
    for _ in range(501):
        ended(buried)

    done = run("dlq", "retry", "--all")

    assert done.err == "501 jobs retried\n"
    assert run("status", "--json").records[0]["pending"] == 501


def test_dlq_retry_all_leaves_out_what_is_held_and_says_so(run, dead_job, ended, store):
    dead_job("plain")
    run("enqueue", "--id", "held", "--on-crash", "hold", "true")
    ended(buried, reason="held")

    would = run("dlq", "retry", "--all", "--dry-run")
    done = run("dlq", "retry", "--all")

    words = "queuectl: 1 job is held after a crash; name each to run it again\n"
    assert would == (0, "", "1 job would be retried\n" + words)
    assert done == (0, "", "1 job retried\n" + words)
    assert store.job_by_id("held").state is State.DEAD
    assert run("dlq", "retry", "held").out == "Job held will run again\n"


def test_show_tells_what_follows_a_crash(run):
    run("enqueue", '{"command":"true","on_crash":"hold"}')

    assert "on_crash:" in run("show", "1").out
    assert run("show", "--json", "1").records[0]["on_crash"] == "hold"


def test_dlq_retry_wants_ids_or_all(run, dead_job):
    dead_job("a")

    assert run("dlq", "retry").code == 64
    assert run("dlq", "retry", "a", "--all").code == 64


def test_wait_ends_when_all_are_final(run, mixed):
    assert run("wait", "done") == (0, "done: completed\n", "")
    assert run("wait", "done", "lost").out == "done: completed\nlost: dead (no such host)\n"
    assert run("wait", "done", "lost").code == 1
    assert run("wait", "off").code == 1
    assert run("wait", "done", "-q").out == ""


def test_wait_gives_up_in_time_and_polls_gently(run, mixed, clock):
    done = run("wait", "done", "next", "--timeout", "10s")

    assert done.code == 124
    assert "not ended: next" in done.err
    assert clock.waits_ms[0] == 50
    assert max(clock.waits_ms) == 250
    assert clock.monotonic_ms() == 10_000


def test_wait_any_is_content_with_the_first(run, mixed):
    assert run("wait", "--any", "next", "done") == (0, "done: completed\n", "")
    assert run("wait", "--any", "next", "lost").code == 1


def test_wait_refuses_a_bad_span(run, mixed):
    assert run("wait", "done", "--timeout", "soon").code == 65


def test_changes_answer_with_records_or_ids(run, mixed):
    assert run("cancel", "next", "--json").records[0]["state"] == "cancelled"
    assert run("retry", "next", "--json").records[0]["state"] == "pending"
    assert run("wait", "done", "--json").records[0]["state"] == "completed"
    assert [one["id"] for one in run("dlq", "retry", "--all", "--json").records] == ["lost"]
    assert run("retry", "done", "-q").out == "done\n"
    assert run("cancel", "done", "next", "-q").out == "done\nnext\n"


def test_show_on_a_terminal_says_how_long_ago(run, terminal, clock, store):
    run("enqueue", '{"argv":["sleep","9"],"env":{"A":"1"},"timeout":90}')
    halves.claim(store, worker=1, limit=1, now_ms=clock.now_ms())
    run("cancel", "1")
    clock.advance(60_000)

    lines = run("show", "1").lines

    assert "created_at:  2023-11-14T22:13:20+00:00 (1m ago)" in lines
    assert "state:       processing (its worker is told to stop it)" in lines
    assert "timeout:     1m30s" in lines
    assert "env:         A (--env shows the values)" in lines
    assert "command:     sleep 9" in lines
