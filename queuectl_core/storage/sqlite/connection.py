"""Opening a queue file: create, recognise, refuse, migrate.

And the one place that translates SQLite's errors.
"""

from __future__ import annotations

import errno
import os

import apsw

from queuectl_core.errors import (
    Exhausted,
    NewerVersion,
    NoPermission,
    QueuectlError,
    StorageBusy,
    StorageDamaged,
    StorageError,
    StorageFull,
)
from queuectl_core.home import access_error
from queuectl_core.storage.sqlite import files
from queuectl_core.storage.sqlite import statements as sql

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl_core.storage.migrate import Migration
    from queuectl_core.storage.sqlite.gate import Gate

APPLICATION_ID = 0x51435431
"""`QCT1` in the file's header: file(1) and a foreign program can tell what this is."""
SCHEMA_VERSION = 5
"""The number of the last script in migrations/; a constant, since a cold start has no time to load
them."""
OLDEST_SQLITE = (3, 51, 3)
"""Before it, a write-ahead log with two or more connections could be reset wrongly and lose
commits."""
SMALLEST_BYTES = 512
"""The smallest page; no database is smaller (https://sqlite.org/fileformat2.html)."""
BUSY_TIMEOUT_MS = 30_000


def open_connection(path: str, gate: Gate, *, now_ms: int) -> apsw.Connection:
    """Open the queue file for one thread.

    Create it, or bring an older one up to date, where that is due.
    """
    check_sqlite(apsw.sqlite_lib_version())
    if not files.check_queue_file(path):
        _create(path, gate)
    elif os.path.getsize(path) < SMALLEST_BYTES:
        _refuse_emptied(path, gate)
    connection = connect(path)
    try:
        # A first look. What is not as it should be is judged behind the gate, where no other
        # process is in the middle of making this queue.
        if connection.execute(sql.IDENTITY).get != (APPLICATION_ID, SCHEMA_VERSION):
            with gate:
                _upgrade(connection, path, now_ms)
        _check_identity(connection, path, gate)
    except apsw.Error as error:
        refusal = translated(error, path, connection)
        connection.close()
        raise refusal from error
    except BaseException:
        connection.close()
        raise
    return connection


def check_sqlite(version: str) -> None:
    """Refuse a SQLite that can lose commits."""
    if tuple(int(part) for part in version.split(".")) < OLDEST_SQLITE:
        raise StorageError(
            f"SQLite {version} can corrupt a queue that several workers share; 3.51.3 is needed",
            hint="install apsw 3.51.3 or newer",
        )


def connect(path: str) -> apsw.Connection:
    """Connect to an existing file.

    Whoever closes last empties the write-ahead log: 1.7 ms of a cold enqueue. Leaving it costs
    the next one 3.8 ms, since it must read the whole log first.
    """
    try:
        connection = apsw.Connection(
            path, flags=apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_NOFOLLOW
        )
    except apsw.Error as error:
        raise translated(error, path) from error
    connection.set_busy_timeout(BUSY_TIMEOUT_MS)
    # one plan per statement, whatever is bound: without it SQLite compiles a claim anew each time
    # that :now_ms changes, 110 us (https://sqlite.org/queryplanner-ng.html#qpstab)
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    return connection


def _create(path: str, gate: Gate) -> None:
    """Make the file of a new queue; whoever comes second through the gate finds it there."""
    files.check_file_system(os.path.dirname(path))
    with gate:
        if files.check_queue_file(path):
            return
        if files.read_id(path) is not None:
            raise files.refuse_missing(path)
        files.create_queue_file(path)


def _refuse_emptied(path: str, gate: Gate) -> None:
    """Refuse an emptied file in a queue's place before SQLite deletes the log beside it.

    A file of a few bytes, too: SQLite would take some for empty and overwrite them.
    """
    with gate:
        size = os.path.getsize(path)
        if size == 0 and files.read_id(path) is not None:
            raise files.refuse_missing(path)
        if 0 < size < SMALLEST_BYTES:
            raise StorageDamaged(f"{path} is not a queue file", hint=_RESTORE_HINT)


def _version(connection: apsw.Connection, path: str) -> int:
    """Return the schema's number, 0 for a file that is still empty.

    Refuse one that is not a queue of ours.
    """
    application_id, version = connection.execute(sql.IDENTITY).get
    if application_id == APPLICATION_ID:
        if version > SCHEMA_VERSION:
            raise newer_version(path, version)
        return int(version)
    if application_id or version or connection.execute(sql.COUNT_TABLES).get:
        raise StorageDamaged(
            f"{path} is a database, but not a queue",
            hint="give another file with the setting db-path",
        )
    if files.read_id(path) is not None:
        raise files.refuse_missing(path)
    return 0


def newer_version(path: str, version: int) -> NewerVersion:
    """Return the error for a queue that a newer version has migrated."""
    return NewerVersion(f"{path} has schema {version}, this queuectl knows {SCHEMA_VERSION}")


def _upgrade(connection: apsw.Connection, path: str, now_ms: int) -> None:
    """Run the scripts that are missing; who waited at the gate may find them done.

    Copies an old file first. All of them are one transaction: whoever is killed leaves the queue
    as it was, and the next one's copy is of the same.
    """
    from queuectl_core.storage.sqlite.migrations import (  # noqa: PLC0415 - once in a queue's life
        MIGRATIONS,
    )

    version = _version(connection, path)
    if version == 0:
        # half of SQLite's usual page: a commit writes 8 of them, and its sync takes 50 us less
        connection.execute("PRAGMA page_size = 2048").fetchall()
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
    elif version < SCHEMA_VERSION:
        _keep_old(connection, f"{path}.before-{SCHEMA_VERSION:04d}")
    if version < SCHEMA_VERSION:
        _migrate(connection, MIGRATIONS[version:], now_ms)


def _keep_old(connection: apsw.Connection, path: str) -> None:
    """Copy the queue as it is; a copy that was cut off earlier does not count."""
    draft = f"{path}.part"
    _discard(draft)
    try:
        backup(connection, draft)
        os.replace(draft, path)
    except BaseException:
        _discard(draft)  # where the disk is full it would keep it so
        raise
    # else the migration can outlive its copy in a power cut
    files.sync_directory(os.path.dirname(path))


def _discard(draft: str) -> None:
    """Remove a draft and the journal beside it, as far as they are there."""
    for path in (draft, f"{draft}-journal"):
        if os.path.lexists(path):
            os.unlink(path)


def _migrate(connection: apsw.Connection, missing: Sequence[Migration], now_ms: int) -> None:
    connection.execute(sql.BEGIN)
    try:
        for migration in missing:
            _run(connection, migration, now_ms)
        connection.execute(sql.COMMIT)
    except BaseException:
        roll_back(connection)
        raise


def _run(connection: apsw.Connection, migration: Migration, now_ms: int) -> None:
    connection.execute(migration.script).fetchall()
    connection.execute(sql.RECORD_MIGRATION, (migration.number, migration.name, now_ms))
    connection.execute(f"PRAGMA user_version = {migration.number}")
    if migration.number == 1:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(sql.INSERT_QUEUE_ID, {"id": os.urandom(16).hex(), "now_ms": now_ms})


def _check_identity(connection: apsw.Connection, path: str, gate: Gate) -> None:
    """Refuse another queue's file in this place; note whose place it is when nobody did yet."""
    queue_id = connection.execute(sql.QUEUE_ID).get
    noted = files.read_id(path)
    if noted is None:
        with gate:
            if files.read_id(path) is None:
                files.write_id(path, queue_id)
    elif noted != queue_id:
        raise StorageDamaged(
            f"{path} is not the queue that was here: its id is {queue_id},"
            f" {files.id_path(path)} says {noted}",
            hint=f"put the right file back; to accept this one: rm {files.id_path(path)}",
        )


def backup(connection: apsw.Connection, path: str) -> None:
    """Copy the whole queue to a new file, 0600, page by page through SQLite while others write."""
    files.create_queue_file(path)
    target = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE)
    # one snapshot for the whole copy: without it every commit of another process restarts it
    connection.execute(sql.BEGIN_READ)
    connection.execute(sql.COUNT_TABLES).fetchall()
    try:
        with target.backup("main", connection, "main") as copy:
            while not copy.done:
                copy.step(4096)
    finally:
        roll_back(connection)
        target.close()


def roll_back(connection: apsw.Connection) -> None:
    """End a transaction that can't commit; SQLite has ended it already after some errors."""
    if connection.in_transaction:
        connection.execute(sql.ROLLBACK)


_RESTORE_HINT = "stop the workers, then: queuectl restore BACKUP; it keeps what is there"


def translated(
    error: apsw.Error, path: str, connection: apsw.Connection | None = None
) -> QueuectlError:
    """Return our error for one of SQLite's (https://sqlite.org/rescode.html).

    `connection`, where there is one, knows what the kernel had said.
    """
    return _refusal(error, path, connection) or _named(error, path)


def _named(error: apsw.Error, path: str) -> QueuectlError:
    match error:
        case apsw.BusyError() | apsw.LockedError():
            return StorageBusy(f"{path} was busy for {BUSY_TIMEOUT_MS // 1000} s", hint="try again")
        case apsw.FullError():
            return StorageFull(f"{path}: the disk is full")
        case apsw.NotADBError():
            return StorageDamaged(f"{path} is not a queue file", hint=_RESTORE_HINT)
        case apsw.CorruptError():
            return StorageDamaged(f"{path} is damaged ({error})", hint=_RESTORE_HINT)
        case apsw.ReadOnlyError() | apsw.PermissionsError() | apsw.CantOpenError():
            return NoPermission(
                f"{path} can't be opened for writing ({error})", hint="check owner and mode"
            )
    return StorageError(f"{path}: {error}", hint="check the disk: dmesg")


def _refusal(
    error: apsw.Error, path: str, connection: apsw.Connection | None
) -> QueuectlError | None:
    """Tell a shortage, and a full disk where SQLite has no name for it; else None.

    A quota that is used up is an I/O error to it, and so is an index of the log that does not fit.
    """
    extended = getattr(error, "extendedresult", 0)
    if isinstance(error, apsw.NoMemError) or extended == apsw.SQLITE_IOERR_NOMEM:
        return Exhausted(f"{path}: {os.strerror(errno.ENOMEM)}")
    if isinstance(error, apsw.CantOpenError):
        return _shortage_of_files(path)
    number = 0 if connection is None else connection.system_errno
    if isinstance(error, apsw.IOError) and number == errno.EDQUOT:
        return StorageFull(f"{path}: the disk quota is used up")
    return (
        StorageFull(f"{path}: the disk is full") if extended == apsw.SQLITE_IOERR_SHMSIZE else None
    )


def _shortage_of_files(path: str) -> QueuectlError | None:
    """Tell whether no descriptor is to be had.

    By asking for one: no connection was made that could say it.
    """
    try:
        os.close(os.memfd_create("asking"))
    except OSError as error:
        return access_error(error, path)
    return None
