"""Shows a job's output while it is written: its stdout to ours, its stderr to ours, as it is."""

from __future__ import annotations

import os
import select
import stat

from queuectl_core.joblog import STDERR, STDOUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from queuectl_core.joblog import JobLogWriter

PIECE_BYTES = select.PIPE_BUF
"""A pipe that poll(2) calls writable takes that much without a wait (pipe(7))."""
LOOK_EVERY_MS = 50
_FDS = {STDOUT: 1, STDERR: 2}


class Echo:
    """Stands between the executor and the log of an attempt.

    A reader that is slow slows the job down, as a pipe of its own would, but does not keep us from
    ending it: `impatient` tells when not to wait any more. One that is gone is passed over.
    """

    def __init__(self, log: JobLogWriter, impatient: Callable[[], bool]) -> None:
        self._log = log
        self._impatient = impatient
        self._open = {stream: fd for stream, fd in _FDS.items() if _is_open(fd)}

    @property
    def total_bytes(self) -> int:
        """Return how much the job wrote."""
        return self._log.total_bytes

    @property
    def last_error_line(self) -> str | None:
        """Return the last line of stderr, or None."""
        return self._log.last_error_line

    def write(self, stream: str, data: bytes | memoryview, now_ms: int) -> None:
        """Keep `data` and show it."""
        self._log.write(stream, data, now_ms)
        fd = self._open.get(stream)
        if fd is None:
            return
        try:
            self._show(fd, memoryview(data))
        except OSError:  # its reader is gone, its disk is full: the log has it
            del self._open[stream]

    def _show(self, fd: int, data: memoryview) -> None:
        size = len(data) if stat.S_ISREG(os.fstat(fd).st_mode) else PIECE_BYTES
        while data and self._is_ready(fd):
            try:
                data = data[os.write(fd, data[:size]) :]
            except BlockingIOError:  # a terminal that somebody made non-blocking
                size = 1

    def _is_ready(self, fd: int) -> bool:
        """Wait until a write would not block; False when there is no time for that."""
        poll = select.poll()
        poll.register(fd, select.POLLOUT)
        while not poll.poll(LOOK_EVERY_MS):
            if self._impatient():
                return False
        return True


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True
