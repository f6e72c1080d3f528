from __future__ import annotations

import errno
import os
import resource
import shutil
from types import SimpleNamespace

import apsw
import pytest

from queuectl_core.errors import (
    Exhausted,
    JobExists,
    NewerVersion,
    NoPermission,
    StorageBusy,
    StorageDamaged,
    StorageError,
    StorageFull,
    UsageError,
)
from queuectl_core.lifecycle import STATES, State
from queuectl_core.options import JobOptions
from queuectl_core.retry import Complete
from queuectl_core.storage import open_store
from queuectl_core.storage.migrate import Migration
from queuectl_core.storage.sqlite import connection as opening
from queuectl_core.storage.sqlite import migrations, presence
from tests import halves
from tests.builders import NOW_MS, jobs_of, new_job, new_worker, result_for
from tests.conformance import steps

OLD_FILES = os.path.join(os.path.dirname(os.path.dirname(__file__)), "data")
LATEST = opening.SCHEMA_VERSION
NEXT = LATEST + 1
NEXT_SCRIPT = "CREATE TABLE notes (text TEXT) STRICT;"
BROKEN_SCRIPT = "CREATE TABLE notes (text TEXT) STRICT; CREATE TABLE jobs (text TEXT);"


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "queue.db")


def make_queue(path, **job):
    """Make a queue with one job, in one file."""
    store = open_store(path, now_ms=NOW_MS)
    steps.enqueue(store, **job)
    store.close()


def read(path):
    with open(path, "rb") as file:
        return file.read()


def raw(path, statement):
    """Do something to a queue file that no verb does."""
    connection = apsw.Connection(path)
    value = connection.execute(statement).get
    connection.close()
    return value


def schema(path):
    connection = apsw.Connection(path)
    rows = connection.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall()
    connection.close()
    return rows


@pytest.fixture
def next_schema(monkeypatch):
    """Make this queuectl one that knows a further script: `next_schema(sql)`."""

    known = migrations.MIGRATIONS

    def next_schema(script):
        monkeypatch.setattr(migrations, "MIGRATIONS", (*known, Migration(NEXT, "notes", script)))
        monkeypatch.setattr(opening, "SCHEMA_VERSION", NEXT)

    return next_schema


# --- the schema ---


def test_the_schemas_number_is_the_number_of_scripts():
    numbers = [migration.number for migration in migrations.MIGRATIONS]

    assert numbers == list(range(1, opening.SCHEMA_VERSION + 1))


def test_every_script_has_a_module_of_its_number_and_name():
    files = {f"m{one.number:04d}_{one.name}.py" for one in migrations.MIGRATIONS}

    assert files | {"__init__.py"} == {
        name for name in os.listdir(os.path.dirname(migrations.__file__)) if name.endswith(".py")
    }


def test_a_new_queue_says_what_it_is(path):
    make_queue(path)

    assert raw(path, "PRAGMA application_id") == opening.APPLICATION_ID
    assert raw(path, "PRAGMA user_version") == opening.SCHEMA_VERSION
    numbers = ",".join(str(migration.number) for migration in migrations.MIGRATIONS)
    assert raw(path, "SELECT group_concat(number) FROM migrations") == numbers
    assert raw(path, "PRAGMA journal_mode") == "wal"
    assert read(path)[68:72] == b"QCT1"


@pytest.mark.parametrize("number", range(1, opening.SCHEMA_VERSION + 1))
def test_every_kept_old_file_opens_and_has_its_jobs(path, number):
    shutil.copy(os.path.join(OLD_FILES, f"queue-schema-{number:04d}.db"), path)

    store = open_store(path, now_ms=NOW_MS)

    assert {job.id: job.state for job in jobs_of(store) if job.schedule is None} == {
        f"{state}-job": state for state in STATES.values()
    } | {"whole": State.PENDING, "flowing": State.PENDING}
    steps.assert_figures_are_true(store)
    store.close()


def test_an_old_job_keeps_every_field(path):
    shutil.copy(os.path.join(OLD_FILES, "queue-schema-0001.db"), path)

    store = open_store(path, now_ms=NOW_MS)

    job = store.job_by_id("whole")
    assert (job.argv, job.command, job.queue) == (("printf", "%s\n", "ä"), None, "reports")
    assert (job.priority, job.run_at_ms, job.max_retries) == (9, NOW_MS + 3_600_000, 7)
    assert (job.timeout_ms, job.backoff, job.cwd) == (1_500, "10,60", "/srv")
    assert job.env == {"LANG": "C.UTF-8"}
    assert job.options == JobOptions(ok_codes="0,3", kill_after_ms=500, input="ä\n")
    assert job.tags == ("monthly", "paper")
    store.close()


def test_an_old_queue_lives_on(path):
    shutil.copy(os.path.join(OLD_FILES, "queue-schema-0001.db"), path)
    store = open_store(path, now_ms=NOW_MS)
    (row,) = store.workers()

    rescued = store.rescue(steps.dead_worker(store, row.id), now_ms=NOW_MS)
    claims = halves.claim(store, worker=1, limit=9, now_ms=NOW_MS)
    held = halves.finish(store, [result_for(claim, Complete()) for claim in claims], now_ms=NOW_MS)

    assert (row.alive, row.queues, len(rescued)) == (False, ("mail",), 1)
    assert [claim.job.id for claim in claims] == ["processing-job", "failed-job", "pending-job"]
    assert held == [True] * 3
    steps.assert_figures_are_true(store)
    store.close()


@pytest.mark.parametrize("number", range(1, opening.SCHEMA_VERSION + 1))
def test_an_old_file_gets_the_schema_of_a_new_one(path, tmp_path, number):
    make_queue(path)
    old = str(tmp_path / "old.db")
    shutil.copy(os.path.join(OLD_FILES, f"queue-schema-{number:04d}.db"), old)

    open_store(old, now_ms=NOW_MS).close()

    assert schema(old) == schema(path)


def test_a_migration_keeps_the_jobs_and_a_copy_from_before(path, next_schema):
    make_queue(path, id="a")
    next_schema(NEXT_SCRIPT)

    store = open_store(path, now_ms=NOW_MS)

    assert store.job_by_id("a")
    assert raw(path, "PRAGMA user_version") == NEXT
    assert raw(path, f"SELECT name FROM migrations WHERE number = {NEXT}") == "notes"
    assert raw(f"{path}.before-{NEXT:04d}", "PRAGMA user_version") == LATEST
    assert raw(f"{path}.before-{NEXT:04d}", "SELECT id FROM jobs") == "a"
    store.close()


def test_a_new_queue_gets_all_scripts_and_no_copy(path, next_schema):
    next_schema(NEXT_SCRIPT)

    make_queue(path)

    assert raw(path, "PRAGMA user_version") == NEXT
    assert not os.path.exists(f"{path}.before-{NEXT:04d}")


def test_a_migration_that_fails_leaves_the_old_queue(path, next_schema):
    make_queue(path, id="a")
    before = schema(path)
    next_schema(BROKEN_SCRIPT)

    with pytest.raises(StorageError, match="jobs"):
        open_store(path, now_ms=NOW_MS)

    assert schema(path) == before
    assert raw(path, "PRAGMA user_version") == LATEST
    assert raw(path, "SELECT id FROM jobs") == "a"
    assert raw(f"{path}.before-{NEXT:04d}", "SELECT id FROM jobs") == "a"


def test_the_version_before_opens_the_queue_after_a_failed_migration(
    path, next_schema, monkeypatch
):
    make_queue(path, id="a")
    next_schema(BROKEN_SCRIPT)
    with pytest.raises(StorageError):
        open_store(path, now_ms=NOW_MS)
    monkeypatch.setattr(opening, "SCHEMA_VERSION", LATEST)

    store = open_store(path, now_ms=NOW_MS)

    assert store.job_by_id("a")
    store.close()


def test_a_migration_that_failed_can_be_tried_again(path, next_schema):
    make_queue(path, id="a")
    next_schema(BROKEN_SCRIPT)
    with pytest.raises(StorageError):
        open_store(path, now_ms=NOW_MS)
    next_schema(NEXT_SCRIPT)

    store = open_store(path, now_ms=NOW_MS)

    assert store.job_by_id("a")
    store.close()


def test_a_first_migration_that_fails_can_be_tried_again(path):
    broken = (Migration(1, "initial", "CREATE TABLE jobs (a); no sense;"),)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrations, "MIGRATIONS", broken)
        with pytest.raises(StorageError):
            open_store(path, now_ms=NOW_MS)

    make_queue(path)

    assert raw(path, "PRAGMA user_version") == LATEST


# --- what is refused ---


def test_a_newer_queue_is_refused_and_nothing_changed(path):
    make_queue(path)
    raw(path, "PRAGMA user_version = 99")
    before = read(path)

    with pytest.raises(NewerVersion, match="schema 99") as caught:
        open_store(path, now_ms=NOW_MS)

    assert caught.value.exit_code == 76
    assert "upgrade" in caught.value.hint
    assert read(path) == before


def test_what_runs_is_recorded_in_a_newer_queue_and_nothing_more_is_claimed(path):
    store = open_store(path, now_ms=NOW_MS)
    running = steps.claimed(store)
    steps.enqueue(store)
    raw(path, "PRAGMA user_version = 99")

    held = halves.finish(store, [result_for(running, Complete())], now_ms=NOW_MS)

    assert held == [True]
    with pytest.raises(NewerVersion, match="schema 99"):
        halves.claim(store, worker=1, limit=1, now_ms=NOW_MS)
    with pytest.raises(NewerVersion, match="schema 99"):
        store.finish_and_claim([], worker=1, limit=0, ahead=1, now_ms=NOW_MS)
    store.close()


def test_a_foreign_database_is_refused_and_nothing_changed(path):
    raw(path, "CREATE TABLE customers (name TEXT)")
    before = read(path)

    with pytest.raises(StorageDamaged, match="not a queue") as caught:
        open_store(path, now_ms=NOW_MS)

    assert caught.value.hint
    assert read(path) == before
    assert not os.path.exists(path + ".id")


@pytest.mark.parametrize("pragma", ["application_id", "user_version"])
def test_a_foreign_database_without_tables_is_refused(path, pragma):
    raw(path, f"PRAGMA {pragma} = 7")

    with pytest.raises(StorageDamaged, match="not a queue"):
        open_store(path, now_ms=NOW_MS)


@pytest.mark.parametrize("text", ["hello\n", "x" * 10_000, "SQLite format 3\0" + "x" * 600])
def test_a_file_that_is_no_database_is_refused_and_nothing_changed(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, 0o600)

    with pytest.raises(StorageDamaged) as caught:
        open_store(path, now_ms=NOW_MS)

    assert caught.value.hint
    assert read(path) == text.encode()


def test_an_empty_file_that_nobody_used_becomes_a_queue(path):
    open(path, "x").close()

    make_queue(path)

    assert raw(path, "PRAGMA application_id") == opening.APPLICATION_ID


def test_a_damaged_page_is_told_as_damage(path):
    store = open_store(path, now_ms=NOW_MS)
    store.enqueue([new_job("echo " + "x" * 500) for _ in range(300)], now_ms=NOW_MS)
    store.close()
    size = os.path.getsize(path)
    with open(path, "r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))

    with pytest.raises(StorageDamaged, match="damaged") as caught:
        open_store(path, now_ms=NOW_MS).select()

    assert "queuectl restore" in caught.value.hint


@pytest.mark.parametrize("version", ["3.51.2", "3.40.1", "3.7.17", "2.8.17"])
def test_a_sqlite_that_can_lose_commits_is_refused(version):
    with pytest.raises(StorageError, match=f"SQLite {version}"):
        opening.check_sqlite(version)


@pytest.mark.parametrize("version", ["3.51.3", "3.51.10", "3.52.0", "4.0.0"])
def test_a_sqlite_with_the_repair_is_good(version):
    opening.check_sqlite(version)


def test_a_url_of_another_engine_is_a_usage_error():
    with pytest.raises(UsageError, match="postgresql://"):
        open_store("postgresql://host/db", now_ms=NOW_MS)


# --- errors while it runs ---


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (apsw.BusyError, StorageBusy),
        (apsw.LockedError, StorageBusy),
        (apsw.FullError, StorageFull),
        (apsw.NotADBError, StorageDamaged),
        (apsw.CorruptError, StorageDamaged),
        (apsw.ReadOnlyError, NoPermission),
        (apsw.PermissionsError, NoPermission),
        (apsw.CantOpenError, NoPermission),
        (apsw.IOError, StorageError),
        (apsw.SQLError, StorageError),
    ],
)
def test_an_error_of_sqlite_becomes_ours(error, kind):
    ours = opening.translated(error("words"), "/q.db")

    assert type(ours) is kind
    assert "/q.db" in str(ours)
    assert ours.hint


def test_no_room_for_the_index_of_the_log_is_a_full_disk():
    error = apsw.IOError("disk I/O error")
    error.extendedresult = apsw.SQLITE_IOERR_SHMSIZE

    assert type(opening.translated(error, "/q.db")) is StorageFull


@pytest.mark.parametrize(
    ("extended", "number", "kind"),
    [
        (apsw.SQLITE_IOERR_WRITE, errno.EDQUOT, StorageFull),
        (apsw.SQLITE_IOERR_FSYNC, errno.EDQUOT, StorageFull),
        (apsw.SQLITE_IOERR_WRITE, errno.EIO, StorageError),
        (apsw.SQLITE_IOERR_NOMEM, 0, Exhausted),
    ],
)
def test_an_error_of_the_disk_is_what_the_kernel_called_it(extended, number, kind):
    error = apsw.IOError("disk I/O error")
    error.extendedresult = extended

    found = opening.translated(error, "/q.db", SimpleNamespace(system_errno=number))

    assert type(found) is kind


def test_no_descriptor_left_is_not_taken_for_a_lack_of_rights(path):
    make_queue(path)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    spare = os.dup(0)
    resource.setrlimit(resource.RLIMIT_NOFILE, (spare + 1, hard))
    try:
        with pytest.raises(Exhausted, match="Too many open files"):
            opening.connect(path)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        os.close(spare)


def test_a_full_disk_loses_nothing_and_can_be_written_to_later(path):
    store = open_store(path, now_ms=NOW_MS)
    steps.enqueue(store)
    before = steps.view(store)
    pages = store._connection.execute("PRAGMA page_count").get
    store._connection.execute(f"PRAGMA max_page_count = {pages}").fetchall()

    with pytest.raises(StorageFull):
        store.enqueue([new_job("echo " + "x" * 50_000)], now_ms=NOW_MS)

    assert steps.view(store) == before
    store._connection.execute("PRAGMA max_page_count = 100000").fetchall()
    assert steps.enqueue(store) == 2
    store.close()


def test_a_writer_that_never_lets_go_is_told_as_busy(path):
    store = open_store(path, now_ms=NOW_MS)
    other = apsw.Connection(path)
    other.execute("BEGIN IMMEDIATE")
    store._connection.set_busy_timeout(0)

    with pytest.raises(StorageBusy) as caught:
        store.enqueue([new_job()], now_ms=NOW_MS)

    other.execute("ROLLBACK")
    other.close()
    assert caught.value.exit_code == 75
    assert steps.enqueue(store) == 1
    store.close()


def test_readers_are_not_kept_out_by_a_writer(path):
    store = open_store(path, now_ms=NOW_MS)
    number = steps.enqueue(store)
    other = apsw.Connection(path)
    other.execute("BEGIN IMMEDIATE")
    store._connection.set_busy_timeout(0)

    assert steps.job_of(store, number)

    other.close()
    store.close()


def test_a_register_that_failed_holds_no_id(path):
    store = open_store(path, now_ms=NOW_MS)
    raw(
        path,
        "CREATE TRIGGER refuse BEFORE INSERT ON workers BEGIN SELECT RAISE(ABORT, 'refused'); END",
    )
    with pytest.raises(StorageError, match="refused"):
        store.register(new_worker(), now_ms=NOW_MS)
    raw(path, "DROP TRIGGER refuse")

    assert store.register(new_worker(), now_ms=NOW_MS) == 1
    store.close()


def test_an_error_in_the_middle_takes_everything_back(path):
    store = open_store(path, now_ms=NOW_MS)
    raw(
        path,
        "CREATE TRIGGER refuse BEFORE INSERT ON rollups BEGIN SELECT RAISE(ABORT, 'refused'); END",
    )

    with pytest.raises(StorageError, match="refused"):
        store.enqueue([new_job()], now_ms=NOW_MS)

    assert steps.view(store) == ([], {}, {}, [], [])
    raw(path, "DROP TRIGGER refuse")
    assert steps.enqueue(store)
    store.close()


def test_the_gate_is_open_after_an_error(path):
    store = open_store(path, now_ms=NOW_MS)
    steps.enqueue(store, id="a")
    with pytest.raises(JobExists):
        steps.enqueue(store, id="a")

    other = open_store(path, now_ms=NOW_MS)

    assert steps.enqueue(other, id="b") == 2
    other.close()
    store.close()


def test_a_close_gives_back_every_descriptor(path):
    open_store(path, now_ms=NOW_MS).close()
    before = len(os.listdir("/proc/self/fd"))

    store = open_store(path, now_ms=NOW_MS)
    store.register(new_worker(), now_ms=NOW_MS)
    store.close()

    assert len(os.listdir("/proc/self/fd")) == before


def test_a_look_for_dead_workers_that_fails_keeps_none_of_them(path, monkeypatch):
    store = open_store(path, now_ms=NOW_MS)
    others = [open_store(path, now_ms=NOW_MS) for _ in range(2)]
    for other in others:
        other.register(new_worker(), now_ms=NOW_MS)
    monkeypatch.setattr(presence, "try_hold", lambda _, w: os.dup(0) if w == 1 else _refuse())

    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(Exhausted):
        store.take_dead_workers()

    assert set(os.listdir("/proc/self/fd")) == before
    for each in (store, *others):
        each.close()


def _refuse():
    raise Exhausted


def test_a_job_that_has_lost_values_is_told_as_damage(path, monkeypatch):
    store = open_store(path, now_ms=NOW_MS)
    worker = store.register(new_worker(), now_ms=NOW_MS)
    steps.enqueue(store)
    torn = "SELECT NULL, 1, 1, 'pending', 'default', 0"
    monkeypatch.setattr("queuectl_core.storage.sqlite.statements.NEXT_JOB", torn)

    with pytest.raises(StorageDamaged, match="a row has lost values") as caught:
        steps.claim(store, worker=worker)

    assert "queuectl restore BACKUP" in caught.value.hint
    store.close()
