from __future__ import annotations

import os

import pytest

from queuectl_core import storage
from tests.builders import new_worker


@pytest.fixture
def copy(tmp_path):
    return str(tmp_path / "copy.db")


def enqueue(run, count=1):
    for _ in range(count):
        assert run("enqueue", "true").code == 0


# --- backup ---


def test_backup_tells_what_it_copied(run, copy):
    enqueue(run, 2)

    done = run("backup", copy)

    size = f"{os.path.getsize(copy):,}"
    assert done == (0, f"Backed up 2 jobs to {copy} ({size} bytes, 0.0 s)\n", "")


def test_backup_verified_json(run, copy):
    enqueue(run)

    (record,) = run("backup", "--verify", "--json", copy).records

    assert record == {
        "path": copy, "jobs": 1, "bytes": os.path.getsize(copy), "seconds": 0.0, "verified": True,
    }  # fmt: skip


def test_backup_takes_a_relative_name_and_can_be_quiet(run):
    enqueue(run)

    assert run("backup", "-q", "copy.db") == (0, "", "")
    assert storage.verify_copy("copy.db").jobs == 1


def test_backup_over_a_file_needs_force(run, copy):
    enqueue(run)
    assert run("backup", copy).code == 0

    refused = run("backup", copy)

    assert (refused.code, refused.out) == (1, "")
    assert "exists already" in refused.err
    assert "--force" in refused.err
    assert run("backup", "--force", copy).code == 0


def test_backup_makes_no_queue(run, home, copy):
    done = run("backup", copy)

    assert done.code == 66
    assert "there is no queue" in done.err
    assert not home.exists()


def test_backup_and_restore_do_not_stream(run):
    enqueue(run)

    for verb in ("backup", "restore"):
        done = run(verb, "-")

        assert done.code == 64
        assert "not a stream" in done.err


def test_a_name_that_is_no_utf_8_is_refused(run):
    enqueue(run)

    for verb in ("backup", "restore"):
        assert run(verb, "copy\udcff.db").code == 64


@pytest.mark.parametrize("name", ["a b", "50%", "what?", "no#1", "%41?mode=rw#", "ä.db"])
def test_backup_and_restore_take_any_name(run, name):
    enqueue(run)

    assert run("backup", "--verify", name).code == 0
    assert run("restore", "--force", name).code == 0

    assert os.listdir() == [name]


def test_backup_into_a_directory_that_is_not_there(run, tmp_path):
    enqueue(run)

    done = run("backup", str(tmp_path / "nowhere" / "copy.db"))

    assert done.code == 74
    assert "nowhere" in done.err


# --- restore ---


def test_restore_into_nothing_makes_the_home(run, home, copy):
    enqueue(run, 3)
    run("backup", copy)
    home.rename(home.with_name("lost"))

    done = run("restore", copy)

    assert done == (0, f"Restored 3 jobs from {copy} to {home}/queue.db\n", "")
    assert len(run("list", "--json").records) == 3


def test_restore_tells_where_the_old_file_is(run, home, copy):
    enqueue(run)
    run("backup", copy)
    enqueue(run, 2)

    refused = run("restore", copy)
    done = run("restore", "--force", copy)

    assert refused.code == 1
    assert "holds 3 jobs" in refused.err
    assert (done.code, done.lines) == (0, [f"Restored 1 job from {copy} to {home}/queue.db"])
    aside = f"{home}/queue.db.replaced-20231114T221320Z"
    assert done.err == f"queuectl: the old file is kept: {aside}, with 3 jobs\n"
    assert storage.verify_copy(aside).jobs == 3


def test_restore_json(run, home, copy):
    enqueue(run)
    run("backup", copy)

    (record,) = run("restore", "--force", "--json", copy).records

    assert record["path"] == f"{home}/queue.db"
    assert (record["jobs"], record["replaced_jobs"]) == (1, 1)
    assert len(record["queue_id"]) == 32


def test_restore_of_what_is_no_backup(run, tmp_path):
    enqueue(run)
    (tmp_path / "notes").write_text("buy milk\n" * 1000)

    for name, code in (("notes", 74), ("nowhere", 66)):
        done = run("restore", "--force", str(tmp_path / name))

        assert done.code == code
        assert "hint: give " in done.err
    assert len(run("list", "--json").records) == 1


def test_restore_into_a_directory_that_is_not_there(run, copy, tmp_path):
    enqueue(run)
    run("backup", copy)

    done = run("restore", "--db", str(tmp_path / "nowhere" / "queue.db"), copy)

    assert done.code == 74
    assert "nowhere" in done.err


def test_restore_under_a_worker_is_refused(run, store, clock, copy):
    store.backup(copy)
    store.register(new_worker(), now_ms=clock.now_ms())

    done = run("restore", "--force", copy)

    assert done.code == 75
    assert "worker 1 runs on this queue" in done.err
    assert "queuectl worker stop" in done.err


# --- doctor ---


def test_doctor_of_a_healthy_queue(run):
    enqueue(run)

    done = run("doctor")

    assert (done.code, done.err) == (0, "")
    assert all(line.startswith(("ok ", "warning ")) for line in done.lines)
    assert "ok       counts" in done.out
    assert run("doctor", "-q").code == 0


def test_doctor_json(run):
    enqueue(run)

    records = run("doctor", "--json").records

    assert {"check", "state", "message", "hint"} == set(records[0])
    assert {record["state"] for record in records} <= {"ok", "warning"}


def test_doctor_makes_no_home(run, home):
    assert run("doctor").code == 0
    assert run("doctor", "--fix").code == 0
    assert not home.exists()


def test_doctor_of_an_emptied_queue(run, home):
    enqueue(run)
    os.truncate(home / "queue.db", 0)

    done = run("doctor")

    assert done.code == 1
    assert "problem  queue file" in done.out
    assert done.err == ""


def test_doctor_works_with_a_broken_configuration(run, home):
    enqueue(run)
    (home / "config.json").write_text("{]")

    done = run("doctor")
    elsewhere = run("doctor", "--db", str(home / "other.db"))

    assert (done.code, elsewhere.code) == (1, 1)
    assert "problem  settings" in done.out
    assert "ok       integrity" in done.out
    assert "there is no queue yet" in elsewhere.out


def test_doctor_works_where_the_settings_can_not_be_read(run, home):
    enqueue(run)
    (home / "config.json").mkdir()

    done = run("doctor")

    assert done.code == 1
    assert "problem  settings" in done.out
    assert "ok       integrity" in done.out


def test_doctor_does_not_know_servers(run):
    done = run("doctor", "--db", "postgresql://host/queue")

    assert done.code == 64


def test_doctor_shows_no_control_characters(run, home, tmp_path, monkeypatch):
    monkeypatch.setenv("QUEUECTL_HOME", str(tmp_path / "ho\x1b[31mme"))

    done = run("doctor")

    assert "\x1b" not in done.out
    assert "ho\\x1b[31mme" in done.out
