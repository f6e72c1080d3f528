"""list and dlq list: order, columns, by error, and what is refused. Filters: test_selecting.py."""

from __future__ import annotations

import pytest


@pytest.fixture
def three(run, clock):
    for job_id, priority, after in (("low", "1", "3h"), ("high", "9", "1h"), ("mid", "5", "2h")):
        run("enqueue", "--id", job_id, "-p", priority, "--in", after, "true")


def ids(done):
    return [record["id"] for record in done.records]


@pytest.mark.parametrize(
    ("key", "order"),
    [
        ("number", ["mid", "high", "low"]),
        ("-number", ["low", "high", "mid"]),
        ("priority", ["high", "mid", "low"]),
        ("-priority", ["low", "mid", "high"]),
        ("run_at", ["low", "mid", "high"]),
        ("-run-at", ["high", "mid", "low"]),
    ],
)
def test_list_in_an_order(run, three, key, order):
    assert ids(run("list", "--json", f"--sort={key}")) == order
    assert ids(run("list", "--json", f"--sort={key}", "--limit", "2")) == order[:2]


def test_an_order_that_is_none_is_refused(run, store):
    done = run("list", "--sort", "priorty")

    assert done.code == 65
    assert "did you mean priority?" in done.err


def test_list_shows_the_columns_asked_for_in_that_order(run, three):
    lines = run("list", "--columns", "command,id,exit-code").lines

    assert lines[0].split() == ["COMMAND", "ID", "EXIT"]
    assert lines[1].split() == ["true", "mid", "-"]


def test_columns_are_the_fields_in_json(run, three):
    records = run("list", "--json", "--columns", "id,priority").records

    assert records[0] == {"id": "mid", "priority": 5}


def test_every_column_of_the_help_can_be_shown(run, three):
    text = run("help", "list").out.partition("--columns LIST")[2].partition("--watch")[0]
    names = text.partition("order: ")[2].replace("\n", " ").replace(" ", "").strip()

    done = run("list", "--columns", names)

    assert done.code == 0
    assert len(done.lines) == 4
    assert len(names.split(",")) == 19


def test_a_column_that_is_none_is_refused_with_the_nearest(run, store):
    done = run("list", "--columns", "id,comand")

    assert done.code == 64
    assert 'there is no column "comand"' in done.err
    assert "did you mean command?" in done.err


def test_errors_that_differ_in_numbers_are_one(run, dead_job, clock):
    for number in (1, 2, 30):
        clock.advance(1_000)
        dead_job(
            f"job-{number}",
            error=f"connection {number} to 10.0.0.{number} lost at 0xdeadbee{number}",
        )
    dead_job("quiet", error=None, exit_code=None, signal=9)

    done = run("dlq", "list", "--by-error")

    assert done.lines[0].split() == ["JOBS", "LAST", "EXAMPLE", "ERROR"]
    assert done.lines[1].split()[:3] == ["3", "2023-11-14T22:13:23+00:00", "job-30"]
    assert done.lines[1].endswith("  connection N to N lost at HEX")
    assert done.lines[2].split()[2:] == ["quiet", "(signal", "9)"]


def test_by_error_as_json_and_for_one_queue(run, dead_job):
    dead_job("a", error="no space left")
    run("enqueue", "--queue", "mail", "true")

    (record,) = run("dlq", "list", "--by-error", "--json").records

    assert record == {
        "error": "no space left",
        "jobs": 1,
        "last_at": "2023-11-14T22:13:20+00:00",
        "example": "a",
    }
    assert run("dlq", "list", "--by-error", "--json", "--queue", "mail").records == []
    assert run("dlq", "list", "--by-error", "--queue", "mail").err == "no dead letters\n"
    assert run("dlq", "list", "--by-error", "--tag", "x").code == 64


def test_a_terminal_is_told_how_many_errors_more(run, dead_job, terminal):
    for letter in "abc":
        dead_job(letter, error=f"error {letter}{letter}")

    assert run("dlq", "list", "--by-error", "--limit", "2").lines[-1] == (
        "... and 1 more error; --limit 0 shows all"
    )


def test_watch_is_refused_where_nobody_sees_it(run, store, terminal, monkeypatch):
    assert "needs a terminal" in run("list", "--watch", "--json").err
    monkeypatch.setenv("TERM", "dumb")

    done = run("list", "--watch")

    assert done.code == 64
    assert "TERM is dumb" in done.err


def test_watch_and_top_are_refused_in_a_pipe(run, store):
    assert run("list", "--watch").code == 64
    assert run("top").code == 64
