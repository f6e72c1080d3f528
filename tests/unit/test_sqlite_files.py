from __future__ import annotations

import ast
import fcntl
import os
import stat

import apsw
import pytest

import queuectl_core
from queuectl_core.errors import NoPermission, StorageDamaged, StorageError
from queuectl_core.storage import open_store
from queuectl_core.storage.sqlite import connection as opening
from queuectl_core.storage.sqlite import files
from queuectl_core.storage.sqlite import statements as sql
from tests.builders import NOW_MS, jobs_of, new_job, new_worker
from tests.conformance import children, steps

PRODUCT = os.path.dirname(queuectl_core.__file__)


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "queue.db")


def make_queue(path, *, jobs=1):
    """Make a queue in one file, with no log left beside it; return its bytes."""
    store = open_store(path, now_ms=NOW_MS)
    for _ in range(jobs):
        steps.enqueue(store)
    store.close()
    return contents(os.path.dirname(path))


def contents(directory):
    """Return name -> bytes of all plain files, but for the writers' gate, which is always empty."""
    found = {}
    for name in os.listdir(directory):
        path = os.path.join(directory, name)
        if os.path.isfile(path) and not name.endswith(".gate"):
            with open(path, "rb") as file:
                found[name] = file.read()
    return found


def mode(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


# --- who may have it ---


def test_files_are_for_their_owner_whatever_the_umask(path, umask):
    umask(0)
    store = open_store(path, now_ms=NOW_MS)
    bell = store.bell(store.register(new_worker(), now_ms=NOW_MS))
    steps.enqueue(store)
    directory = os.path.dirname(path)

    modes = {
        os.path.join(folder, name)[len(path) :]: mode(os.path.join(folder, name))
        for folder, _, names in os.walk(directory)
        for name in names
    }

    assert set(modes) == {
        "", "-wal", "-shm", ".gate", ".id", ".workers/1.lock", ".workers/1.bell",
    }  # fmt: skip
    assert set(modes.values()) == {0o600}
    assert mode(path + ".workers") == 0o700
    bell.close()
    store.close()


def test_a_symbolic_link_is_refused(path, tmp_path):
    make_queue(path)
    os.symlink(path, tmp_path / "link.db")

    with pytest.raises(NoPermission, match="plain file") as caught:
        open_store(str(tmp_path / "link.db"), now_ms=NOW_MS)

    assert "real path" in caught.value.hint


def test_a_link_to_nothing_is_refused_and_nothing_made(tmp_path):
    os.symlink(tmp_path / "nowhere", tmp_path / "link.db")

    with pytest.raises(NoPermission):
        open_store(str(tmp_path / "link.db"), now_ms=NOW_MS)

    assert not os.path.exists(tmp_path / "nowhere")


def test_a_hard_link_is_refused(path, tmp_path):
    make_queue(path)
    os.link(path, tmp_path / "second.db")

    for name in (path, str(tmp_path / "second.db")):
        with pytest.raises(NoPermission, match="plain file"):
            open_store(name, now_ms=NOW_MS)


def test_a_directory_in_its_place_is_refused(path):
    os.mkdir(path)

    with pytest.raises(NoPermission, match="plain file"):
        open_store(path, now_ms=NOW_MS)


def test_another_users_file_is_refused(path, monkeypatch):
    make_queue(path)
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)

    with pytest.raises(NoPermission, match=f"belongs to user id {owner}, you are {owner + 1}"):
        open_store(path, now_ms=NOW_MS)


@pytest.mark.parametrize("name", ["queue.db.gate", "queue.db.id.new"])
def test_a_planted_link_beside_the_queue_is_not_followed(path, tmp_path, name):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    os.symlink(victim, tmp_path / name)

    try:
        open_store(path, now_ms=NOW_MS).close()
    except NoPermission:
        pass

    assert victim.read_text() == "precious"


def test_a_queue_in_a_directory_behind_a_link_can_be_opened(tmp_path):
    # /home is a link on many machines
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")

    store = open_store(str(tmp_path / "link" / "queue.db"), now_ms=NOW_MS)

    assert steps.enqueue(store) == 1
    store.close()


def test_a_queue_in_a_missing_directory_is_an_error_that_names_it(tmp_path):
    with pytest.raises(StorageError, match="nowhere"):
        open_store(str(tmp_path / "nowhere" / "queue.db"), now_ms=NOW_MS)


def test_a_queue_below_a_file_is_an_error_that_names_it(path):
    with open(path, "x", encoding="utf-8"):
        pass

    with pytest.raises(NoPermission, match=r"queue\.db/queue\.db"):
        open_store(f"{path}/queue.db", now_ms=NOW_MS)


def test_an_id_that_can_not_be_read_is_an_error_of_ours(path):
    make_queue(path)
    os.unlink(path + ".id")
    os.mkdir(path + ".id")

    with pytest.raises(StorageError, match=r"queue\.db\.id"):
        open_store(path, now_ms=NOW_MS)


def test_a_relative_path_is_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    open_store("queue.db", now_ms=NOW_MS).close()

    assert (tmp_path / "queue.db").exists()


# --- whose place it is ---


def test_the_id_beside_a_new_queue_is_its_own(path):
    make_queue(path)

    assert len(files.read_id(path)) == 32


def test_an_emptied_file_is_refused_and_nothing_changed(path):
    make_queue(path)
    os.truncate(path, 0)
    before = contents(os.path.dirname(path))

    with pytest.raises(StorageDamaged, match="missing or empty") as caught:
        open_store(path, now_ms=NOW_MS)

    assert f"rm {path}.id" in caught.value.hint
    assert contents(os.path.dirname(path)) == before


def test_the_log_beside_an_emptied_file_is_left_for_repair(path, tmp_path):
    store = open_store(path, now_ms=NOW_MS)
    steps.enqueue(store)
    # as after a kill -9: the log stays
    store._connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    store.close()
    os.truncate(path, 0)
    before = (tmp_path / "queue.db-wal").read_bytes()
    assert before

    with pytest.raises(StorageDamaged):
        open_store(path, now_ms=NOW_MS)

    assert (tmp_path / "queue.db-wal").read_bytes() == before


def test_a_deleted_file_is_refused_and_nothing_made(path):
    make_queue(path)
    os.unlink(path)

    with pytest.raises(StorageDamaged, match="missing or empty") as caught:
        open_store(path, now_ms=NOW_MS)

    assert f"rm {path}.id" in caught.value.hint
    assert not os.path.exists(path)


@pytest.mark.parametrize("loss", [os.unlink, lambda path: os.truncate(path, 0)])
def test_the_hint_about_a_lost_file_helps(path, loss):
    make_queue(path)
    loss(path)
    os.unlink(path + ".id")

    store = open_store(path, now_ms=NOW_MS)

    assert jobs_of(store) == []
    store.close()


def test_another_queues_file_is_refused_and_nothing_changed(path, tmp_path):
    make_queue(path)
    make_queue(str(tmp_path / "other.db"))
    os.replace(tmp_path / "other.db", path)
    before = contents(tmp_path)

    with pytest.raises(StorageDamaged, match="not the queue that was here") as caught:
        open_store(path, now_ms=NOW_MS)

    changed = {name: data for name, data in contents(tmp_path).items() if before.get(name) != data}
    assert not set(changed) - {"queue.db-wal", "queue.db-shm"}
    assert changed.get("queue.db-wal", b"") == b""
    assert f"rm {path}.id" in caught.value.hint


def test_the_hint_about_another_queue_helps(path, tmp_path):
    make_queue(path, jobs=1)
    make_queue(str(tmp_path / "other.db"), jobs=3)
    os.replace(tmp_path / "other.db", path)
    os.unlink(path + ".id")

    store = open_store(path, now_ms=NOW_MS)

    assert len(jobs_of(store)) == 3
    assert files.read_id(path) == files.read_id(str(tmp_path / "other.db"))
    store.close()


def test_a_restored_copy_of_the_same_queue_is_accepted(path, tmp_path):
    store = open_store(path, now_ms=NOW_MS)
    steps.enqueue(store)
    store.backup(str(tmp_path / "copy.db"))
    steps.enqueue(store)
    store.close()
    os.replace(tmp_path / "copy.db", path)

    store = open_store(path, now_ms=NOW_MS)

    assert len(jobs_of(store)) == 1
    store.close()


def test_two_processes_create_one_queue(tmp_path):
    for round_ in range(20):
        path = str(tmp_path / f"queue-{round_}.db")
        with children.Child(path, "create") as one, children.Child(path, "create") as two:
            one.go()
            two.go()

            said = {one.line(), two.line()}

        assert said == {"added 1", "added 2"}, f"round {round_}"


def gate_is_open(path):
    """Tell whether another writer could have his turn now."""
    with open(path + ".gate", encoding="utf-8") as gate:
        try:
            fcntl.flock(gate, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def test_a_queue_that_another_process_makes_while_we_look_is_a_queue(path, monkeypatch):
    files.create_queue_file(path)
    connect = opening.connect

    def let_the_other_make_it(_cursor, statement, _values):
        if statement == sql.COUNT_TABLES and gate_is_open(path):
            make_queue(path)
        return True

    def connect_and_look_slowly(path):
        monkeypatch.setattr(opening, "connect", connect)
        connection = connect(path)
        connection.exec_trace = let_the_other_make_it
        return connection

    monkeypatch.setattr(opening, "connect", connect_and_look_slowly)
    open_store(path, now_ms=NOW_MS).close()

    assert files.read_id(path)


def test_a_refused_open_leaves_no_descriptor_open(path):
    make_queue(path)
    os.truncate(path, 0)
    before = set(os.listdir("/proc/self/fd"))

    for _ in range(3):
        with pytest.raises(StorageDamaged):
            open_store(path, now_ms=NOW_MS)

    assert len(os.listdir("/proc/self/fd")) <= len(before)


# --- on what disk ---

MOUNTS = """\
22 28 0:21 / /proc rw,nosuid - proc proc rw
28 1 {device} / / rw,relatime shared:1 master:2 - {kind} server:/export rw,vers=4
"""


@pytest.fixture
def mounts(tmp_path):
    """Write a table of mounts that says what tmp_path is on: `mounts("nfs4")`."""

    def mounts(kind):
        device = os.stat(tmp_path).st_dev
        table = tmp_path / "mountinfo"
        numbers = f"{os.major(device)}:{os.minor(device)}"
        table.write_text(MOUNTS.format(device=numbers, kind=kind))
        return str(table)

    return mounts


@pytest.mark.parametrize("kind", [*sorted(files.NETWORK_FILE_SYSTEMS), "ext4", "fuse.gvfsd"])
def test_the_kind_of_file_system_is_read_from_the_table_of_mounts(tmp_path, mounts, kind):
    assert files.file_system(str(tmp_path), mounts(kind)) == kind


def test_a_table_of_mounts_that_does_not_say_is_no_reason_to_refuse(tmp_path):
    (tmp_path / "empty").write_text("")

    assert files.file_system(str(tmp_path), str(tmp_path / "empty")) is None
    assert files.file_system(str(tmp_path), str(tmp_path / "missing")) is None


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "fuse.sshfs", "9p"])
def test_no_queue_is_made_on_a_network_file_system(path, monkeypatch, kind):
    monkeypatch.setattr(files, "file_system", lambda _directory: kind)

    with pytest.raises(StorageError, match=f"network file system \\({kind}\\)") as caught:
        open_store(path, now_ms=NOW_MS)

    assert "--home" in caught.value.hint
    assert not os.path.exists(path)


def test_the_real_table_of_mounts_can_be_read(tmp_path):
    files.check_file_system(str(tmp_path))


# --- nobody but SQLite touches the queue file ---

OPENERS = {
    "storage/sqlite/bell.py": {"_ring_one", "__init__"},
    "storage/sqlite/copies.py": {"_sync", "_give_name"},
    "storage/sqlite/files.py": {
        "create_queue_file", "read_id", "write_id", "file_system",
    },
    "storage/sqlite/gate.py": {"__init__"},
    "storage/sqlite/holder.py": {"_read"},
    "storage/sqlite/presence.py": {"try_hold", "is_alive"},
    "storage/sqlite/upkeep.py": {"_take_gate", "_copy_bytes"},
}  # fmt: skip
"""The functions in storage that open a file by themselves. Only create_queue_file is given the
queue file's name, before SQLite ever saw it."""


def product_files():
    for folder, _, names in os.walk(PRODUCT):
        for name in names:
            if name.endswith(".py"):
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    yield os.path.relpath(os.path.join(folder, name), PRODUCT), file.read()


def calls(tree):
    """Yield (innermost function, call as written, arguments as written)."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    for function in functions:
        for node in ast.walk(function):
            if isinstance(node, ast.Call):
                arguments = [*node.args, *[keyword.value for keyword in node.keywords]]
                yield function.name, ast.unparse(node.func), [ast.unparse(one) for one in arguments]


def test_nobody_copies_files_with_shutil():
    users = [name for name, text in product_files() if "shutil.copy" in text or "copyfile" in text]

    assert users == []


def test_in_storage_only_known_functions_open_files():
    found = {}
    for name, text in product_files():
        if name.startswith("storage"):
            for function, call, _ in calls(ast.parse(text)):
                if call in {"open", "os.open", "io.open"}:
                    found.setdefault(name, set()).add(function)

    assert found == OPENERS


def test_nobody_else_opens_or_moves_the_queue_file():
    suspects = [
        (name, function, call)
        for name, text in product_files()
        for function, call, arguments in calls(ast.parse(text))
        if call.split(".")[-1] in {"open", "replace", "rename", "link", "sendfile", "read_bytes"}
        and any("db_path" in argument or "queue.db" in argument for argument in arguments)
    ]

    assert suspects == []


def test_a_job_is_there_after_the_last_connection_closed(path):
    store = open_store(path, now_ms=NOW_MS)
    store.enqueue([new_job(id="a")], now_ms=NOW_MS)
    store.close()

    again = open_store(path, now_ms=NOW_MS)

    assert again.job_by_id("a")
    again.close()


def test_who_closes_last_empties_the_log(path):
    first, last = open_store(path, now_ms=NOW_MS), open_store(path, now_ms=NOW_MS)
    steps.enqueue(first)

    first.close()
    log_while_open = os.path.exists(path + "-wal")
    last.close()

    assert log_while_open
    assert not os.path.exists(path + "-wal")
