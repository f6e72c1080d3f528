"""show and why, and that whoever only looks creates nothing."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from tests.builders import buried, completed, retried


@pytest.mark.parametrize(
    "verb",
    [
        ("list",), ("status",), ("status", "--check"), ("metrics",), ("metrics", "--prometheus"),
        ("worker", "list"), ("dlq", "list"), ("dlq", "list", "--by-error"), ("wait", "--drained"),
    ],
)  # fmt: skip
def test_looking_at_a_queue_that_is_not_there_says_so_and_creates_nothing(run, home, verb):
    done = run(*verb)

    assert done.code == 0
    assert f"queuectl: no queue yet at {home}/queue.db\n" in done.err
    assert not home.exists()


@pytest.mark.parametrize("verb", ["show", "why", "logs", "wait"])
def test_no_job_is_in_a_queue_that_is_not_there(run, home, verb):
    done = run(verb, "1")

    assert done.code == 4
    assert "no queue yet" in done.err
    assert not home.exists()


def test_a_queue_whose_file_is_gone_is_not_taken_for_a_new_one(run, home):
    run("enqueue", "true")
    (home / "queue.db").unlink()

    done = run("status")

    assert done.code == 74
    assert "is missing" in done.err


def test_show_hides_the_values_of_variables(run):
    run("enqueue", "--env", "TIER=gold", "--env", "API_TOKEN=hunter2", "true")

    done = run("show", "1")

    assert "env:         TIER, API_TOKEN (--env shows the values)\n" in done.out
    assert "gold" not in done.out
    assert "hunter2" not in done.out


def test_show_env_hides_only_secrets(run):
    for name in ("TIER", "API_TOKEN", "Db_Password", "SSH_KEY", "CLIENT_SECRET"):
        run("enqueue", "--id", name, "--env", f"{name}=value-1", "true")

    assert "  TIER=value-1\n" in run("show", "--env", "TIER").out
    assert "  API_TOKEN=********\n" in run("show", "--env", "API_TOKEN").out
    assert "  Db_Password=********\n" in run("show", "--env", "Db_Password").out
    assert "  SSH_KEY=********\n" in run("show", "--env", "SSH_KEY").out
    assert "  CLIENT_SECRET=********\n" in run("show", "--env", "CLIENT_SECRET").out


ODD = 'it\'s "odd" $HOME \\ `x`\nsecond'


@pytest.mark.parametrize(
    ("words", "printed"),
    [
        (
            (
                "--",
                "/usr/bin/printf",
                "%s\n",
                "a b",
                "it's",
                '"',
                "$HOME",
                "\\n",
                "new\nline",
                "日本",
            ),
            "a b\nit's\n\"\n$HOME\n\\n\nnew\nline\n日本\n",
        ),
        (
            ("printf '%s\\n' \"$ODD\" \"$(pwd)\"; echo '$x' | tr x y",),
            f"{ODD}\n{{place}}\n$y\n",
        ),
        (("--", "A=B", "x"), "{place}/A=B x j\n"),
    ],
)
def test_the_script_of_a_job_runs_it_exactly(run, tmp_path, words, printed):
    place = tmp_path / "a 'b' $c"
    place.mkdir()
    program = place / "A=B"
    program.write_text('#!/bin/sh\necho "$0 $1 $QUEUECTL_JOB_ID"\n', encoding="utf-8")
    program.chmod(0o755)
    run("enqueue", "--id", "j", "--cwd", str(place), "--env", f"ODD={ODD}", *words)

    done = subprocess.run(
        ["/bin/sh"],
        input=run("show", "--shell", "j").out,
        env={"PATH": f"{place}:/usr/bin:/bin"},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )

    assert done.stdout == printed.replace("{place}", str(place))


@pytest.mark.parametrize(
    ("options", "printed"),
    [
        ({"input": "it's\n\nso"}, b"0 it's\n\nso"),
        ({"input": "a\0b"}, b"0 a\0b"),
        ({"input_base64": "/wA="}, b"0 \xff\0"),
        ({"nice": 7, "verify": "exit 9"}, b"7 "),
    ],
)
def test_the_script_gives_the_job_its_input_and_niceness(run, options, printed):
    fields = {"id": "j", "command": 'printf "%s " "$(nice)"; exec cat', **options}
    run("enqueue", json.dumps(fields))

    done = subprocess.run(
        ["/bin/sh"], input=run("show", "--shell", "j").out.encode(), capture_output=True, check=True
    )

    assert done.stdout == printed


def test_a_long_input_is_not_shown_as_a_whole(run):
    run("enqueue", json.dumps({"id": "j", "command": "cat", "input": "x" * 200_000}))

    (line,) = [line for line in run("show", "j").lines if line.startswith("input:")]

    assert line == f"input:       {'x' * 60}... (200,000 characters)"


def test_the_script_takes_names_that_sh_could_not_export(run):
    run("enqueue", '{"id":"j","argv":["/usr/bin/env"],"env":{"a-b.c":"1"}}')

    done = subprocess.run(
        ["/bin/sh"],
        input=run("show", "--shell", "j").out,
        capture_output=True,
        text=True,
        check=True,
    )

    assert "a-b.c=1\n" in done.stdout
    assert "QUEUECTL_QUEUE=default\n" in done.stdout


def test_one_script_at_a_time(run):
    run("enqueue", "--stdin", stdin=b"true\ntrue\n")

    assert run("show", "--shell", "1", "2").code == 64


def test_why_answers_each_job_in_one_line(run, ended):
    run("enqueue", "--id", "done", "-p", "9", "true")
    ended(completed)
    run("enqueue", "--id", "lost", "-p", "9", "true")
    ended(buried, error="no such \x1bhost")
    run("enqueue", "--id", "again", "-p", "9", "true")
    ended(retried)
    run("enqueue", "--id", "later", "--in", "2h", "true")
    run("enqueue", "--id", "next", "true")

    done = run("why", "done", "lost", "again", "later", "next")

    assert done.lines == [
        "done: completed 2023-11-14T22:13:20+00:00",
        "lost: failed for good in attempt 1 (no such \\x1bhost), 2023-11-14T22:13:20+00:00",
        "again: failed in attempt 1 of 3 (no such host); runs again at 2023-11-14T22:14:20+00:00",
        "later: waits for its time, 2023-11-15T00:13:20+00:00",
        "next: is due, but no worker runs",
    ]
    assert "hint: queuectl dlq retry lost\n" in done.err
    assert "hint: queuectl worker start\n" in done.err


def test_why_says_on_a_terminal_how_far_the_moment_is(run, terminal):
    run("enqueue", "--in", "2h", "true")

    assert run("why", "1").out == "1: waits for its time, 2023-11-15T00:13:20+00:00 (in 2h)\n"


def test_why_json(run):
    run("enqueue", "--id", "later", "--in", "2h", "true")

    (record,) = run("why", "--json", "later").records

    assert record == {
        "id": "later",
        "number": 1,
        "state": "pending",
        "why": "due_later",
        "text": "waits for its time, 2023-11-15T00:13:20+00:00",
        "at": "2023-11-15T00:13:20+00:00",
        "hint": None,
    }


def test_why_of_nothing(run, store):
    assert run("why", "nope").code == 4
    assert os.path.exists(os.environ["QUEUECTL_HOME"])
