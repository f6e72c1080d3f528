from __future__ import annotations

import pytest

from tests.builders import buried


def enqueue(run, *options, job_id=None):
    named = () if job_id is None else ("--id", job_id)
    return run("enqueue", *named, *options, "--", "true", "x")


def record(run, job_id):
    (found,) = run("show", "--json", job_id).records
    return found


def test_a_job_after_another_says_that_it_waits(run, ended):
    enqueue(run, job_id="load")

    added = enqueue(run, "--after", "load", job_id="report")

    assert added.out == "Enqueued job report (number 2); waits for other jobs\n"
    before = record(run, "report")
    assert (before["state"], before["reason"], before["after"]) == (
        "pending", "dependency", ["#1:ok"],
    )  # fmt: skip
    ended()
    assert record(run, "report")["reason"] is None


def test_a_job_may_wait_for_several(run):
    enqueue(run, job_id="a")
    enqueue(run, job_id="b")

    enqueue(run, "--after", "a", "--after", "b:any", job_id="c")

    assert record(run, "c")["after"] == ["#1:ok", "#2:any"]


def test_a_job_after_one_that_is_dead_is_cancelled_and_says_so(run, ended, dead_job):
    dead_job("load")

    added = enqueue(run, "--after", "load", job_id="report")

    assert (added.code, "cancelled at once" in added.out) == (0, True)
    assert (record(run, "report")["state"], record(run, "report")["reason"]) == (
        "cancelled", "dependency",
    )  # fmt: skip


def test_children_of_a_job_that_fails_are_cancelled(run, ended):
    enqueue(run, "-p", "9", job_id="load")
    enqueue(run, "--after", "load", job_id="report")
    enqueue(run, "--after", "load:fail", job_id="alarm")

    ended(buried)

    assert record(run, "report")["reason"] == "dependency"
    assert (record(run, "alarm")["state"], record(run, "alarm")["reason"]) == ("pending", None)


def test_a_job_after_one_that_is_not_there_is_refused_with_4(run):
    done = enqueue(run, "--after", "nope")

    assert (done.code, 'there is no job "nope" to wait for' in done.err) == (4, True)


@pytest.mark.parametrize(("conflict", "code"), [("error", 73), ("skip", 0), ("replace", 0)])
def test_a_unique_key_is_met_as_told(run, conflict, code):
    enqueue(run, "--unique", "nightly", job_id="first")

    done = enqueue(run, "--unique", "nightly", "--on-conflict", conflict)

    assert done.code == code
    assert record(run, "first")["state"] == ("cancelled" if conflict == "replace" else "pending")
    if conflict == "error":
        assert 'the unique key "nightly" exists: job first is pending' in done.err
    if conflict == "skip":
        assert done.out == "Job first exists already (number 1); nothing added\n"


def test_a_mutex_parks_the_second_job(run, store, ended, clock):
    enqueue(run, "--mutex", "db")

    added = enqueue(run, "--mutex", "db")

    assert added.out == "Enqueued job 2; waits for its mutex\n"
    assert (record(run, "2")["reason"], record(run, "2")["mutex"]) == ("mutex", "db")
    ended()
    assert record(run, "2")["reason"] is None


def test_a_held_job_waits_for_its_release(run):
    added = enqueue(run, "--hold", job_id="big")
    assert added.out == "Enqueued job big (number 1); held until: queuectl release big\n"
    assert (record(run, "big")["reason"], record(run, "big")["hold"]) == ("held", True)

    assert "waits:       until you let it go: queuectl release big" in run("show", "big").lines
    done = run("release", "big")

    assert (done.code, done.out) == (0, "Released job big\n")
    assert record(run, "big")["reason"] is None
    again = run("release", "big")
    assert (again.code, "is not held: it is pending" in again.err) == (1, True)


def test_a_job_that_waits_is_held_back(run):
    enqueue(run, job_id="big")

    held = run("hold", "big")

    assert (held.code, held.out) == (0, "Held job big; let it go: queuectl release big\n")
    assert record(run, "big")["reason"] == "held"
    assert run("hold", "--json", "big").records[0]["hold"] is True
    assert run("hold", "-q", "big").out == "big\n"
    run("cancel", "big")
    refused = run("hold", "big")
    assert (refused.code, "can't be held: it is cancelled" in refused.err) == (1, True)


def test_a_released_job_tells_what_it_still_waits_for(run):
    enqueue(run, job_id="load")
    enqueue(run, "--hold", "--after", "load", job_id="big")

    assert run("release", "big").out == "Released job big; it still waits (dependency)\n"
    enqueue(run, "--hold", job_id="more")
    assert run("release", "--json", "more").records[0]["hold"] is None
    enqueue(run, "--hold", job_id="last")
    assert run("release", "-q", "last").out == "last\n"


def test_expires_is_shown_and_refused_when_it_is_past(run):
    enqueue(run, "--expires", "30m", job_id="soon")

    assert record(run, "soon")["expires_at"].startswith("2023-11-14T22:43:20")
    assert enqueue(run, "--expires", "2001-01-01").code == 65


def test_a_dry_run_shows_the_wishes(run):
    words = ["--after", "x:any", "--mutex", "db=2", "--unique", "k", "--hold", "--expires", "1h"]

    (draft,) = run("enqueue", "--json", "--dry-run", *words, "--", "true", "x").records

    assert (draft["after"], draft["mutex"], draft["unique"], draft["hold"]) == (
        ["x:any"], "db=2", "k=finished", True,
    )  # fmt: skip


def test_a_stream_may_hold_a_whole_graph(run):
    lines = (
        b'{"id":"a","command":"x"}\n{"id":"b","command":"x","after":["a"]}\n'
        b'{"id":"c","command":"x","after":["nope"]}\n{"command":"x","after":"b:any"}\n'
    )

    done = run("enqueue", "--stdin", stdin=lines)

    assert (done.code, done.out) == (4, "Enqueued 3 jobs\n")
    assert 'line 3: there is no job "nope"' in done.err
