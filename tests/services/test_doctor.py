from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from types import SimpleNamespace

import apsw
import pytest

from queuectl_core import bundles, home
from queuectl_core.flow import HELD, After, Flow, Mutex
from queuectl_core.services import checks_place, doctor
from queuectl_core.storage import open_store
from queuectl_core.storage.sqlite import files
from queuectl_core.worker import frozen
from tests.builders import NOW_MS, new_worker
from tests.conformance import steps

DEAD_PID = 0x7FFFFFFF
"""Larger than any pid can be (PID_MAX_LIMIT is 2^22)."""


@pytest.fixture
def place(tmp_path):
    """A home, its queue's path, and an environment with a temporary directory of its own."""
    (tmp_path / "home").mkdir(mode=0o700)
    (tmp_path / "tmp").mkdir()
    found = home.Home(str(tmp_path / "home"))
    return SimpleNamespace(
        home=found,
        db=f"{found.path}/queue.db",
        tmp=tmp_path / "tmp",
        environ={"TMPDIR": str(tmp_path / "tmp")},
    )


def is_repeated(found):
    return found.message.startswith("as ")


@pytest.fixture
def look(place):
    """Examine the place: `look()["counts"].state`."""

    def look(*, mend=False, now_ms=NOW_MS):
        examine = doctor.mend if mend else doctor.look
        findings = examine(place.home, place.db, place.environ, now_ms=now_ms)
        assert len({found.check for found in findings}) == len(findings)
        advised = [found.state == "ok" or found.hint or is_repeated(found) for found in findings]
        assert all(advised)
        return {found.check: found for found in findings}

    return look


@pytest.fixture
def queue(place):
    """A healthy queue with a job in each state, open."""
    store = open_store(place.db, now_ms=NOW_MS)
    worker = store.register(new_worker(), now_ms=NOW_MS)
    assert worker == steps.WORKER
    for state in steps.EVERY_STATE:
        steps.put(store, state)
    yield store
    if store._presence is not None:  # the test has not closed it
        store.close()


def edit(path, statement):
    """Change a queue file behind everybody's back."""
    connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE)
    connection.execute(statement).fetchall()
    connection.close()


def contents(directory):
    return {
        os.path.join(folder, name): os.path.getsize(os.path.join(folder, name))
        for folder, _, names in os.walk(directory)
        for name in names
    }


def ill(findings):
    return sorted(name for name, found in findings.items() if found.state != "ok")


# --- health ---


def test_a_healthy_queue_is_ok_in_every_check(queue, look):
    findings = look()

    assert ill(findings) == []
    assert len(findings) == 22
    assert doctor.is_healthy(list(findings.values()))


def test_nothing_is_made_where_nothing_is(place, look):
    os.rmdir(place.home.path)

    for mend in (False, True):
        findings = look(mend=mend)

        assert ill(findings) == []
        assert "no queue yet" in findings["queue file"].message
    assert not os.path.exists(place.home.path)


def test_looking_changes_no_file(place, queue, look):
    queue.close()
    open(f"{place.db}.part", "x", encoding="utf-8").close()
    before = contents(place.home.path)

    look()

    assert contents(place.home.path) == before


def test_warnings_do_not_make_a_queue_ill():
    findings = [doctor.Finding("a", "warning", "odd", "look"), doctor.Finding("b", "ok", "well")]

    assert doctor.is_healthy(findings)
    assert not doctor.is_healthy([*findings, doctor.Finding("c", "problem", "lost", "restore")])


# --- damage ---


def header(path):
    with open(path, "r+b") as file:
        file.write(b"lost" * 64)


def middle(path):
    with open(path, "r+b") as file:
        file.seek(2048)
        file.write(b"\x55" * 2048 * 8)


def noise(path):
    size = os.path.getsize(path)
    with open(path, "r+b") as file:
        file.seek(100)
        file.write(bytes(range(256)) * (size // 256))


def cut(path):
    os.truncate(path, os.path.getsize(path) // 2)


def stub(path):
    os.truncate(path, 100)


def empty(path):
    os.truncate(path, 0)


@pytest.mark.parametrize("mend", [False, True])
@pytest.mark.parametrize("damage", [header, middle, noise, cut, stub, empty, os.unlink])
def test_damage_of_any_kind_is_a_problem_with_a_way_out(place, queue, look, damage, mend):
    queue.close()
    damage(place.db)

    findings = look(mend=mend)

    assert not doctor.is_healthy(list(findings.values()))
    assert any("restore" in found.hint or "backup" in found.hint for found in findings.values())
    assert {"home", "space", "queue file", "schema", "claims"} <= set(findings)


def test_pages_that_belong_to_nothing_are_found(place, queue, look):
    queue.close()
    edit(
        place.db,
        "PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE name = 'jobs_state'",
    )

    findings = look()

    assert ill(findings) == ["integrity", "workers"]
    assert "never used" in findings["integrity"].message


def test_a_spoiled_page_that_no_command_reads_is_found(place, queue, look):
    queue.close()
    connection = apsw.Connection(place.db, flags=apsw.SQLITE_OPEN_READWRITE)
    page = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'attempts'").get
    connection.close()
    with open(place.db, "r+b") as file:
        file.seek(2048 * (page - 1))
        file.write(b"\x55" * 2048)

    findings = look()

    assert findings["integrity"].state == "problem"
    assert findings["counts"].state == "ok"


def test_a_directory_in_the_place_of_the_queue_is_a_problem(place, look):
    os.mkdir(place.db)

    assert look()["queue file"].state == "problem"


def test_every_byte_of_the_schema_page_may_be_wrong(place, queue, look):
    queue.close()
    with open(place.db, "rb") as file:
        whole = file.read()

    for offset in range(16, 2048, 29):
        with open(place.db, "wb") as file:
            file.write(whole[:offset] + bytes([whole[offset] ^ 0xFF]) + whole[offset + 1 :])
        look()
        look(mend=True)


def test_the_same_trouble_is_told_once(place, queue, look):
    queue.close()
    header(place.db)

    messages = [found.message for found in look().values()]

    assert len([text for text in messages if "not a queue file" in text]) == 1
    assert "as schema" in messages


def test_another_queue_in_this_place_is_a_problem(place, queue, look):
    queue.close()
    files.write_id(place.db, "0" * 32)

    assert look()["identity"].state == "problem"


def test_a_newer_schema_is_a_problem_and_an_older_one_is_not(place, queue, look):
    queue.close()
    edit(place.db, "PRAGMA user_version = 99")
    assert look()["schema"].state == "problem"
    edit(place.db, "PRAGMA user_version = 0")
    assert look()["schema"].state == "warning"


def test_a_database_of_others_is_a_problem(place, look):
    apsw.Connection(place.db).execute("CREATE TABLE recipes (name)").fetchall()

    found = look()["schema"]

    assert (found.state, "not a queue" in found.message) == ("problem", True)


def test_a_queue_without_its_log_is_a_problem(place, queue, look):
    queue.close()
    edit(place.db, "PRAGMA journal_mode = DELETE")

    assert look()["durability"].state == "problem"


# --- what is in it ---


def test_wrong_counts_are_a_problem_until_they_are_mended(place, queue, look):
    edit(place.db, "UPDATE counts SET jobs = jobs + 3 WHERE state = 'pending'")
    edit(place.db, "DELETE FROM counts WHERE state = 'dead'")

    found = look()["counts"]
    assert (found.state, found.hint) == ("problem", "queuectl doctor --fix")
    assert "there are 1; 1 more are wrong" in found.message
    assert look(mend=True)["counts"].message == "fixed: 2 of them counted anew"

    assert look()["counts"].state == "ok"
    steps.assert_figures_are_true(queue)


def test_jobs_that_nothing_would_let_go_are_a_problem_until_they_are_mended(place, queue, look):
    parent = steps.enqueue(queue)
    child = steps.enqueue(queue, flow=Flow(after=(After(str(parent)),)))
    parked = steps.enqueue(queue, flow=Flow(mutex=Mutex("db")))
    held = steps.enqueue(queue, flow=Flow(hold=True))
    assert look()["waiting jobs"].state == "ok"
    edit(place.db, "DELETE FROM dependencies")
    edit(place.db, f"UPDATE jobs SET blocked = 4 WHERE number = {parked}")
    edit(place.db, f"INSERT INTO dependencies VALUES ({parent}, {held}, 'ok')")

    found = look()["waiting jobs"]
    assert (found.state, found.hint) == ("problem", "queuectl doctor --fix")
    assert f"#{child}, #{parked}" in found.message
    assert look(mend=True)["waiting jobs"].message == "fixed: 2 jobs go on, 1 rows forgotten"

    assert look()["waiting jobs"].state == "ok"
    blocked = [steps.job_of(queue, number).blocked for number in (child, parked, held)]
    assert blocked == [None, None, HELD]


def test_a_long_log_is_written_back(place, queue, look, monkeypatch):
    queue._connection.execute("PRAGMA wal_autocheckpoint = 0").fetchall()
    steps.enqueue(queue, env={"A": "b" * 100_000})
    monkeypatch.setattr("queuectl_core.services.checks_queue.LONG_LOG_BYTES", 64_000)

    assert look()["log"].state == "warning"
    assert look(mend=True)["log"].message.startswith("fixed: ")

    assert os.path.getsize(f"{place.db}-wal") == 0
    assert look()["log"].state == "ok"


def test_a_log_that_a_reader_holds_stays_a_warning(place, queue, look, monkeypatch):
    queue._connection.execute("PRAGMA wal_autocheckpoint = 0").fetchall()
    reader = apsw.Connection(place.db)
    reader.execute("BEGIN").fetchall()
    reader.execute("SELECT count(*) FROM jobs").fetchall()
    steps.enqueue(queue, env={"A": "b" * 100_000})
    monkeypatch.setattr("queuectl_core.services.checks_queue.LONG_LOG_BYTES", 64_000)
    monkeypatch.setattr("queuectl_core.storage.sqlite.examiner.BUSY_TIMEOUT_MS", 1)

    assert look(mend=True)["log"].state == "warning"
    reader.close()


@pytest.mark.parametrize(("ahead_ms", "state"), [(60_000, "ok"), (60_001, "warning")])
def test_events_of_the_future_are_a_warning(queue, look, ahead_ms, state):
    assert look(now_ms=NOW_MS - ahead_ms)["clock"].state == state


def test_a_silent_worker_is_a_warning(queue, look):
    assert look(now_ms=NOW_MS + 30_000)["workers"].state == "ok"

    found = look(now_ms=NOW_MS + 30_001)["workers"]

    assert (found.state, "worker 1" in found.message) == ("warning", True)


def test_a_dead_worker_is_a_warning_that_tells_its_jobs(queue, look):
    queue.close()

    found = look()["workers"]

    assert (found.state, found.message) == ("warning", "died: worker 1, with 1 job")


def test_a_job_held_by_nobody_known_is_a_warning(place, queue, look):
    edit(place.db, "DELETE FROM workers")

    findings = look()

    assert ill(findings) == ["claims"]
    assert "worker 1, which nobody knows" in findings["claims"].message


# --- the place ---


def test_a_broken_configuration_is_a_problem(place, queue, look):
    with open(place.home.config_path, "x", encoding="utf-8") as file:
        file.write("{\n  max_retries: 3\n}")

    findings = look()

    assert ill(findings) == ["settings"]
    assert "line 2" in findings["settings"].message


def test_a_wrong_variable_is_a_problem(place, queue, look):
    place.environ["QUEUECTL_MAX_RETRIES"] = "many"

    assert look()["settings"].state == "problem"


@pytest.mark.parametrize(("mode", "state"), [(0o755, "warning"), (0o777, "problem")])
def test_a_home_that_is_open_to_others(place, queue, look, mode, state):
    os.chmod(place.home.path, mode)

    assert look()["home"].state == state
    os.chmod(place.home.path, 0o700)


def test_a_home_of_somebody_else_is_a_problem(place, queue, look, monkeypatch):
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)

    findings = look()

    assert findings["home"].state == findings["queue file"].state == "problem"


def test_a_network_file_system_is_a_problem(queue, look, monkeypatch):
    monkeypatch.setattr(files, "file_system", lambda _: "nfs4")

    assert look()["file system"].state == "problem"


def disk(**fields):
    usual = {"f_bavail": 1 << 30, "f_frsize": 1, "f_files": 1, "f_favail": 1 << 20, "f_flag": 0}
    return SimpleNamespace(**(usual | fields))


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, "ok"),
        ({"f_bavail": 100 << 20}, "warning"),
        ({"f_bavail": 1 << 20}, "problem"),
        ({"f_favail": 9_000}, "warning"),
        ({"f_favail": 9}, "problem"),
        ({"f_favail": 0, "f_files": 0}, "ok"),
    ],
)
def test_a_disk_that_gets_full(queue, look, monkeypatch, fields, state):
    monkeypatch.setattr(os, "statvfs", lambda _: disk(**fields))

    assert look()["space"].state == state


@pytest.mark.parametrize(
    ("fields", "state"),
    [({"f_flag": os.ST_NOEXEC}, "problem"), ({"f_bavail": 31 << 20}, "warning"), ({}, "ok")],
)
def test_a_temporary_directory_that_does_not_do(queue, look, monkeypatch, fields, state):
    monkeypatch.setattr(os, "statvfs", lambda _: disk(**fields))

    assert look()["temporary directory"].state == state


def test_a_missing_temporary_directory_falls_back_as_the_loader_does(place, queue, look):
    place.environ["TMPDIR"] = "/nowhere"

    assert look()["temporary directory"].message.startswith("/tmp")


def test_logs_on_another_disk_are_looked_at_too(place, queue, look, monkeypatch):
    monkeypatch.setattr(checks_place.Place, "_logs_lie_elsewhere", lambda _: True)

    assert look()["space for logs"].state == "ok"


# --- drafts ---


def test_a_draft_that_was_cut_off_is_removed(place, queue, look):
    open(f"{place.home.path}/copy.db.part", "x", encoding="utf-8").close()

    assert look()["drafts"].state == "warning"
    assert look(mend=True)["drafts"].message == "fixed: 1 draft removed"
    assert not os.path.exists(f"{place.home.path}/copy.db.part")


def test_a_draft_that_is_being_written_is_left(place, queue, look):
    draft = f"{place.home.path}/copy.db.part"
    writer = apsw.Connection(draft)
    writer.execute("CREATE TABLE t (a); BEGIN IMMEDIATE; INSERT INTO t VALUES (1)").fetchall()

    assert look(mend=True)["drafts"].state == "ok"
    assert os.path.exists(draft)
    writer.close()


# --- bundles ---


def bundle(directory, *, pid=DEAD_PID, tail="Ab3dE9", names=("libpython3.11.so.1.0", "apsw")):
    path = directory / f"_MEI{pid:08x}{tail}"
    path.mkdir(mode=0o700)
    for name in names:
        (path / name).mkdir() if name == "apsw" else (path / name).write_bytes(b"x" * 4096)
    return path


def test_a_leaked_bundle_is_found_and_removed(place, queue, look):
    path = bundle(place.tmp)

    assert bundles.leaked(str(place.tmp)) == [str(path)]
    assert look()["bundles"].state == "warning"
    assert path.exists()
    assert look(mend=True)["bundles"].message == "fixed: 1 unpacked executable removed"
    assert not path.exists()
    assert look()["bundles"].state == "ok"


def test_a_worker_that_starts_removes_what_leaked(place, caplog):
    caplog.set_level("INFO")
    bundle(place.tmp)
    bundle(place.tmp, tail="Zzzzzz")

    frozen.sweep(str(place.tmp))

    assert os.listdir(place.tmp) == []
    assert "2 unpacked executables removed" in caplog.text


@pytest.mark.parametrize(
    "options",
    [
        {"pid": os.getpid()},
        {"pid": 1},
        {"names": ("libpython3.11.so.1.0",)},
        {"names": ("apsw",)},
        {"names": ()},
        {"tail": "Ab3dE9x"},
        {"tail": "Ab3"},
    ],
)
def test_what_may_be_in_use_or_is_not_ours_is_left(place, options):
    path = bundle(place.tmp, **options)

    frozen.sweep(str(place.tmp))

    assert path.exists()


def test_a_locked_bundle_is_left(place):
    path = bundle(place.tmp)
    fd = os.open(path, os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    assert bundles.leaked(str(place.tmp)) == []
    fcntl.flock(fd, fcntl.LOCK_SH)

    assert not bundles.remove(str(path))

    assert len(os.listdir(path)) == 2
    os.close(fd)


def test_a_bundle_that_a_process_has_mapped_is_left(place):
    path = bundle(place.tmp)
    script = (
        "import mmap, sys; file = open(sys.argv[1], 'rb');"
        "kept = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ); print(flush=True); input()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script, path / "libpython3.11.so.1.0"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdout.readline()

    while_it_lives = bundles.leaked(str(place.tmp))
    child.communicate(b"\n")

    assert while_it_lives == []
    assert bundles.leaked(str(place.tmp)) == [str(path)]


def test_a_link_that_looks_like_a_bundle_is_left(place, tmp_path):
    real = bundle(tmp_path)
    os.symlink(real, place.tmp / real.name)

    frozen.sweep(str(place.tmp))

    assert not bundles.remove(str(place.tmp / real.name))
    assert len(os.listdir(real)) == 2


def test_a_bundle_of_somebody_else_is_left(place, monkeypatch):
    path = bundle(place.tmp)
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)

    frozen.sweep(str(place.tmp))

    assert path.exists()


def test_a_bundle_that_vanishes_meanwhile_is_gone(place):
    path = bundle(place.tmp)
    shutil.rmtree(path)

    assert bundles.remove(str(path))
    assert bundles.leaked(str(place.tmp / "nowhere")) == []


@pytest.mark.parametrize(
    "break_it",
    [
        "DELETE FROM heads",
        "UPDATE heads SET run_at_ms = run_at_ms + 1",
        "UPDATE heads SET shut = 1 - shut",
        "UPDATE queues SET shut = 0",
    ],
)
def test_jobs_that_a_claim_would_overlook_are_found_again(queue, look, place, break_it):
    queue.set_limits("mail", {"concurrency": 1}, now_ms=NOW_MS)
    for _ in range(2):
        steps.enqueue(queue, queue="mail")

    def take():
        return steps.halves.claim(queue, worker=1, limit=9, now_ms=NOW_MS, queues=["mail"])

    (claim,) = take()
    assert look()["lines"].state == "ok"
    connection = apsw.Connection(place.db)
    connection.execute(break_it).fetchall()
    connection.close()

    assert look()["lines"].state == "problem"
    assert look(mend=True)["lines"].message.startswith("fixed")

    assert look()["lines"].state == "ok"
    assert take() == []
    steps.halves.finish(queue, [steps.completed(claim)], now_ms=NOW_MS)
    assert len(take()) == 1
