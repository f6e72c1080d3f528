"""The verbs on schedules."""

from __future__ import annotations

import json

import pytest

from queuectl_core.schedule import tick
from tests.builders import MINUTE_MS, buried, completed


@pytest.fixture
def fire(store, clock):
    """Let the time come to the next moment of a schedule, and make what is due."""

    def fire():
        now_ms = clock.advance(store.schedules().next_ms() - clock.now_ms())
        planned = [
            (one, tick(one, now_ms=now_ms, host="h", chance=lambda: 0.0))
            for one in store.schedules().due(now_ms=now_ms, limit=9)
        ]
        return store.schedules().fire(planned, max_retries=3, now_ms=now_ms)

    return fire


def add(run, name="nightly", when="30 3 * * *", *options):
    return run("schedule", "add", name, when, "--tz", "Europe/Berlin", *options, "--", "true", "x")


def test_add_tells_when_it_comes_due_next(run):
    done = add(run)

    assert done.code == 0
    assert done.out == (
        "Added schedule nightly: next at 2023-11-15T03:30:00+01:00 (in 4h16m, Europe/Berlin)\n"
    )


def test_options_may_stand_anywhere_before_the_command(run):
    done = run("schedule", "add", "--tag", "a", "n", "--expect", "26h", "@daily", "--tag", "b",
               "--env", "A=1", "--retry-jitter", "20%", "--jitter", "30s", "--json", "--",
               "prog", "--tz", "x")  # fmt: skip

    (record,) = done.records
    assert record["job"]["argv"] == ["prog", "--tz", "x"]
    assert record["job"]["tags"] == ["a", "b"]
    assert record["job"]["env"] == {"A": "1"}
    assert (record["jitter"], record["job"]["jitter"], record["expect"]) == (30, "20%", 93_600)


def test_a_command_without_dashes_ends_the_options(run):
    done = run("schedule", "add", "n", "@daily", "rsync", "--json", "-a")

    assert done.out.startswith("Added")
    assert json.loads(run("schedule", "export").out)["job"]["argv"] == ["rsync", "--json", "-a"]


def test_one_word_is_a_shell_line_and_json_gives_fields(run):
    run("schedule", "add", "a", "@daily", "echo a | wc")
    run("schedule", "add", "b", "@daily", '{"command":"x","priority":9}')

    first, second = run("schedule", "list", "--json").records
    assert first["job"]["command"] == "echo a | wc"
    assert second["job"]["priority"] == 9


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (["n", "@daily"], 64, "no command"), (["n"], 64, "does not take"),
        (["n", "61 * * * *", "x"], 65, "Bad minute"), (["n", "@daily", "--tz", "X", "x"], 65, "X"),
        (["n", "@daily", "--overlap", "no", "x"], 65, "--overlap must be one of"),
        (["n", "@daily", "--expires", "2030-01-01", "x"], 65, "--expires"),
        (["n", "@daily", "--at", "+1m", "x"], 64, "no option --at"),
        (["a b", "@daily", "x"], 65, "name"), (["n", "@daily", "[]"], 65, ""),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(run, words, code, part):
    done = run("schedule", "add", *words)

    assert done.code == code
    assert part in done.err
    assert "hint: " in done.err


def test_a_taken_name_is_an_error_and_replace_is_none(run):
    add(run)
    assert add(run).code == 73
    assert add(run, "nightly", "@daily", "--replace").code == 0
    assert [one["when"] for one in run("schedule", "list", "--json").records] == ["@daily"]


def test_edit_changes_what_is_given_and_leaves_the_rest(run):
    add(run, "nightly", "30 3 * * *", "--timeout", "10m", "--tag", "t", "--expect", "26h")

    done = run("schedule", "edit", "nightly", "--when", "0 4 * * *", "--timeout", "5m", "--json",
               "--", "false")  # fmt: skip

    (record,) = done.records
    assert (record["when"], record["tz"], record["expect"]) == (
        "0 4 * * *", "Europe/Berlin", 93_600,
    )  # fmt: skip
    job = record["job"]
    assert (job["timeout"], job["tags"], job.get("argv"), job["command"]) == (
        300, ["t"], None, "false",
    )  # fmt: skip
    assert run("schedule", "edit", "other", "--when", "@daily").code == 4


def test_list_shows_each_with_its_last_result_and_says_that_no_worker_runs(run, fire, ended):
    add(run)
    add(run, "weekly", "@weekly")
    fire()
    ended(completed)

    done = run("schedule", "list")

    assert done.lines[0].split() == ["NAME", "WHEN", "ZONE", "STATE", "NEXT", "LAST", "COMMAND"]
    assert "completed 2023-11-15T02:30:00+00:00" in done.lines[1]
    assert "no worker runs, so no schedule makes jobs" in done.err
    assert run("schedule", "list", "-q").err == ""


def test_show_draws_the_last_results(run, fire, ended):
    add(run)
    for how in (completed, buried, completed):
        fire()
        ended(how)
    fire()

    done = run("schedule", "show", "nightly")
    (record,) = run("schedule", "show", "--json", "nightly").records

    assert "last_jobs:    +x+.  (+ completed, x dead, last: job 4 pending)" in done.lines
    assert [one["state"] for one in record["history"]] == [
        "pending", "completed", "dead", "completed",
    ]  # fmt: skip


def test_next_marks_what_the_clocks_do(run):
    add(run, "nightly", "30 2 * * *")

    done = run("schedule", "next", "--count", "3", "--after", "2024-03-30T00:00Z", "--json")

    assert done.records == [
        {"name": "nightly", "at": "2024-03-30T02:30:00+01:00", "note": None},
        {"name": "nightly", "at": "2024-03-31T03:00:00+02:00", "note": "skipped"},
        {"name": "nightly", "at": "2024-04-01T02:30:00+02:00", "note": None},
    ]
    plain = run("schedule", "next", "nightly", "--count", "1", "--after", "2024-10-27T00:00Z")
    assert plain.lines[1].split() == ["2024-10-27T02:30:00+02:00", "nightly", "repeated"]


def test_next_of_an_expression_needs_no_schedule(run, home):
    done = run("schedule", "next", "--when", "@hourly", "--count", "2", "--json")

    assert [one["at"] for one in done.records] == [
        "2023-11-14T23:00:00+00:00", "2023-11-15T00:00:00+00:00",
    ]  # fmt: skip
    assert not home.exists()
    assert run("schedule", "next", "--tz", "UTC").code == 64
    assert run("schedule", "next", "x", "--when", "@hourly").code == 64


def test_run_makes_a_job_at_once_that_says_whose_it_is(run):
    add(run)

    assert run("schedule", "run", "-q", "nightly").out == "1\n"

    (job,) = run("list", "--json", "--schedule", "nightly").records
    assert (job["schedule"], job["max_retries"]) == ("nightly", 3)
    assert run("list", "--json", "--schedule", "other").records == []


def test_pause_and_resume(run):
    add(run)
    assert run("schedule", "pause", "--reason", "why", "nightly").out == "Paused schedule nightly\n"
    (record,) = run("schedule", "list", "--json").records
    assert (record["state"], record["next_at"], record["pause_reason"]) == ("paused", None, "why")
    assert "Schedules:  1; 1 paused; none makes jobs" in run("status").out

    assert run("schedule", "resume", "nightly").out.startswith("Resumed schedule nightly: next at")
    assert run("schedule", "resume", "nightly").out == "Schedule nightly was not paused\n"


def test_rm_takes_all_or_none(run):
    add(run)
    assert run("schedule", "rm", "nightly", "other").code == 4
    assert run("schedule", "rm", "nightly").out == "Removed schedule nightly; its jobs stay\n"
    assert run("schedule", "list").err.startswith("no schedules")


def test_lateness_shows_everywhere(run, store, clock):
    add(run, "nightly", "30 3 * * *", "--expect", "1h")
    assert run("status", "--check").code == 1  # no worker runs
    clock.advance(60 * MINUTE_MS)
    store.schedules().note_late(now_ms=clock.now_ms())

    status = run("status", "--check")
    assert "Late:       nightly" in status.lines
    assert any("schedule nightly is late" in line for line in status.lines)
    assert run("status", "--json").records[0]["schedules"]["late"] == ["nightly"]
    assert run("schedule", "list", "--json").records[0]["state"] == "late"
    metrics = run("metrics")
    assert any("schedule: late - nightly: no success for 1h" in line for line in metrics.lines)
    prometheus = run("metrics", "--prometheus").out
    assert 'queuectl_schedule_late{schedule="nightly"} 1' in prometheus
    assert 'queuectl_events_total{queue="default",event="late"} 1' in prometheus
    doctor = run("doctor", "--json").records
    assert [one["state"] for one in doctor if one["check"] == "schedules"] == ["warning"]
    check = run("schedule", "check")
    assert check.code == 1
    assert any(line.startswith("nightly: late: ") for line in check.lines)


def test_status_of_a_queue_without_schedules_is_as_it_was(run):
    run("enqueue", "true")

    assert "Schedules" not in run("status").out


def test_a_crontab_comes_in_with_findings(run, tmp_path):
    crontab = tmp_path / "crontab"
    crontab.write_text("MAILTO=me\n*/5 * * * * backup.sh > /dev/null\n0 3 * * * /bin/true\n")

    draft = run("schedule", "import", "--crontab", "--dry-run", str(crontab))
    assert draft.lines[0].startswith("Would add schedule backup.sh: */5 * * * * (UTC) backup.sh")
    assert sum("line 2:" in line for line in draft.lines) == 4
    assert run("schedule", "list").err.startswith("no schedules")

    done = run("schedule", "import", "--crontab", str(crontab))
    assert done.code == 0
    assert done.err == "2 schedules added\n"
    assert run("schedule", "import", "--crontab", str(crontab)).code == 73
    again = run("schedule", "import", "--crontab", "--on-conflict", "skip", "--json", str(crontab))
    assert [one["added"] for one in again.records] == [False, False]


def test_a_crontab_from_stdin(run):
    done = run("schedule", "import", "--crontab", "--tz", "Asia/Tokyo", "-",
               stdin=b"0 3 * * * /bin/true\n")  # fmt: skip

    assert done.out.startswith("Added schedule true: next at ")
    assert "Asia/Tokyo" in done.out


@pytest.mark.parametrize(
    ("words", "stdin", "code", "part"),
    [
        (["--crontab", "-"], b"x\n", 65, "line 1:"), (["-"], b"{\n", 65, "line 1:"),
        (["/no/such/file"], b"", 66, "can't be read"), (["--tz", "UTC", "-"], b"", 64, "--crontab"),
        (["-"], b"\xff\n", 65, "line 1 is not valid UTF-8"),
    ],
)  # fmt: skip
def test_what_can_not_come_in_is_told(run, words, stdin, code, part):
    done = run("schedule", "import", *words, stdin=stdin)

    assert (done.code, part in done.err) == (code, True), done.err


def test_what_goes_out_comes_in_again(run):
    add(run, "nightly", "30 3 * * *", "--mutex", "db", "--expires", "30m")
    out = run("schedule", "export").out
    run("schedule", "rm", "nightly")

    assert run("schedule", "import", "-", stdin=out.encode()).code == 0

    (before,), (after,) = [json.loads(out)], run("schedule", "export").records
    assert after == before


def test_why_of_a_scheduled_job_that_waits_for_the_one_before(run, fire):
    run("schedule", "add", "n", "every 10s", "--overlap", "queue", "--", "true", "x")
    fire()
    fire()

    assert "waits until job 1 ends (pending)" in run("why", "2").out
