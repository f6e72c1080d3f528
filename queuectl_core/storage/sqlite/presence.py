"""Which workers live: a lock per worker that the kernel releases at death.

Seen within a millisecond of a kill -9; a stopped process, a suspended machine or a clock that jumps
never looks like death, as it does where leases run by time.
"""

from __future__ import annotations

import fcntl
import os

from queuectl_core.home import access_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def ensure_directory(path: str) -> None:
    """Create the directory of locks and bells, 0700."""
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
    except OSError as error:
        raise access_error(error, path) from error


def try_hold(directory: str, worker: int) -> int | None:
    """Take the worker's lock; return its descriptor, or None while somebody holds it.

    Held until the descriptor and its copies in forked children are closed; programs that we start
    get none.
    """
    path = os.path.join(directory, f"{worker}.lock")
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise access_error(error, path) from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd


def is_alive(directory: str, worker: int) -> bool:
    """Tell whether a process holds the worker's lock.

    A worker that starts at this very moment may pass over the id.
    """
    path = os.path.join(directory, f"{worker}.lock")
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise access_error(error, path) from error
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def free_ids(directory: str) -> Iterator[tuple[int, int]]:
    """Yield (worker id, lock held) for each id that nobody holds, the lowest first, without end."""
    worker = 0
    while True:
        worker += 1
        hold = try_hold(directory, worker)
        if hold is not None:
            yield worker, hold
