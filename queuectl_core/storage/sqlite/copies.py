"""Copies of a queue file: look into one, check one, keep one."""

from __future__ import annotations

import errno
import os

import apsw

from queuectl_core.errors import NoInput, QueuectlError, StorageDamaged, WrongState
from queuectl_core.home import access_error
from queuectl_core.storage.sqlite import files
from queuectl_core.storage.sqlite import statements as sql
from queuectl_core.storage.sqlite import statements_upkeep as upkeep_sql
from queuectl_core.storage.sqlite.connection import APPLICATION_ID, SCHEMA_VERSION, newer_version
from queuectl_core.storage.upkeep import Copy

BUSY_TIMEOUT_MS = 2_000
"""Whoever looks after a queue is told that it is busy; he need not wait as a job's enqueue does."""


def look_at_copy(path: str) -> Copy:
    """Return what a copy holds; NoInput, StorageDamaged, NewerVersion where it is none of ours."""
    connection = open_copy(path)
    try:
        application_id, schema = connection.execute(sql.IDENTITY).get
        if application_id != APPLICATION_ID:
            raise StorageDamaged(f"{path} is not a copy of a queue", hint=_ANOTHER_COPY)
        if schema > SCHEMA_VERSION:
            raise newer_version(path, schema)
        jobs = connection.execute(upkeep_sql.COUNT_JOBS).get
        queue_id = connection.execute(sql.QUEUE_ID).get
    except apsw.Error as error:
        raise _unreadable(error, path) from error
    finally:
        connection.close()
    return Copy(jobs, os.path.getsize(path), schema, queue_id)


def verify_copy(path: str) -> Copy:
    """Read every page of a copy and compare its counts with its rows; return what it holds.

    Raises StorageDamaged with the first thing that is wrong, and what look_at_copy raises.
    """
    copy = look_at_copy(path)
    connection = open_copy(path)
    try:
        said = connection.execute(upkeep_sql.INTEGRITY).fetchall()
        miscounts = connection.execute(upkeep_sql.MISCOUNTS).fetchall()
    except apsw.Error as error:
        raise _unreadable(error, path) from error
    finally:
        connection.close()
    if said != [("ok",)]:
        raise StorageDamaged(f"{path} is damaged: {first_line(said)}", hint=_ANOTHER_COPY)
    if miscounts:
        queue, state, counted, found = miscounts[0]
        raise StorageDamaged(
            f"{path}: {counted} jobs of {queue} are counted as {state}, but there are {found}",
            hint="the queue itself counts wrong: queuectl doctor --fix, then back it up again",
        )
    return copy


def first_line(said: list[tuple[apsw.SQLiteValue, ...]]) -> str:
    """Return the first line of what an integrity check has found."""
    return str(said[0][0]).strip().splitlines()[-1] if said else "nothing could be read"


def open_copy(path: str) -> apsw.Connection:
    """Open a file to read it only; without a log beside it as one that nobody changes.

    SQLite would make a log beside a copy, even on a disk that is mounted read-only.
    """
    if not os.path.isfile(path):
        raise NoInput(f"there is no file {path}", hint="give a file that queuectl backup wrote")
    mode = "mode=ro" if os.path.lexists(f"{path}-wal") else "immutable=1"
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    try:
        connection = apsw.Connection(f"file:{_quoted(path)}?{mode}", flags=flags)
    except apsw.Error as error:
        raise _unreadable(error, path) from error
    connection.set_busy_timeout(BUSY_TIMEOUT_MS)
    return connection


def _quoted(path: str) -> str:
    """Return a path as SQLite's URIs want it (https://sqlite.org/uri.html, 3.1)."""
    for sign in "%?#":
        path = path.replace(sign, f"%{ord(sign):02x}")
    return os.path.abspath(path)


def _unreadable(error: apsw.Error, path: str) -> QueuectlError:
    if isinstance(error, (apsw.BusyError, apsw.CantOpenError, apsw.PermissionsError)):
        return NoInput(f"{path} can't be read ({error})", hint="check owner and mode")
    return StorageDamaged(f"{path} is no copy of a queue, or damaged ({error})", hint=_ANOTHER_COPY)


_ANOTHER_COPY = "give another file that queuectl backup wrote; nothing was changed"


def keep_copy(draft: str, path: str) -> None:
    """Put a copy that no connection has open on disk under a name that nobody has taken yet."""
    try:
        _sync(draft)
        _give_name(draft, path)
        files.sync_directory(os.path.dirname(os.path.abspath(path)))
    except FileExistsError:
        raise WrongState(
            f"{path} was made meanwhile", hint="give another name, or --force to replace it"
        ) from None
    except OSError as error:
        raise access_error(error, path) from error


def replace_copy(draft: str, path: str) -> None:
    """Put a copy that no connection has open on disk in the place of an older one, if any."""
    try:
        _sync(draft)
        os.replace(draft, path)
        files.sync_directory(os.path.dirname(os.path.abspath(path)))
    except OSError as error:
        raise access_error(error, path) from error


def _sync(draft: str) -> None:
    fd = os.open(draft, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _give_name(draft: str, path: str) -> None:
    """Rename a file, but not over another one, as rename(2) would.

    Where there are no links, as on a memory stick, the name is taken first: a crash just then
    leaves an empty file.
    """
    try:
        os.link(draft, path)
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS}:
            raise
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        os.replace(draft, path)
    else:
        os.unlink(draft)
