"""What is wrong is refused with the place and a way out, and nothing has changed."""

from __future__ import annotations

import os
import shutil
import signal

import apsw
import pytest

from queuectl_core.storage.sqlite.connection import SCHEMA_VERSION

pytestmark = pytest.mark.binary

NOBODY = 65534


# --- jobs ---


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ('{"id":"a" "command":"true"}', ["line 1, column 11", "not valid JSON"]),
        ('{"command":"true"', ["not valid JSON", "column 18"]),
        ("{command:true}", ["column 2", """'{"command": "..."}'"""]),
        ('{"comand":"true"}', ['"comand"', 'did you mean "command"?']),
        ('{"command":"true","priority":0}', ["from 1 to 10, not 0"]),
        ('{"command":"true","priority":11}', ["from 1 to 10, not 11"]),
        ('{"command":"true","priority":"high"}', ['from 1 to 10, not "high"']),
        ('{"command":"true","priority":true}', ["from 1 to 10, not True"]),
        ('{"command":"true","max_retries":-1}', ["max_retries", "not -1"]),
        ('{"command":"echo \\u0000"}', ["NUL at position 6"]),
        ('{"command":"true","run_at":"soonish"}', ["run_at", "soonish"]),
        ('{"command":"true","run_at":"2030-02-30T00:00:00"}', ["run_at", "2030-02-30"]),
        ('{"command":"true","run_at":1700000000}', ["@1700000000"]),
        ('{"command":"true","id":"a b"}', ['"a b"']),
        ('{"command":"true","id":17}', ["in quotes"]),
        ('{"command":"true","command":"false"}', ["comes twice"]),
        ('{"command":"true","timeout":NaN}', ["NaN"]),
        ('{"command":""}', ["command is empty"]),
        ('{"priority":5}', ["no command"]),
        ("[]", ["must be a JSON object"]),
        ('{"command":' + "[" * 2000, ["not valid JSON"]),
    ],
)  # fmt: skip
def test_a_wrong_job_exits_65_and_says_why(sandbox, word, said):
    done = sandbox.refused(65, "enqueue", word)

    assert [part for part in said if part not in done.err] == [], done.err


def test_a_wrong_job_leaves_the_queue_as_it_was(sandbox, queue_db):
    sandbox.refused(65, "enqueue", '[{"command":"true"},{"command":"true","priority":11}]')
    sandbox.refused(73, "enqueue", '[{"command":"true"},{"command":"true","id":"kept"}]')

    (job,) = sandbox.ok("list", "--json").records
    assert (job["id"], job["command"]) == ("kept", "true")


def test_a_command_longer_than_the_kernel_takes_is_refused(sandbox):
    line = b"true " + b"x" * 131_066
    done = sandbox.run("enqueue", "--stdin", stdin=line + b"x\n")

    assert done.code == 65
    assert "131,072 bytes" in done.err
    assert "131,071" in done.err
    sandbox.ok("enqueue", "--stdin", stdin=line + b"\n")


def test_a_command_as_long_as_the_kernel_takes_runs(busy):
    line = ": " + "x" * 131_069
    busy.ok("enqueue", "--stdin", "--queue", "long", stdin=line.encode() + b"\n")
    (job,) = busy.ok("list", "--queue", "long", "--json").records

    assert busy.finished(job["id"])[job["id"]]["state"] == "completed"


@pytest.mark.parametrize(
    "option",
    [
        ["--priority", "high"],
        ["--retries", "-1"],
        ["--at", "never"],
        ["--timeout", "-1"],
        ["--backoff", "x"],
        ["--env", "A"],
    ],
)
def test_a_wrong_option_exits_64_or_65(sandbox, option):
    done = sandbox.run("enqueue", *option, "true")

    assert done.code in {64, 65}, done
    assert option[1] in done.err
    assert sandbox.ok("list", "--json").records == []


# --- settings ---


def test_a_half_written_config_exits_78_with_the_line(sandbox):
    sandbox.home.mkdir(mode=0o700)
    (sandbox.home / "config.json").write_text('{\n  "max_retries": 5,\n  "job_timeout": ')

    for args in (["enqueue", '{"command":"true"}'], ["status"], ["worker", "start"]):
        assert "config.json, line 3: not valid JSON" in sandbox.refused(78, *args).err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"max_retrys": 5}', "did you mean max-retries?"),
        ('{"max_retries": "5"}', "whole number"),
        ('{"max_retries": 5000}', "from 0 to 1,000"),
        ("[1]", "one JSON object"),
        ("\udcff", "not valid UTF-8"),
    ],
)
def test_a_wrong_config_exits_78_and_says_why(sandbox, text, said):
    sandbox.home.mkdir(mode=0o700)
    (sandbox.home / "config.json").write_bytes(os.fsencode(text))

    assert said in sandbox.refused(78, "status").err


def test_a_worker_keeps_its_last_good_settings(sandbox):
    sandbox.ok("config", "set", "job-timeout", "0.3")
    worker = sandbox.start_worker()

    (sandbox.home / "config.json").write_text('{\n"job_timeout": 6')
    worker.await_log("the last good settings stay in force")

    assert "line 2" in worker.log
    # whoever enqueues now must give its own word: only the worker has good settings
    added = sandbox.refused(78, "enqueue", "sleep 1000")
    assert "line 2" in added.err
    (sandbox.home / "config.json").write_text('{"job_timeout": 0.4, "max_retries": 1}')
    worker.await_log("new settings taken")
    name = sandbox.enqueue("sleep 1000")
    job = sandbox.finished(name)[name]
    assert (job["state"], job["reason"], job["error"]) == (
        "dead",
        "timeout",
        "timed out after 0.4 s",
    )


# --- the queue file ---


@pytest.fixture
def queue_db(sandbox):
    """Return the path of a queue file with one job."""
    sandbox.ok("enqueue", "--id", "kept", "true")
    return sandbox.home / "queue.db"


def forget_log(queue_db):
    for suffix in ("-wal", "-shm"):
        queue_db.with_name(queue_db.name + suffix).unlink(missing_ok=True)


def write_back_log(queue_db):
    connection = apsw.Connection(str(queue_db))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()


def set_version(queue_db, number):
    connection = apsw.Connection(str(queue_db))
    connection.set_busy_timeout(10_000)  # the worker lives
    connection.execute(f"PRAGMA user_version = {number}")
    connection.close()


def all_verbs_refuse(sandbox, code, said):
    for args in (["list"], ["enqueue", '{"command":"true"}'], ["worker", "start"]):
        assert said in sandbox.refused(code, *args).err


def test_a_queue_of_a_newer_version_exits_76_unchanged(sandbox, queue_db):
    set_version(queue_db, 99)
    before = queue_db.read_bytes()

    all_verbs_refuse(sandbox, 76, "schema 99")

    assert queue_db.read_bytes() == before


def test_an_emptied_queue_is_not_replaced(sandbox, queue_db):
    forget_log(queue_db)
    queue_db.write_bytes(b"")

    all_verbs_refuse(sandbox, 74, "missing or empty, but a queue was here")

    assert queue_db.stat().st_size == 0


def test_a_queue_emptied_under_its_log_loses_nothing_silently(sandbox, queue_db):
    queue_db.write_bytes(b"")

    done = sandbox.run("list", "--json")

    assert (done.code == 74) or [job["id"] for job in done.records] == ["kept"], done


def test_a_deleted_queue_is_not_replaced_until_its_owner_says_so(sandbox, queue_db):
    forget_log(queue_db)
    queue_db.unlink()

    all_verbs_refuse(sandbox, 74, "rm ")

    assert not queue_db.exists()
    (sandbox.home / "queue.db.id").unlink()
    assert sandbox.ok("list", "--json").records == []


def test_another_queue_in_its_place_is_refused(sandbox, another_sandbox, queue_db):
    another_sandbox.ok("enqueue", "--id", "other", "true")
    another_db = another_sandbox.home / "queue.db"
    write_back_log(another_db)
    forget_log(queue_db)
    shutil.copy(another_db, queue_db)

    all_verbs_refuse(sandbox, 74, "is not the queue that was here")


def test_a_foreign_database_is_refused_unchanged(sandbox):
    path = sandbox.root / "foreign.db"
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE jobs (id TEXT)")
    connection.close()
    before = path.read_bytes()

    assert "not a queue" in sandbox.refused(74, "enqueue", "--db", str(path), "true").err

    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"just some text\n" * 100, b"milk, bread\n", b"\0" * 8192])
def test_a_file_that_is_no_database_is_refused_unchanged(sandbox, content):
    path = sandbox.root / "notes.txt"
    path.write_bytes(content)

    assert "not a queue" in sandbox.refused(74, "enqueue", "--db", str(path), "true").err

    assert path.read_bytes() == content


def test_a_damaged_queue_exits_74(sandbox, queue_db):
    write_back_log(queue_db)
    content = queue_db.read_bytes()
    queue_db.write_bytes(content[:4096] + b"\xa5" * (len(content) - 4096))

    assert "damaged" in sandbox.refused(74, "list").err


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_link_to_a_queue_exits_77(sandbox, queue_db, link):
    there = sandbox.root / "link.db"
    link(queue_db, there)

    assert "one name" in sandbox.refused(77, "list", "--db", str(there)).err


def test_a_home_of_another_user_exits_77(sandbox, queue_db, root):
    os.chown(sandbox.home, NOBODY, NOBODY)

    for args in (["list"], ["enqueue", '{"command":"true"}'], ["worker", "start"]):
        assert f"belongs to user id {NOBODY}" in sandbox.refused(77, *args).err


def test_a_queue_file_of_another_user_exits_77(sandbox, queue_db, root):
    os.chown(queue_db, NOBODY, NOBODY)

    assert f"belongs to user id {NOBODY}" in sandbox.refused(77, "list").err


def test_a_home_that_others_can_write_to_exits_77(sandbox, queue_db):
    sandbox.home.chmod(0o777)

    assert "can be written by others" in sandbox.refused(77, "list").err


def test_a_home_that_is_a_file_is_named(sandbox):
    sandbox.home.write_text("")

    done = sandbox.run("list")

    assert done.code in {74, 77}
    assert f"{sandbox.home}" in done.err
    assert "ot a directory" in done.err


def test_a_newer_version_stops_a_running_worker_before_its_next_claim(sandbox):
    worker = sandbox.start_worker()
    sandbox.enqueue("touch started; while ! test -e go; do sleep 0.05; done", "--id", "running")
    sandbox.enqueue("true", "--id", "waiting")
    sandbox.await_file("started")

    set_version(sandbox.home / "queue.db", 99)
    sandbox.touch("go")

    assert worker.await_end(within_s=2) == 76
    set_version(sandbox.home / "queue.db", SCHEMA_VERSION)
    assert sandbox.state("running") == "completed"
    assert sandbox.state("waiting") == "pending"


def test_a_pool_is_not_revived_on_a_newer_version(sandbox):
    worker = sandbox.start_worker()

    set_version(sandbox.home / "queue.db", 99)
    os.kill(worker.pool, signal.SIGKILL)

    assert worker.await_end(within_s=10) == 76
    assert "upgrade this queuectl" in worker.log
    assert "Traceback" not in worker.log
    set_version(sandbox.home / "queue.db", SCHEMA_VERSION)
