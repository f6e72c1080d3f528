"""`queuectl hook`, from the words of a command line to the runs of workers."""

from __future__ import annotations

import json

import pytest

from queuectl_core.job import HOOKS_QUEUE
from tests import halves
from tests.builders import buried, completed, jobs_of


@pytest.fixture
def bury(open_queue, clock):
    """Lead a new job to its end as a dead letter."""

    def bury(run, how=buried) -> None:
        run("enqueue", "-p", "10", "true")
        store = open_queue()
        (claim,) = halves.claim(store, worker=1, limit=1, now_ms=clock.now_ms())
        halves.finish(store, [how(claim)], now_ms=clock.now_ms())
        store.close()

    return bury


def hook(run, *words):
    done = run("hook", *words)
    assert done.code == 0, done
    return done


def test_options_may_stand_on_both_sides_of_the_event(run):
    words = ("--name", "a", "slow", "--over", "10m", "--queue", "mail", "--", "ls", "--color", "x")

    (added,) = hook(run, "add", "--json", *words).records

    assert (added["name"], added["event"], added["over"], added["queue"]) == (
        "a", "slow", 600, "mail"
    )  # fmt: skip
    assert added["argv"] == ["ls", "--color", "x"]


def test_what_follows_the_first_word_of_the_command_belongs_to_it(run):
    (added,) = hook(run, "add", "dead", "--json", "ls", "--name", "x").records

    assert (added["name"], added["argv"]) == ("dead", ["ls", "--name", "x"])


def test_one_word_is_a_shell_line(run):
    (added,) = hook(run, "add", "--json", "dead", "cat > dead").records

    assert (added["command"], added["argv"], added["max_retries"], added["priority"]) == (
        "cat > dead", None, 8, 9
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("add",), 64, "there is no event"),
        (("add", "dead"), 64, "there is no command"),
        (("add", "daed", "true"), 65, 'did you mean "dead"?'),
        (("add", "slow", "true"), 65, "over is missing"),
        (("add", "dead", "--over", "5m", "true"), 65, "goes with the event slow"),
        (("add", "dead", "--every", "0s", "true"), 65, "more than 0"),
        (("add", "dead", "--every", "soon", "true"), 65, "every"),
        (("add", "dead", "--queue", ".hooks", "true"), 65, "no hook hears of hooks"),
        (("add", "dead", "--name", "a b", "true"), 65, "is not a name"),
        (("add", "dead", "--stdin"), 64, "do not go together"),
        (("show", "nobody"), 4, 'there is no hook "nobody"'),
        (("rm", "nobody"), 4, "queuectl hook list"),
        (("test", "nobody"), 4, "nobody"),
    ],
)
def test_what_is_wrong_is_named(run, words, code, said):
    done = run("hook", *words)

    assert done.code == code, done
    assert said in done.err


def test_a_name_is_taken_once(run):
    hook(run, "add", "dead", "--name", "a", "true")

    taken = run("hook", "add", "dead", "--name", "a", "false")
    skipped = hook(run, "add", "dead", "--name", "a", "--on-conflict", "skip", "false")
    replaced = hook(run, "add", "dead", "--name", "a", "--on-conflict", "replace", "false")

    assert taken.code == 73
    assert "exists already" in skipped.out
    assert "Added" in replaced.out
    assert [record["command"] for record in hook(run, "list", "--json").records] == ["false"]


def test_nothing_is_removed_where_one_is_not_there(run):
    hook(run, "add", "dead", "true")

    assert run("hook", "rm", "dead", "nobody").code == 4

    assert len(hook(run, "list", "--json").records) == 1


def test_a_list_is_what_add_takes(run):
    hook(run, "add", "slow", "--over", "90s", "--every", "10m", "--env", "A=b", "--", "x", "y z")
    hook(run, "add", "dead", "--queue", "mail", "true")
    hook(run, "pause", "dead")
    listed = hook(run, "list", "--json")
    hook(run, "rm", "slow", "dead")

    done = run("hook", "add", "--stdin", stdin=listed.out.encode())

    assert done.code == 0, done
    again = hook(run, "list", "--json").records
    vary = {"created_at", "created_by"}
    assert [{k: v for k, v in one.items() if k not in vary} for one in again] == [
        {k: v for k, v in one.items() if k not in vary} for one in listed.records
    ]


def test_a_stream_with_a_bad_line_adds_none(run):
    lines = b'{"event":"dead","command":"true"}\n{"event":"daed","command":"true"}\n'

    assert run("hook", "add", "--stdin", stdin=lines).code == 65

    assert hook(run, "list", "--json").records == []


def test_runs_that_nobody_takes_are_warned_of(run, bury):
    hook(run, "add", "dead", "true")
    bury(run)

    done = hook(run, "list")

    assert "no worker takes them" in done.err
    assert " 1 " in done.out


def test_figures_and_listings_leave_the_runs_of_hooks_out(run, bury):
    hook(run, "add", "completed", "true")
    bury(run, completed)

    status = run("status")
    (record,) = run("status", "--json").records
    (metrics,) = run("metrics", "--json").records

    assert "Pending:    0" in status.out
    assert "Hooks:      1 pending: queuectl hook list" in status.lines[-1]
    assert (record["pending"], record["hooks"]["pending"]) == (0, 1)
    assert metrics["events"]["enqueued"] == 1
    assert {event["number"] for event in metrics["recent"]} == {1}
    assert [job["queue"] for job in run("list", "--json").records] == ["default"]
    assert [job["queue"] for job in run("list", "--json", "--queue", HOOKS_QUEUE).records] == [
        HOOKS_QUEUE
    ]


@pytest.mark.parametrize("words", [("enqueue", "--queue", ".hooks", "true")])
def test_nobody_puts_jobs_among_hooks(run, words):
    done = run(*words)

    assert done.code == 65
    assert "for hooks alone" in done.err


def test_a_bulk_verb_spares_hooks_unless_they_are_named(run, bury, open_queue):
    hook(run, "add", "dead", "true")
    bury(run)

    run("cancel", "--state", "pending", "--yes")
    store = open_queue()
    assert [job.state for job in jobs_of(store, queue=HOOKS_QUEUE)] == ["pending"]
    run("cancel", "--queue", HOOKS_QUEUE, "--yes")

    assert [job.state for job in jobs_of(store, queue=HOOKS_QUEUE)] == ["cancelled"]
    store.close()


def test_a_test_by_a_worker_tells_of_the_newest_job_that_fits(run, bury, open_queue):
    hook(run, "add", "dead", "true")
    run("hook", "pause", "dead")
    bury(run)
    assert run("hook", "test", "--enqueue", "dead").code == 1
    run("hook", "resume", "dead")

    hook(run, "test", "--enqueue", "dead")

    store = open_queue()
    (job,) = jobs_of(store, queue=HOOKS_QUEUE)
    store.close()
    event = json.loads(job.options.input)
    assert (event["test"], event["job"]["number"], event["job"]["state"]) == (True, 1, "dead")


@pytest.mark.parametrize("event", ["completed", "slow", "late", "queue-paused"])
def test_a_test_of_each_kind_has_something_to_tell(run, open_queue, event):
    over = ["--over", "1m"] if event == "slow" else []
    hook(run, "add", event, *over, "true")

    hook(run, "test", "--enqueue", event)

    store = open_queue()
    (job,) = jobs_of(store, queue=HOOKS_QUEUE)
    store.close()
    told = json.loads(job.options.input)
    assert told["event"] == event
    assert (told["job"] is not None) is (event in {"completed", "slow"})


def test_the_doctor_knows_hooks_whose_command_is_missing_or_whose_runs_are_dead(run, bury):
    def found():
        return {one["check"]: one for one in run("doctor", "--json").records}["hooks"]

    run("enqueue", "--hold", "true")
    assert found()["message"] == "none"
    hook(run, "add", "dead", "true")
    assert found()["state"] == "ok"
    bury(run)
    assert "no worker takes them" in found()["message"]
    hook(run, "add", "dead", "--name", "b", "--", "no-such-program-here", "x")
    assert "no-such-program-here" in found()["message"]
