"""Wakes idle workers of other processes.

One byte into a named pipe per worker, written after the commit: half a millisecond from there to
the claim, at 0.03 % CPU. Watching the write-ahead log fires before the commit is visible, polling
costs a hundred times the CPU. A pipe and not a datagram socket, because the ringer is a cold
`enqueue`: `import socket` would cost it 3 ms, and a deep home does not fit into a socket's 108
bytes (docs/design/0003-bell-is-a-named-pipe.md). A ring may get lost: workers also look by
themselves.
"""

from __future__ import annotations

import os

from queuectl_core.home import access_error

SUFFIX = ".bell"


def ring(directory: str) -> None:
    """Ring every worker's bell. Never waits and never fails: the job is on disk already."""
    try:
        names = os.listdir(directory)
    except OSError:
        return  # no worker ever ran here
    for name in names:
        if name.endswith(SUFFIX):
            _ring_one(os.path.join(directory, name))


def _ring_one(path: str) -> None:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return  # a dead worker's bell has no ear
    try:
        os.write(fd, b"!")
    except OSError:
        return  # a full pipe rings already
    finally:
        os.close(fd)


class PipeBell:
    """A worker's ear."""

    def __init__(self, directory: str, worker: int) -> None:
        self._path = os.path.join(directory, f"{worker}{SUFFIX}")
        try:
            if os.path.lexists(self._path):
                os.unlink(self._path)  # a predecessor's with our id: we hold its lock
            os.mkfifo(self._path, 0o600)
            # open for both ends, or the pipe would read as ended whenever no ringer has it open
            self._fd = os.open(self._path, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise access_error(error, self._path) from error

    def fileno(self) -> int:
        """Return the descriptor that becomes readable at a ring."""
        return self._fd

    def clear(self) -> None:
        """Forget all rings so far."""
        try:
            while os.read(self._fd, 65_536):
                pass
        except BlockingIOError:
            return

    def close(self) -> None:
        """Take the bell off."""
        os.close(self._fd)
        try:
            os.unlink(self._path)
        except OSError:
            return  # gone already
