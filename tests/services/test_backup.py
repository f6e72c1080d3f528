from __future__ import annotations

import errno
import os
import stat
from types import SimpleNamespace

import apsw
import pytest

from queuectl_core import storage
from queuectl_core.errors import (
    NewerVersion,
    NoInput,
    StorageBusy,
    StorageDamaged,
    StorageError,
    StorageFull,
    UsageError,
    WrongState,
)
from queuectl_core.lifecycle import State
from queuectl_core.services import backup
from queuectl_core.storage import open_store
from queuectl_core.storage.sqlite import upkeep
from queuectl_core.worker import rescuer
from queuectl_core.worker.reserve import Reserve, path_beside
from tests.builders import NOW_MS, jobs_of, new_worker
from tests.conformance import children, steps


@pytest.fixture
def db(tmp_path):
    """A home with nothing in it yet."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    return str(home / "queue.db")


@pytest.fixture
def copy(tmp_path):
    return str(tmp_path / "copy.db")


def make_queue(db, *, jobs=1):
    store = open_store(db, now_ms=NOW_MS)
    for _ in range(jobs):
        steps.enqueue(store)
    store.close()


def back_up(db, path, clock, **wanted):
    wish = backup.Wish(**({"path": path, "db_path": db, "replace": False, "verify": True} | wanted))
    store = open_store(db, now_ms=NOW_MS)
    try:
        return backup.back_up(store, wish, clock=clock)
    finally:
        store.close()


def restore(db, path, clock, *, force=False):
    return backup.restore(db, path, clock=clock, force=force)


def jobs_in(db):
    store = open_store(db, now_ms=NOW_MS)
    try:
        steps.assert_figures_are_true(store)
        return [job.number for job in jobs_of(store)]
    finally:
        store.close()


def edit(path, statement):
    """Change a queue file behind everybody's back."""
    connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE)
    connection.execute(statement).fetchall()
    connection.close()


def names(db):
    """Return what lies beside the queue, but for locks and bells."""
    present = os.listdir(os.path.dirname(db))
    return sorted(name for name in present if not name.endswith((".gate", ".workers")))


def damage_header(db):
    with open(db, "r+b") as file:
        file.write(b"lost" * 64)


def damage_middle(db):
    with open(db, "r+b") as file:
        file.seek(2048 * 3)
        file.write(b"\x55" * 2048 * 6)


def damage_history(path):
    """Spoil a page that neither counting nor listing jobs reads."""
    connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE)
    page = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'events'").get
    connection.close()
    with open(path, "r+b") as file:
        file.seek(2048 * (page - 1))
        file.write(b"\x55" * 2048)


def lose_index(path):
    """Leave pages that belong to nothing: SQLite reads on as if all were well."""
    edit(path, "PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE name = 'jobs_state'")


def empty(db):
    os.truncate(db, 0)


def cut(db):
    os.truncate(db, os.path.getsize(db) // 2048 // 2 * 2048)


# --- backup ---


@pytest.mark.parametrize("verify", [True, False])
def test_a_backup_is_a_private_file_that_holds_every_job(db, copy, clock, umask, verify):
    umask(0)
    make_queue(db, jobs=3)

    made = back_up(db, copy, clock, verify=verify)

    assert (made.jobs, made.size_bytes, made.verified) == (3, os.path.getsize(copy), verify)
    assert stat.S_IMODE(os.stat(copy).st_mode) == 0o600
    assert jobs_in(db) == jobs_in(copy) == [3, 2, 1]


def test_a_backup_leaves_nothing_but_itself(db, tmp_path, clock):
    make_queue(db)
    (tmp_path / "to").mkdir()

    back_up(db, str(tmp_path / "to" / "copy.db"), clock)

    assert os.listdir(tmp_path / "to") == ["copy.db"]


def test_a_backup_does_not_replace_a_file_unless_told(db, copy, clock):
    make_queue(db)
    with open(copy, "x", encoding="utf-8") as file:
        file.write("precious")

    with pytest.raises(WrongState, match="exists already") as caught:
        back_up(db, copy, clock)
    with open(copy, encoding="utf-8") as file:
        assert file.read() == "precious"

    assert "--force" in caught.value.hint
    assert back_up(db, copy, clock, replace=True).jobs == 1
    assert storage.verify_copy(copy).jobs == 1


@pytest.mark.parametrize("part", ["", "-wal", "-shm", ".id", ".gate", ".workers/1.lock"])
def test_a_backup_never_takes_the_place_of_the_queues_own_files(db, clock, part):
    make_queue(db)

    with pytest.raises(UsageError, match="belongs to the queue itself"):
        back_up(db, db + part, clock, replace=True)

    assert jobs_in(db) == [1]


def test_a_backup_to_a_stream_or_a_directory_is_refused(db, tmp_path, clock):
    make_queue(db)

    for path, words in (("-", "not a stream"), (str(tmp_path), "not a plain file")):
        with pytest.raises(UsageError, match=words):
            back_up(db, path, clock, replace=True)


def test_a_backup_of_nothing_makes_no_queue(db, copy):
    wish = backup.Wish(copy, db, replace=False, verify=False)

    with pytest.raises(NoInput, match="there is no queue"):
        backup.check(wish)

    assert names(db) == []


def test_a_draft_of_another_backup_is_left_alone(db, copy, clock):
    make_queue(db)
    with open(copy + ".part", "x", encoding="utf-8") as file:
        file.write("half")

    with pytest.raises(StorageError, match="another backup") as caught:
        back_up(db, copy, clock)

    assert os.path.getsize(copy + ".part") == 4
    assert not os.path.exists(copy)
    assert f"rm {copy}.part" in caught.value.hint


def test_a_backup_that_can_not_be_kept_leaves_no_draft(db, copy, clock, monkeypatch):
    make_queue(db)

    def full(draft, path):
        raise StorageFull

    monkeypatch.setattr(storage, "keep_copy", full)
    with pytest.raises(StorageFull):
        back_up(db, copy, clock)

    assert not os.path.exists(copy + ".part")
    assert not os.path.exists(copy)


def test_a_file_that_appears_meanwhile_is_not_written_over(db, copy, clock):
    make_queue(db)
    store = open_store(db, now_ms=NOW_MS)

    def backup_while_somebody_else_makes_the_file(draft):
        store.backup(draft)
        with open(copy, "w") as file:
            file.write("mine")

    slow = SimpleNamespace(backup=backup_while_somebody_else_makes_the_file)
    wish = backup.Wish(path=copy, db_path=db, replace=False, verify=False)
    with pytest.raises(WrongState, match="was made meanwhile"):
        backup.back_up(slow, wish, clock=clock)
    store.close()

    with open(copy) as file:
        assert file.read() == "mine"
    assert not os.path.exists(copy + ".part")


@pytest.mark.parametrize("taken", [False, True])
def test_a_disk_without_links_keeps_backups_and_files_too(db, copy, clock, monkeypatch, taken):
    def no_links(old, new):
        raise OSError(errno.EPERM, "Operation not permitted")

    make_queue(db)
    monkeypatch.setattr(os, "link", no_links)
    store = open_store(db, now_ms=NOW_MS)
    store.backup(copy + ".part")
    store.close()
    if not taken:
        storage.keep_copy(copy + ".part", copy)
        assert storage.verify_copy(copy).jobs == 1
        return
    with open(copy, "w") as file:
        file.write("mine")
    with pytest.raises(WrongState, match="was made meanwhile"):
        storage.keep_copy(copy + ".part", copy)
    assert os.path.getsize(copy) == 4


def test_a_backup_with_wrong_counts_is_not_kept_when_verified(db, copy, clock):
    make_queue(db)
    edit(db, "UPDATE counts SET jobs = 7")

    with pytest.raises(StorageDamaged, match="7 jobs of default are counted as pending") as caught:
        back_up(db, copy, clock)

    assert "doctor --fix" in caught.value.hint
    assert not os.path.exists(copy)
    assert back_up(db, copy, clock, verify=False).jobs == 1


@pytest.mark.parametrize("damage", [damage_middle, damage_history, lose_index])
def test_a_damaged_copy_does_not_pass_verification(db, copy, clock, damage):
    make_queue(db, jobs=50)
    back_up(db, copy, clock)
    damage(copy)

    with pytest.raises(StorageDamaged, match="damaged"):
        storage.verify_copy(copy)


# --- restore ---


@pytest.mark.parametrize("loss", [damage_header, damage_middle, lose_index, empty, cut, os.unlink])
def test_a_backup_brings_a_lost_queue_back(db, copy, clock, loss):
    make_queue(db, jobs=20)
    back_up(db, copy, clock)
    loss(db)
    before = os.path.getsize(db) if os.path.exists(db) else 0

    done = restore(db, copy, clock)

    assert done.jobs == 20
    assert jobs_in(db) == list(range(20, 0, -1))
    if before:
        assert os.path.getsize(done.set_aside) == before
        assert stat.S_IMODE(os.stat(done.set_aside).st_mode) == 0o600
    else:
        assert done.set_aside is None


def test_the_log_of_an_emptied_queue_is_kept_for_repair(db, copy, clock):
    make_queue(db)
    back_up(db, copy, clock)
    empty(db)
    with open(db + "-wal", "xb") as file:
        file.write(b"the last commits")

    done = restore(db, copy, clock)

    with open(done.set_aside + "-wal", "rb") as file:
        assert file.read() == b"the last commits"
    assert jobs_in(db) == [1]


def test_what_was_set_aside_can_be_restored_in_turn(db, copy, clock):
    make_queue(db, jobs=1)
    back_up(db, copy, clock)
    make_queue(db, jobs=4)
    first = restore(db, copy, clock, force=True)
    clock.advance(1_000)
    assert jobs_in(db) == [1]

    second = restore(db, first.set_aside, clock, force=True)

    assert (first.replaced_jobs, second.replaced_jobs, second.jobs) == (5, 1, 5)
    assert jobs_in(db) == [5, 4, 3, 2, 1]


def test_restores_of_one_second_keep_every_old_file(db, copy, clock):
    make_queue(db)
    back_up(db, copy, clock)
    kept = {}
    for jobs in (2, 3, 4):
        make_queue(db, jobs=jobs)
        kept[jobs + 1] = restore(db, copy, clock, force=True).set_aside

    assert {jobs: storage.verify_copy(path).jobs for jobs, path in kept.items()} == {
        3: 3, 4: 4, 5: 5,
    }  # fmt: skip


def test_a_log_that_was_set_aside_is_never_written_over(db, copy, clock):
    make_queue(db)
    back_up(db, copy, clock)
    kept = {}
    for words in (b"first", b"second"):
        empty(db)
        with open(db + "-wal", "wb") as file:
            file.write(words)
        kept[words] = restore(db, copy, clock).set_aside

    for words, path in kept.items():
        with open(path + "-wal", "rb") as file:
            assert file.read() == words


def test_a_file_that_can_not_be_set_aside_takes_no_other_along(db, copy, clock, monkeypatch):
    make_queue(db)
    back_up(db, copy, clock)
    aside = restore(db, copy, clock, force=True).set_aside
    monkeypatch.setattr(upkeep, "_free_name", lambda _path, _now_ms: aside)

    with pytest.raises(StorageError, match="File exists"):
        restore(db, copy, clock, force=True)

    assert storage.verify_copy(aside).jobs == 1
    assert jobs_in(db) == [1]


def test_a_healthy_queue_with_jobs_is_replaced_only_by_force(db, copy, clock):
    make_queue(db)
    back_up(db, copy, clock)
    make_queue(db, jobs=2)

    with pytest.raises(WrongState, match="holds 3 jobs") as caught:
        restore(db, copy, clock)

    assert "--force" in caught.value.hint
    assert names(db) == ["queue.db", "queue.db.id"]
    assert jobs_in(db) == [3, 2, 1]


def test_an_empty_queue_needs_no_force(db, copy, tmp_path, clock):
    other = str(tmp_path / "other.db")
    make_queue(other, jobs=2)
    back_up(other, copy, clock)
    make_queue(db, jobs=0)

    assert restore(db, copy, clock).jobs == 2
    assert jobs_in(db) == [2, 1]


def test_a_foreign_database_needs_force(db, copy, tmp_path, clock):
    make_queue(str(tmp_path / "other.db"))
    back_up(str(tmp_path / "other.db"), copy, clock)
    apsw.Connection(db).execute("CREATE TABLE recipes (name)").fetchall()

    with pytest.raises(WrongState, match="no queue"):
        restore(db, copy, clock)

    assert restore(db, copy, clock, force=True).jobs == 1


def test_the_restored_queue_is_the_one_that_belongs_there(db, copy, tmp_path, clock):
    other = str(tmp_path / "other.db")
    make_queue(other)
    back_up(other, copy, clock)
    make_queue(db)

    done = restore(db, copy, clock, force=True)

    with open(db + ".id", encoding="ascii") as file:
        assert file.read().strip() == done.queue_id == storage.look_at_copy(copy).queue_id
    assert jobs_in(db) == [1]


def test_numbers_that_were_given_are_not_given_again(db, copy, clock):
    # they name the logs of jobs
    make_queue(db, jobs=2)
    back_up(db, copy, clock)
    make_queue(db, jobs=5)

    restore(db, copy, clock, force=True)

    make_queue(db)
    assert jobs_in(db) == [8, 2, 1]


def test_a_restored_queue_keeps_its_log_mode(db, copy, clock):
    make_queue(db)
    back_up(db, copy, clock)
    edit(copy, "PRAGMA journal_mode = DELETE")

    restore(db, copy, clock, force=True)

    examiner = storage.examine(db)
    assert examiner.durability() == ("wal", True)
    examiner.close()


def test_a_running_job_of_the_backup_comes_back_like_after_a_crash(db, copy, clock):
    store = open_store(db, now_ms=NOW_MS)
    claim = steps.claimed(store, worker=store.register(new_worker(), now_ms=NOW_MS))
    store.backup(copy)
    store.close()
    os.unlink(db)

    restore(db, copy, clock)

    store = open_store(db, now_ms=NOW_MS)
    assert steps.job_of(store, claim.job.number).state is State.PROCESSING
    assert rescuer.rescue_all(store, clock, Reserve(path_beside(db))) == 1
    found = steps.job_of(store, claim.job.number)
    assert (found.state, found.crashes) == (State.PENDING, 1)
    store.close()


# --- what is refused ---


def test_a_queue_with_a_live_worker_is_not_replaced(db, copy, clock):
    store = open_store(db, now_ms=NOW_MS)
    store.backup(copy)
    store.register(new_worker(), now_ms=NOW_MS)

    with pytest.raises(StorageBusy, match="worker 1 runs") as caught:
        restore(db, copy, clock, force=True)

    assert "worker stop" in caught.value.hint
    store.close()
    assert restore(db, copy, clock, force=True).jobs == 0


@pytest.mark.parametrize("loss", [None, empty, damage_header])
def test_a_queue_that_another_process_has_open_is_not_replaced(db, copy, clock, loss):
    make_queue(db)
    back_up(db, copy, clock)
    with children.start(db, "write_without_end") as child:
        assert child.line() == "writing"
        if loss:
            loss(db)

        with pytest.raises(StorageBusy, match="another process uses"):
            restore(db, copy, clock, force=True)

    assert not [name for name in names(db) if ".replaced-" in name or name.endswith(".part")]


def test_a_writer_at_the_gate_is_not_overtaken(db, copy, clock):
    make_queue(db)
    back_up(db, copy, clock)

    with upkeep._nobody_writes(db), pytest.raises(StorageBusy):
        restore(db, copy, clock, force=True)

    assert jobs_in(db) == [1]


def truncated(copy):
    os.truncate(copy, 2048 * 4)


def newer(copy):
    edit(copy, "PRAGMA user_version = 99")


def foreign(copy):
    os.unlink(copy)
    apsw.Connection(copy).execute("CREATE TABLE recipes (name)").fetchall()


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (damage_header, StorageDamaged),
        (damage_middle, StorageDamaged),
        (damage_history, StorageDamaged),
        (lose_index, StorageDamaged),
        (truncated, StorageDamaged),
        (empty, StorageDamaged),
        (newer, NewerVersion),
        (foreign, StorageDamaged),
        (os.unlink, NoInput),
    ],
)
def test_what_is_no_good_copy_is_refused_and_nothing_changed(db, copy, clock, spoil, error):
    make_queue(db, jobs=40)
    back_up(db, copy, clock)
    spoil(copy)

    with pytest.raises(error, match=r"copy\.db"):
        restore(db, copy, clock, force=True)

    assert names(db) == ["queue.db", "queue.db.id"]
    assert len(jobs_in(db)) == 40


def test_the_queue_itself_is_no_copy_of_it(db, clock):
    make_queue(db)

    with pytest.raises(NoInput, match="the queue itself"):
        restore(db, db, clock, force=True)


def test_a_restore_that_was_cut_off_leaves_a_queue_that_is_refused(db, copy, clock, monkeypatch):
    make_queue(db, jobs=2)
    back_up(db, copy, clock)

    def killed(draft, path):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(upkeep, "_copy_into", killed)
        with pytest.raises(KeyboardInterrupt):
            restore(db, copy, clock, force=True)

    with pytest.raises(StorageDamaged, match="missing or empty"):
        open_store(db, now_ms=NOW_MS)
    clock.advance(1_000)
    assert restore(db, copy, clock).jobs == 2
    assert jobs_in(db) == [2, 1]


def test_what_a_restore_that_was_cut_off_wrote_needs_no_force(db, copy, clock):
    make_queue(db, jobs=2)
    back_up(db, copy, clock)
    os.unlink(db)
    apsw.Connection(db).execute("CREATE TABLE t (a); DROP TABLE t").fetchall()

    assert restore(db, copy, clock).jobs == 2


def test_a_disk_that_is_too_full_for_both_changes_nothing(db, copy, clock, monkeypatch):
    make_queue(db)
    back_up(db, copy, clock)
    needed = os.path.getsize(db) + os.path.getsize(copy)
    disk = SimpleNamespace(f_bavail=needed - 1, f_frsize=1)

    monkeypatch.setattr(os, "statvfs", lambda _: disk)
    with pytest.raises(StorageFull):
        restore(db, copy, clock, force=True)

    assert names(db) == ["queue.db", "queue.db.id"]
    assert jobs_in(db) == [1]
