from __future__ import annotations

import os

import apsw
import pytest

from queuectl_core.storage.sqlite import compacting
from queuectl_core.storage.sqlite.connection import SCHEMA_VERSION


@pytest.mark.parametrize("verb", ["upgrade", "check", "vacuum"])
def test_a_verb_on_the_file_makes_none(run, home, verb):
    done = run("db", verb)

    assert done.code == 66
    assert "there is no queue in" in done.err
    assert not home.exists()


def test_a_queue_of_this_version_is_up_to_date(run, home):
    run("enqueue", "true")

    done = run("db", "upgrade")

    assert done.out == f"{home}/queue.db is up to date: schema {SCHEMA_VERSION}\n"
    assert run("db", "upgrade", "--json").records[0]["kept"] is None


def test_a_healthy_file_passes(run):
    run("enqueue", "true")

    done = run("db", "check")

    assert (done.code, done.err) == (0, "")
    checks = [record["check"] for record in run("db", "check", "--json").records]
    assert checks == ["queue file", "schema", "identity", "integrity", "counts"]


def test_wrong_counts_do_not_pass(run, home):
    run("enqueue", "true")
    connection = apsw.Connection(str(home / "queue.db"))
    connection.execute("UPDATE counts SET jobs = 7")
    connection.close()

    done = run("db", "check")

    assert done.code == 1
    assert "counts" in done.out


def test_vacuum_gives_the_room_of_removed_jobs_back(run, store, home):
    run("enqueue", "--stdin", stdin=(b"echo " + b"x" * 2_000 + b"\n") * 2_000)
    run("cancel", "--state", "pending", "--yes")
    run("rm", "--state", "cancelled", "--yes")
    before = os.path.getsize(home / "queue.db")

    done = run("db", "vacuum")

    assert done.code == 0
    assert os.path.getsize(home / "queue.db") < before / 4
    assert run("db", "check").code == 0


def test_vacuum_is_refused_before_the_disk_is_full(run, monkeypatch):
    run("enqueue", "true")
    monkeypatch.setattr(compacting, "COPIES", 1 << 50)

    done = run("db", "vacuum")

    assert done.code == 74
    assert "bytes are needed to write it anew" in done.err
    assert "hint: free some space" in done.err


# --- config check ---


def test_good_settings_are_fine(run, home):
    run("config", "set", "max-retries", "5")

    assert run("config", "check") == (0, "the settings are fine\n", "")


def test_each_problem_is_told_with_its_line(run, home, monkeypatch):
    home.mkdir(mode=0o700)
    path = home / "config.json"
    path.write_text('{\n  "max_retrys": 5,\n  "job_timeout": "long",\n\n  "backoff-base": 0\n}\n')
    monkeypatch.setenv("QUEUECTL_KILL_GRACE", "soon")

    done = run("config", "check")

    assert done.code == 78
    lines = done.lines
    assert lines[0].startswith(f"{path}, line 2: there is no setting")
    assert "did you mean max-retries?" in lines[0]
    assert lines[1].startswith(f"{path}, line 3: job-timeout must be a number")
    assert lines[2].startswith(f"{path}, line 5: backoff-base must be a number")
    assert lines[3].startswith("QUEUECTL_KILL_GRACE: kill-grace must be a number")
    assert [record["line"] for record in run("config", "check", "--json").records] == [
        2,
        3,
        5,
        None,
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{\n"max_retries": 5,\n}', "line 3: not valid JSON"),
        ("[]", "line 1: the file must hold one JSON object"),
        ('{"max_retries": 1,\n"max-retries": 2}', "line 2: max-retries comes twice"),
        ('{"max_retries": 1,\n"max_retries": 2}', "line 2: max_retries comes twice"),
    ],
)
def test_a_broken_file_is_told_with_the_line(run, home, text, message):
    home.mkdir(mode=0o700)
    (home / "config.json").write_text(text)

    done = run("config", "check")

    assert done.code == 78
    assert message in done.out
