"""Puts a copy in the place of a queue file, which may be damaged, emptied or missing.

A restore writes the copy into the queue's own file, not into a new one of the same name: a process
that had the old file open would go on with that one, and with the log of the new one.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager

import apsw

from queuectl_core.errors import NoInput, StorageBusy, StorageDamaged, StorageFull, WrongState
from queuectl_core.home import access_error
from queuectl_core.records import Record
from queuectl_core.storage.sqlite import copies, files, presence
from queuectl_core.storage.sqlite import statements as sql
from queuectl_core.storage.sqlite import statements_upkeep as upkeep_sql
from queuectl_core.storage.sqlite.connection import (
    APPLICATION_ID,
    SCHEMA_VERSION,
    SMALLEST_BYTES,
    connect,
    translated,
)
from queuectl_core.storage.upkeep import Restored

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from queuectl_core.storage.upkeep import Copy

COMPANIONS = ("-wal", "-shm")
CHUNK_BYTES = 1 << 20


# --- who uses a file ---


def in_use(path: str) -> bool:
    """Tell whether any process has the file open through SQLite and has read from it.

    Asks by SQLite's own locks, through its own layer: so it works on a damaged file too, and
    closes no descriptor under SQLite's feet. In WAL mode a connection holds its shared lock until
    it is closed (https://sqlite.org/walformat.html, "Locks").
    """
    try:
        with _locked(path):
            return False
    except StorageBusy:
        return True


@contextmanager
def _locked(path: str) -> Iterator[apsw.VFSFile]:
    """Hold the file alone; StorageBusy where another process has it open."""
    flags = apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_READWRITE
    try:
        file = apsw.VFSFile("", path, [flags, 0])
    except apsw.Error as error:
        raise translated(error, path) from error
    try:
        file.xLock(apsw.SQLITE_LOCK_SHARED)
        file.xLock(apsw.SQLITE_LOCK_EXCLUSIVE)
        yield file
    except apsw.BusyError as error:
        raise _busy(path) from error
    except apsw.Error as error:
        raise translated(error, path) from error
    finally:
        file.xClose()


def _busy(path: str) -> StorageBusy:
    return StorageBusy(
        f"another process uses {path}",
        hint="let queuectl wait, logs --follow, web and workers end first, then try again",
    )


@contextmanager
def _nobody_writes(path: str) -> Iterator[None]:
    """Hold the gate, so that nobody adds a job meanwhile; StorageBusy where a worker runs."""
    fd = _take_gate(path)
    try:
        for worker in _workers(files.workers_dir(path)):
            if presence.is_alive(files.workers_dir(path), worker):
                raise StorageBusy(
                    f"worker {worker} runs on this queue", hint="stop it: queuectl worker stop"
                )
        yield
    finally:
        os.close(fd)


def _take_gate(path: str) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        fd = os.open(files.gate_path(path), flags, 0o600)
    except OSError as error:
        raise access_error(error, files.gate_path(path)) from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(fd)
        raise _busy(path) from error
    return fd


def _workers(directory: str) -> list[int]:
    """Return the ids of all workers that ever held a lock here."""
    if not os.path.isdir(directory):
        return []
    stems = [name.removesuffix(".lock") for name in os.listdir(directory) if name.endswith(".lock")]
    return sorted(int(stem) for stem in stems if stem.isdecimal())


# --- restore ---


class Present(Record):
    """What lies in the queue's place. `jobs` is None where it is damaged, emptied or missing.

    `ours` is False for a database that is no queue, or one of a newer version.
    """

    jobs: int | None
    last_number: int
    ours: bool


_NOTHING = Present(None, 0, ours=True)


def restore(path: str, source: str, *, now_ms: int, force: bool) -> Restored:
    """Put a copy in the place of the queue file. The contract: storage/__init__.py."""
    path = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    if os.path.exists(path) and os.path.exists(source) and os.path.samefile(path, source):
        raise NoInput(f"{source} is the queue itself", hint="give a copy of it")
    copies.look_at_copy(source)
    with _nobody_writes(path):
        files.check_file_system(os.path.dirname(path))
        present = _look_at_present(path)
        if not force:
            _refuse_loss(path, present)
        draft = f"{path}.part"
        try:
            copy = _stage(source, draft, present.last_number)
            _refuse_full(path, draft)
            set_aside = _set_aside(path, _free_name(path, now_ms))
            # first the id: else the copy, once it is in, is another queue's file in this place
            files.write_id(path, copy.queue_id)
            _copy_into(draft, path)
            # else a power cut brings back the journal, and it takes the copy out again: SQLite
            # syncs its removal with synchronous=EXTRA only
            files.sync_directory(os.path.dirname(path))
        finally:
            _discard(draft)
    return Restored(copy.jobs, copy.queue_id, set_aside, present.jobs)


def _look_at_present(path: str) -> Present:
    """Return what lies in the queue's place; change nothing of what is not well, nor its log."""
    if not files.check_queue_file(path) or os.path.getsize(path) < SMALLEST_BYTES:
        return _NOTHING
    if in_use(path):
        raise _busy(path)
    connection = connect(path)
    try:
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        connection.set_busy_timeout(copies.BUSY_TIMEOUT_MS)
        connection.execute(upkeep_sql.EXCLUSIVE).fetchall()
        application_id, version = connection.execute(sql.IDENTITY).get
        if not connection.execute(sql.COUNT_TABLES).get:
            return _NOTHING  # a restore that was cut off in the midst of writing
        if application_id != APPLICATION_ID or version > SCHEMA_VERSION:
            return Present(None, 0, ours=False)
        last_number: int = connection.execute(upkeep_sql.LAST_NUMBER).get
        if connection.execute(upkeep_sql.INTEGRITY).fetchall() != [("ok",)]:
            return Present(None, last_number, ours=True)
        jobs = connection.execute(upkeep_sql.COUNT_JOBS).get
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)
        return Present(jobs, last_number, ours=True)
    except apsw.BusyError as error:
        raise _busy(path) from error
    except apsw.Error:
        return _NOTHING  # damaged: that is why there is a restore
    finally:
        connection.close()


def _refuse_loss(path: str, present: Present) -> None:
    if not present.ours:
        raise WrongState(
            f"{path} is a database that is no queue, or one of a newer queuectl",
            hint="with --force it is set aside, and the copy takes its place",
        )
    if present.jobs:
        raise WrongState(
            f"the queue in {path} is healthy and holds {present.jobs:,}"
            f" {'job' if present.jobs == 1 else 'jobs'}",
            hint="with --force it is set aside with them, and the copy takes its place",
        )


def _stage(source: str, draft: str, last_number: int) -> Copy:
    """Bring the copy to the queue's disk and check all of it there, before anything is touched.

    Numbers that the present queue has given are not given again: they name the logs of its jobs.
    """
    _discard(draft)
    files.create_queue_file(draft)
    origin = copies.open_copy(source)
    try:
        _copy_pages(origin, draft)
    finally:
        origin.close()
    try:
        copy = copies.verify_copy(draft)
    except StorageDamaged as error:
        raise StorageDamaged(str(error).replace(draft, source), hint=error.hint) from error
    connection = connect(draft)
    try:
        connection.execute(upkeep_sql.WAL_MODE).fetchall()
        number = max(last_number, connection.execute(upkeep_sql.LAST_NUMBER).get)
        with connection:
            connection.execute(upkeep_sql.DROP_LAST_NUMBER)
            connection.execute(upkeep_sql.INSERT_LAST_NUMBER, {"number": number})
    except apsw.Error as error:
        raise translated(error, draft) from error
    finally:
        connection.close()
    return copy


def _refuse_full(path: str, draft: str) -> None:
    """Refuse, before anything is touched, what would end half-way: the old file is kept too."""
    disk = os.statvfs(os.path.dirname(path))
    needed = sum(os.path.getsize(file) for file in (path, draft) if os.path.exists(file))
    if needed > disk.f_bavail * disk.f_frsize:
        raise StorageFull(f"{needed:,} bytes are needed on the disk of {path}")


def _set_aside(path: str, aside: str) -> str | None:
    """Keep the old file, byte by byte, with its log; leave an empty one of the same identity.

    What is empty is refused by every command until the copy is in, should we be cut off here.
    """
    if not os.path.lexists(path):
        files.create_queue_file(path)
    with _locked(path) as file:
        size_bytes = file.xFileSize()
        if size_bytes:
            _copy_bytes(file, aside, size_bytes)
            file.xTruncate(0)
            file.xSync(apsw.SQLITE_SYNC_FULL)
        kept_log = _move_log(path, aside)
    files.sync_directory(os.path.dirname(path))
    return aside if size_bytes or kept_log else None


def _move_log(path: str, aside: str) -> bool:
    """Set the log aside too, an empty one away; tell whether there was anything in it."""
    kept = False
    for part in COMPANIONS:
        if not os.path.lexists(path + part):
            continue
        if os.path.getsize(path + part):
            os.replace(path + part, aside + part)
            kept = True
        else:
            os.unlink(path + part)
    return kept


def _copy_bytes(file: apsw.VFSFile, target: str, size_bytes: int) -> None:
    """Copy a file that may be damaged, read through SQLite's own layer; on disk when it returns."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        fd = os.open(target, flags, 0o600)
    except OSError as error:
        raise access_error(error, target) from error  # not ours to discard: an older file may be it
    try:
        with open(fd, "wb") as copy:
            for offset in range(0, size_bytes, CHUNK_BYTES):
                copy.write(file.xRead(min(CHUNK_BYTES, size_bytes - offset), offset))
            copy.flush()
            os.fsync(copy.fileno())
        files.sync_directory(os.path.dirname(target))
    except OSError as error:
        _discard(target)
        raise access_error(error, target) from error


def _copy_into(draft: str, path: str) -> None:
    origin = connect(draft)
    try:
        _copy_pages(origin, path)
    finally:
        origin.close()


def _copy_pages(origin: apsw.Connection, path: str) -> None:
    """Write all of a database into an empty file, in one transaction."""
    try:
        target = connect(path)
        try:
            with target.backup("main", origin, "main") as copying:
                while not copying.done:
                    copying.step(4096)
        finally:
            target.close()
    except apsw.Error as error:
        raise translated(error, path) from error


def _discard(path: str) -> None:
    for part in ("", *COMPANIONS, "-journal"):
        if os.path.lexists(path + part):
            os.unlink(path + part)


def _free_name(path: str, now_ms: int) -> str:
    """Return where the old file goes: queue.db.replaced-20231114T221320Z, the next one -2.

    Neither a file nor a log of an earlier restore bears the name. Call it behind the gate.
    """
    from datetime import UTC, datetime  # noqa: PLC0415 - 2 ms, for a restore only

    stamp = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
    name, number = f"{path}.replaced-{stamp}", 1
    while any(os.path.lexists(name + part) for part in ("", *COMPANIONS)):
        number += 1
        name = f"{path}.replaced-{stamp}-{number}"
    return name
