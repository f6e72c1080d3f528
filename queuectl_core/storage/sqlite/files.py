"""The files around a queue file: who may own them, where they lie, on what kind of disk.

Never opens the queue file itself: closing any descriptor of it drops the process's POSIX locks
under SQLite's feet (https://sqlite.org/howtocorrupt.html, 2.2). Creating it, before SQLite ever saw
it, is the one exception.
"""

from __future__ import annotations

import os
import stat

from queuectl_core import home
from queuectl_core.errors import NoPermission, StorageDamaged, StorageError
from queuectl_core.home import access_error

NETWORK_FILE_SYSTEMS = frozenset(
    "9p afs beegfs ceph cifs coda fuse.glusterfs fuse.s3fs fuse.sshfs glusterfs gpfs lustre "
    "ncpfs nfs nfs4 ocfs2 smb3 smbfs vboxsf virtiofs".split()
)


def gate_path(path: str) -> str:
    """Return the writer gate of a queue file."""
    return path + ".gate"


def id_path(path: str) -> str:
    """Return the file that says which queue belongs at this place."""
    return path + ".id"


def workers_dir(path: str) -> str:
    """Return the directory of the workers' locks and bells."""
    return path + ".workers"


def is_there(path: str) -> bool:
    """Tell whether a queue file or its id is there; also True where that can't be seen."""
    for name in (path, id_path(path)):
        try:
            os.lstat(name)
        except FileNotFoundError:
            continue
        except OSError:
            return True
        return True
    return False


def check_queue_file(path: str) -> bool:
    """Tell whether the queue file exists; refuse a link, a second name, or another user's file."""
    try:
        details = os.lstat(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise access_error(error, path) from error
    if not stat.S_ISREG(details.st_mode) or details.st_nlink != 1:
        raise NoPermission(
            f"{path} is not a plain file with one name",
            hint="links to a queue file lead to two different locks on it; give the real path",
        )
    if details.st_uid != os.geteuid():
        raise NoPermission(
            f"{path} belongs to user id {details.st_uid}, you are {os.geteuid()}",
            hint="run as its owner",
        )
    return True


def create_queue_file(path: str) -> None:
    """Create an empty queue file, 0600, that nobody prepared for us."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        os.close(os.open(path, flags, 0o600))
    except OSError as error:
        raise access_error(error, path) from error


def read_id(path: str) -> str | None:
    """Return the id of the queue that belongs here, or None before there was one."""
    try:
        fd = os.open(id_path(path), os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.read(fd, 100).decode("ascii", "replace").strip()
        finally:
            os.close(fd)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise access_error(error, id_path(path)) from error


def write_id(path: str, queue_id: str) -> None:
    """Note which queue belongs here; on disk when it returns."""
    draft = f"{id_path(path)}.new"
    try:
        fd = os.open(
            draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        try:
            os.write(fd, f"{queue_id}\n".encode())
            os.fsync(fd)
        finally:
            os.close(fd)
        os.replace(draft, id_path(path))
        sync_directory(os.path.dirname(path))
    except OSError as error:
        raise access_error(error, draft) from error


sync_directory = home.sync_directory


def refuse_missing(path: str) -> StorageDamaged:
    """Return the error for a queue file that is gone or empty though there was a queue."""
    return StorageDamaged(
        f"{path} is missing or empty, but a queue was here ({id_path(path)} names it)",
        hint="put the file back, or stop the workers, then: queuectl restore BACKUP;"
        f" for a new, empty queue: rm {id_path(path)}",
    )


def check_file_system(directory: str) -> None:
    """Refuse a network file system: its locks and its shared memory can't be trusted with a queue.

    https://sqlite.org/wal.html: "WAL does not work over a network filesystem".
    """
    kind = file_system(directory)
    if kind in NETWORK_FILE_SYSTEMS:
        raise StorageError(
            f"{directory} is on a network file system ({kind}): a queue there would lose jobs",
            hint="give a home on a local disk: --home DIR or QUEUECTL_HOME",
        )


def file_system(directory: str, mounts: str = "/proc/self/mountinfo") -> str | None:
    """Return the type of the file system of `directory` (proc(5)), None where nothing says it."""
    device = os.stat(directory).st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    try:
        with open(mounts, encoding="utf-8", errors="surrogateescape") as file:
            lines = [line.split() for line in file]
    except OSError:
        return None
    for fields in lines:
        if fields[2] == wanted:
            return fields[fields.index("-") + 1]
    return None
