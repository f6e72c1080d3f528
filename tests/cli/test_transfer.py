from __future__ import annotations

import json

import pytest

from queuectl_core.lifecycle import State
from queuectl_core.services import transfer
from tests import halves
from tests.builders import buried, completed, jobs_of, retried


@pytest.fixture
def mixed(run, ended, store, clock):
    """One job in each state, some with all that a job can have."""
    for name, how in (("lost", buried), ("done", completed), ("late", retried)):
        run("enqueue", "--id", name, "--tag", "t", "--env", "A=1", "--", "rsync", name)
        ended(how)
    run("enqueue", "true")
    halves.claim(store, worker=1, limit=1, now_ms=clock.now_ms())
    run("enqueue", "--id", "off", "-p", "1", "true")
    run("cancel", "off")
    run("enqueue", "--id", "next", "--at", "2030-01-01T00:00:00Z", "--backoff", "10,60", "true")


def test_an_export_comes_back_as_it_was(run, mixed, tmp_path):
    done = run("export", "--history")
    assert done.err == "6 jobs exported\n"

    other = ("--db", str(tmp_path / "other.db"))
    back = run("import", "-", *other, stdin=done.out.encode())
    again = run("export", "--history", *other)

    assert (back.code, back.out) == (0, "Imported 6 jobs\n")
    for before, after in zip(done.records, again.records, strict=True):
        if before["state"] == "processing":
            before["state"], after["reason"] = "pending", before["reason"]
            before["worker"] = None
        assert {**after, "worker": None} == {**before, "worker": None}


@pytest.fixture
def flowing(run, ended, store, clock):
    """Jobs that wait for each other, for a mutex, for people, after one that is forgotten."""
    run("enqueue", "--id", "gone", "true")
    run("cancel", "gone")
    run("rm", "gone")
    run("enqueue", "--id", "done", "--unique", "k=1h", "--mutex", "db=2", "true")
    ended(completed)
    run("enqueue", "--after", "done", "-p", "1", "--id", "free", "true")
    run("enqueue", "--id", "runs", "--mutex", "db", "-p", "10", "true")
    halves.claim(store, worker=1, limit=1, now_ms=clock.now_ms())
    run("enqueue", "--mutex", "db", "--tag", "t", "--unique", "m=started", "true")
    run("enqueue", "--after", "done:any", "--after", "runs:fail", "--id", "child", "true")
    run("enqueue", "--hold", "--expires", "2h", "--after", "child", "true")
    run("enqueue", "--hold", "--id", "off", "--after", "runs:any", "true")
    run("cancel", "off")


def test_jobs_that_wait_come_back_as_they_waited(run, flowing, tmp_path):
    done = run("export", "--history")

    other = ("--db", str(tmp_path / "other.db"))
    back = run("import", "-", *other, stdin=done.out.encode())
    again = run("export", "--history", *other)

    assert (back.code, back.err, back.out) == (0, "", "Imported 7 jobs\n")
    moved = {f"#{one['number']}": f"#{place}" for place, one in enumerate(done.records, 1)}
    for before, after in zip(done.records, again.records, strict=True):
        for name in ("unique", "mutex", "hold", "expires_at", "tags", "priority", "attempts"):
            assert after[name] == before[name], name
        pairs = [one.split(":") for one in before["after"] or ()]
        assert (after["after"] or []) == [f"{moved[job]}:{how}" for job, how in pairs]
    by_id = {one["id"]: one for one in again.records}
    assert by_id["runs"]["state"] == "pending"
    assert by_id["child"]["after"] == ["#3:fail"]  # the other one had ended
    assert by_id["child"]["reason"] == "dependency"
    assert by_id["6"]["reason"] == "held"
    assert run("doctor", *other).out.count("each waits for something that is to come") == 1


def test_a_job_is_not_imported_without_the_one_that_it_waits_for(run, flowing, tmp_path):
    lines = run("export", "--state", "pending").out.encode()

    done = run("import", "-", "--db", str(tmp_path / "other.db"), stdin=lines)

    assert (done.code, done.out) == (4, "Imported 2 jobs\n")
    assert 'line 3: it waits for job "#4", which did not come along' in done.err
    assert 'line 4: it waits for job "#6", which did not come along' in done.err


def test_jobs_that_wait_for_each_other_may_be_far_apart_in_a_file(run, store, monkeypatch):
    monkeypatch.setattr(transfer, "CHUNK", 2)
    lines = [{"number": 10 * n, "command": f"{n}", "id": f"j{n}"} for n in range(1, 6)]
    lines += [{"number": 5, "command": "odd"}]
    wishes = [["#10", "50"], ["j3:any"], ["5:fail"], ["id:j4"]]
    lines += [{"number": 99, "command": "child", "after": after} for after in wishes]

    done = run("import", "-", stdin="\n".join(map(json.dumps, lines)).encode())

    assert (done.code, done.out) == (0, "Imported 10 jobs\n")
    assert [job.after for job in reversed(jobs_of(store)[:4])] == [
        "1:ok 5:ok",
        "3:any",
        "6:fail",
        "4:ok",
    ]


def test_an_export_is_selected_and_in_the_order_of_birth(run, mixed):
    assert [one["id"] for one in run("export", "--tag", "t").records] == ["lost", "done", "late"]
    assert [one["id"] for one in run("export", "--state", "dead").records] == ["lost"]


def test_an_export_can_be_enqueued_too(run, mixed, tmp_path):
    lines = run("export").out.encode()

    done = run("enqueue", "--stdin", "--db", str(tmp_path / "o.db"), stdin=lines)

    assert done.out == "Enqueued 6 jobs\n"


def test_ids_that_exist_are_met_as_told(run, mixed, store):
    lines = run("export", "--tag", "t").out.encode()

    error = run("import", "-", stdin=lines)
    skip = run("import", "-", "--on-conflict", "skip", stdin=lines)
    replace = run("import", "-", "--on-conflict", "replace", stdin=lines)

    assert error.code == 73
    assert error.err.count("exists") == 3
    assert (skip.code, skip.out) == (0, "Imported 0 jobs; 3 existed already\n")
    assert replace.out == "Imported 3 jobs\n"
    assert len(jobs_of(store, tag="t")) == 6
    assert store.job_by_id("lost").number > 6


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"state": "done"}, "there is no state"),
        ({"attempts": -1}, "attempts must be a whole number"),
        ({"finished_at": "soon"}, "finished_at: not a time"),
        ({"duration": "long"}, "duration must be seconds"),
        ({"error": 7}, "error must be text"),
        ({"history": [{"ending": "well"}]}, "history: there is no ending"),
        ({"history": {}}, "history must be a list"),
        ({"priority": 99}, "priority must be"),
        ({"expires_at": "soon"}, "expires_at: not a time"),
        ({"number": "x"}, "number must be a whole number"),
        ({"mutex": "a b"}, "mutex"),
        ({"colour": 1}, "a job has no field"),
    ],
)
def test_a_wrong_line_is_told_by_number_and_the_others_come_in(run, store, fields, message):
    lines = ['{"command":"a"}', json.dumps({"command": "b", **fields}), "", "[1]"]

    done = run("import", "-", stdin="\n".join(lines).encode())

    assert done.code == 65
    assert f"line 2: {message}" in done.err
    assert "line 4: " in done.err
    assert done.out == "Imported 1 job\n"
    assert [job.command for job in jobs_of(store)] == ["a"]


def test_a_dry_run_of_an_import_adds_nothing(run, store):
    assert run("import", "-", "--dry-run", stdin=b'{"command":"a"}').out == "Would import 1 job\n"
    assert jobs_of(store) == []


def test_a_file_that_is_not_there_gives_66(run):
    assert run("import", "nope.ndjson").code == 66


def test_an_imported_job_that_has_ended_is_not_run(run, mixed, store, clock, tmp_path):
    lines = run("export", "--state", "completed,dead,cancelled").out.encode()
    other = ("--db", str(tmp_path / "other.db"))
    run("import", "-", *other, stdin=lines)

    (status,) = run("status", "--json", *other).records
    assert [status[str(state)] for state in (State.PENDING, State.COMPLETED, State.DEAD)] == [
        0,
        1,
        1,
    ]
    assert run("metrics", "--json", *other).records[0]["events"]["imported"] == 3
