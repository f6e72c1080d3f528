"""Who keeps a lock: so that a stopped process does not keep everybody out in silence.

The kernel tells it in /proc/locks (proc(5)); not of processes that another namespace hides, and not
on every file system. It must not take part in the locking: what it finds may have changed by then.
"""

from __future__ import annotations

import os
import select
import signal
from contextlib import contextmanager

from queuectl_core.errors import StorageBusy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

LOOKS, LOOK_EVERY_MS = 50, 100
"""How long somebody who pressed Ctrl-Z has to think better of it."""
ALARM_S = 5.0
"""How long who waits is left in peace. The longest wait of 32 busy writers was 0.11 s."""


def outwait_stopped(fd: int, path: str) -> None:
    """Return once the holder of the lock on `fd` is none, unknown, or runs.

    Raises StorageBusy with its pid when it stays stopped.
    """
    pid = None
    for _ in range(LOOKS):
        pid = find(fd)
        if pid is None or not _is_stopped(pid):
            return
        select.poll().poll(LOOK_EVERY_MS)
    raise StorageBusy(
        f"{path}: process {pid} is stopped in the middle of a write",
        hint=f"let it go on: kill -CONT {pid}; or end it, nothing is lost: kill -KILL {pid}",
    )


@contextmanager
def alarm(fd: int, path: str) -> Iterator[None]:
    """Look after the holder every few seconds of a wait inside; StorageBusy as from a first look.

    Only in the first thread, which alone gets signals; in others nothing happens.
    """

    def look(*_: object) -> None:
        outwait_stopped(fd, path)
        signal.setitimer(signal.ITIMER_REAL, ALARM_S)  # not before: a look takes a while

    try:
        before = signal.signal(signal.SIGALRM, look)
    except ValueError:  # another thread
        yield
        return
    timer = signal.setitimer(signal.ITIMER_REAL, ALARM_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, before)


def find(fd: int) -> int | None:
    """Return the pid of who has the exclusive flock(2) on the file of `fd`, None where unknown."""
    details = os.fstat(fd)
    device = details.st_dev
    place = f"{os.major(device):02x}:{os.minor(device):02x}:{details.st_ino}"
    for row in _read("/proc/locks").splitlines():
        match row.split():  # those who wait have an arrow in the second place
            case [_, "FLOCK", _, "WRITE", pid, found, *_] if found == place:
                return int(pid) if int(pid) > 0 else None
    return None


def _is_stopped(pid: int) -> bool:
    return _read(f"/proc/{pid}/stat").rpartition(")")[2].split()[:1] == ["T"]


def _read(path: str) -> str:
    """Return a file of /proc, nothing where it can't be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
