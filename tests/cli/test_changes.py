from __future__ import annotations

import io
import os

import pytest

from queuectl_core import joblog
from queuectl_core.cli import asking
from queuectl_core.cli.main import main
from queuectl_core.lifecycle import State
from queuectl_core.selection import Selection
from tests import halves
from tests.builders import buried, completed, jobs_of, new_worker, retried


@pytest.fixture
def mixed(run, ended):
    """One job that is dead, one completed, one failed; and three that wait, two of them in mail."""
    for name, how in (("lost", buried), ("done", completed), ("late", retried)):
        run("enqueue", "--id", name, "--tag", "old", "--", "rsync", name)
        ended(how)
    run("enqueue", "--id", "next", "-p", "1", "true")
    run("enqueue", "--stdin", "--queue", "mail", stdin=b"echo one\necho two\n")


def states(store):
    return {job.name: str(job.state) for job in jobs_of(store)}


@pytest.fixture
def person(monkeypatch):
    """Let a person sit at the terminal and type: `person("y")`."""

    def person(answer):
        stdin = io.TextIOWrapper(io.BytesIO(f"{answer}\n".encode()))
        monkeypatch.setattr(stdin, "isatty", lambda: True, raising=False)
        monkeypatch.setattr(asking.sys.stderr, "isatty", lambda: True)
        return stdin

    return person


# --- which ---


@pytest.mark.parametrize(
    "verb", ["cancel", "retry", "rm", "dlq retry", "dlq purge", "edit --set priority=1"]
)
def test_a_change_wants_ids_or_a_selection_and_not_both(run, mixed, verb):
    nothing = run(*verb.split())
    both = run(*verb.split(), "lost", "--tag", "old")

    assert (nothing.code, both.code) == (64, 64)
    assert "give the ids of jobs, or options that select some" in nothing.err


def test_a_selection_is_cancelled_and_counted(run, mixed, store):
    done = run("cancel", "--queue", "mail", "--yes")

    assert done == (0, "", "2 jobs cancelled\n")
    assert store.count(Selection(states=(State.CANCELLED,))) == 2
    assert states(store)["next"] == "pending"


def test_a_selection_without_a_state_takes_what_the_verb_can_change(run, mixed, store):
    assert run("cancel", "--grep", "rsync", "--yes").err == "1 job cancelled\n"
    assert run("retry", "--tag", "old").err == "1 job retried\n"
    assert states(store) | {"late": "cancelled", "lost": "pending", "done": "completed"} == states(
        store
    )


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["cancel", "--state", "completed"], "cancel takes jobs that are pending"),
        (["retry", "--state", "pending"], "retry takes jobs that are failed"),
        (["rm", "--state", "dead,pending"], "remove takes jobs that are completed"),
        (["edit", "--state", "processing", "--set", "priority=1"], "edit takes jobs that are"),
    ],
)
def test_a_state_that_a_verb_never_takes_is_refused(run, mixed, words, hint):
    done = run(*words)

    assert done.code == 64
    assert hint in done.err


def test_rm_of_waiting_jobs_says_to_cancel_them_first(run, mixed):
    assert "cancel them first" in run("rm", "--state", "pending").err
    assert "cancel it first: queuectl cancel next" in run("rm", "next").err


def test_each_job_that_fails_is_named_with_its_reason_and_the_others_go_on(run, mixed, store):
    done = run("rm", "lost", "next", "nope", "done")

    assert (done.code, done.out) == (4, "Removed job lost\nRemoved job done\n")
    assert "job next can't be removed: it is pending" in done.err
    assert 'there is no job "nope"' in done.err
    assert set(states(store)) == {"late", "next", "5", "6"}


def test_many_jobs_are_changed_in_chunks(run, store):
    run("enqueue", "--stdin", stdin=b"true\n" * 1_201)

    done = run("cancel", "--state", "pending", "--yes", "-q")

    assert len(done.lines) == 1_201
    assert {job.state for job in jobs_of(store)} == {State.CANCELLED}


# --- asking ---


@pytest.mark.parametrize(
    "words",
    [["cancel", "--queue", "mail"], ["rm", "--tag", "old"], ["dlq", "purge", "--all"]],
)
def test_a_destructive_selection_needs_a_yes_where_nobody_is_asked(run, mixed, store, words):
    before = states(store)

    done = run(*words)

    assert done.code == 64
    assert "needs --yes" in done.err
    assert states(store) == before


def test_a_person_is_asked_and_heeded(mixed, store, person, monkeypatch, clock, capsys):
    for answer, code in (("", 1), ("n", 1), ("Yes", 0)):
        monkeypatch.setattr(asking.sys, "stdin", person(answer))
        assert main(["cancel", "--queue", "mail"], clock) == code
    assert "Cancel 2 jobs? [y/N] " in capsys.readouterr().err
    assert store.count(Selection(states=(State.CANCELLED,))) == 2


def test_no_input_asks_nobody(mixed, person, monkeypatch, clock):
    monkeypatch.setattr(asking.sys, "stdin", person("y"))

    assert main(["cancel", "--queue", "mail", "--no-input"], clock) == 64


def test_nothing_selected_is_nothing_to_ask(run, mixed):
    assert run("rm", "--queue", "none") == (0, "", "0 jobs removed\n")


def test_a_dry_run_of_a_selection_tells_and_changes_nothing(run, mixed, store):
    before = states(store)

    assert run("cancel", "--queue", "mail", "--dry-run").err == "2 jobs would be cancelled\n"
    assert run("rm", "--tag", "old", "--dry-run", "-q").lines == ["done", "lost"]
    records = run("retry", "--tag", "old", "--dry-run", "--json").records
    assert [record["id"] for record in records] == ["lost", "late"]
    assert states(store) == before


# --- rm ---


def test_a_removed_job_is_gone_with_attempts_and_output(run, ended, store, home):
    run("enqueue", "--id", "a", "true")
    ended(completed)
    log = joblog.log_path(str(home / "logs"), 1, 1)
    (home / "logs").mkdir(exist_ok=True)
    os.makedirs(os.path.dirname(log), exist_ok=True)
    with open(log, "w") as file:
        file.write("o 0 2 1764000000123\nx\n\n")

    assert run("rm", "a") == (0, "Removed job a\n", "")

    assert run("show", "a").code == 4
    assert store.attempts(1) == []
    assert not os.path.exists(log)


def test_removed_jobs_answer_with_what_they_were(run, mixed):
    (record,) = run("rm", "done", "--json").records

    assert (record["id"], record["state"]) == ("done", "completed")


def test_a_running_job_is_not_removed(run, store, clock):
    run("enqueue", "true")
    halves.claim(
        store,
        worker=store.register(new_worker(), now_ms=clock.now_ms()),
        limit=1,
        now_ms=clock.now_ms(),
    )

    done = run("rm", "1")

    assert done.code == 1
    assert "it is processing" in done.err


# --- edit ---


def test_edit_changes_what_waits(run, mixed, store):
    done = run("edit", "next", "--set", "priority=9", "--set", "timeout=2m", "--set", "tags=a,b")

    assert done == (0, "Edited job next\n", "")
    job = store.job_by_id("next")
    assert (job.priority, job.timeout_ms, job.tags) == (9, 120_000, ("a", "b"))


def test_edit_of_a_selection_moves_it_to_another_queue(run, mixed, store):
    assert run("edit", "--queue", "mail", "--set", "queue=slow").err == "2 jobs edited\n"
    assert len(jobs_of(store, queue="slow")) == 2


def test_edit_of_what_has_ended_is_refused(run, mixed):
    done = run("edit", "done", "--set", "priority=9")

    assert done.code == 1
    assert "job done can't be edited: it is completed" in done.err


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("priority=99", "priority must be a whole number"),
        ("priority=high", "priority must be a whole number"),
        ("prio=9", "did you mean priority?"),
        ("state=dead", '"state" can\'t be edited'),
        ("id=x", '"id" can\'t be edited'),
        ("priority", 'has no "="'),
        ("env=A", "env: not valid JSON"),
        ("command=", "the job has no command"),
        ("queue=a b", "is not a name"),
        ("tags=a,,b", "is not a name"),
    ],
)
def test_a_wrong_edit_is_named(run, mixed, pair, message):
    done = run("edit", "next", "--set", pair)

    assert done.code == 65
    assert message in done.err


def test_edit_without_a_change_is_refused(run, mixed):
    assert run("edit", "next").code == 64
    assert run("edit", "next", "--set", "cwd=/a", "--set", "cwd=/b").code == 65


def test_edit_makes_an_argv_of_a_shell_line_and_back(run, mixed, store):
    run("edit", "next", "--set", 'argv=["echo", "a b"]')
    assert (store.job_by_id("next").argv, store.job_by_id("next").command) == (
        ("echo", "a b"),
        None,
    )
    run("edit", "next", "--set", "command=echo c")
    assert (store.job_by_id("next").argv, store.job_by_id("next").command) == (None, "echo c")


# --- dead letters ---


def test_dlq_purge_removes_dead_letters_only(run, mixed, store):
    assert run("dlq", "purge", "done").code == 1
    assert run("dlq", "purge", "--all", "--yes").err == "1 job purged\n"
    assert "lost" not in states(store)
    assert "done" in states(store)


def test_dlq_retry_at_a_rate_spreads_the_moments(run, ended, store, clock):
    run("enqueue", "--stdin", stdin=b"false\n" * 5)
    for _ in range(5):
        ended(buried)
    now_ms = clock.now_ms()

    assert run("dlq", "retry", "--all", "--rate", "2/s").err == "5 jobs retried\n"

    due = [job.run_at_ms - now_ms for job in reversed(jobs_of(store))]
    assert due == [0, 500, 1_000, 1_500, 2_000]


@pytest.mark.parametrize("rate", ["0", "fast", "5/", "5/day", "-1/s", ""])
def test_a_wrong_rate_is_refused(run, mixed, rate):
    assert run("dlq", "retry", "--all", f"--rate={rate}").code == 64


# --- prune ---


def test_prune_forgets_by_the_settings_and_asks_nobody(run, mixed, store, clock):
    assert run("prune") == (0, "", "0 jobs forgotten\n")
    clock.advance(31 * 24 * 3_600_000)
    assert run("prune", "--dry-run").err == "1 job would be forgotten\n"
    assert run("prune").err == "1 job forgotten\n"
    assert "done" not in states(store)
    assert "lost" in states(store)


def test_prune_of_younger_jobs_needs_a_yes(run, mixed, store, clock):
    clock.advance(60_000)

    assert run("prune", "--older-than", "10s").code == 64
    assert run("prune", "--older-than", "10s", "--yes", "--json").records == [{"pruned": 1}]
    assert "done" not in states(store)


# --- pause and resume ---


def test_a_paused_queue_is_seen_in_status_and_list(run, mixed, monkeypatch):
    monkeypatch.setenv("SUDO_USER", "ann")

    assert run("pause", "mail", "--reason", "smtp is down").out == "Paused queue mail\n"

    line = "queue mail (2023-11-14T22:13:20+00:00, by ann: smtp is down)"
    assert run("status").lines[-1] == f"Paused:     {line}"
    (paused,) = run("status", "--json").records[0]["paused"]
    assert (paused["queue"], paused["by"], paused["reason"]) == ("mail", "ann", "smtp is down")
    assert run("list", "--queue", "mail").err == f"queuectl: paused: {line}\n"
    assert run("list", "--queue", "default").err == ""
    assert run("resume", "mail").out == "Resumed queue mail\n"
    assert "Paused" not in run("status").out


def test_all_queues_are_paused_and_resumed_together(run, mixed):
    assert run("pause").out == "Paused all queues\n"
    assert run("pause").out.startswith("Paused all queues (it was already")
    one = run("resume", "mail")
    assert (one.code, "queuectl resume, without a name" in one.err) == (1, True)
    assert run("resume", "--json").records == [{"queue": None, "paused": False}]
    assert run("resume").out == "Nothing was paused\n"


def test_a_wrong_queue_is_refused(run):
    assert run("pause", "a b").code == 65
    assert run("pause", "*").code == 65
    assert run("pause", "--reason", "x" * 501).code == 65
