"""What the machine can be short of: descriptors, processes, memory. No job is to blame for it.

A job that could not be started goes back and its start does not count; then the pool waits, and
tries with one job, before all its threads go on. It must not know what a job is.
"""

from __future__ import annotations

import errno
import logging
import os
import threading

from queuectl_core.errors import Exhausted, QueuectlError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from queuectl_core.clock import Clock

    Found = TypeVar("Found")

FIRST_PAUSE_MS, LONGEST_PAUSE_MS = 1_000, 30_000
OUTLAST_PAUSE_MS = 100
FOR_EVER_MS = 1 << 62
NO_THREAD = "can't start new thread"
"""What CPython says, in a RuntimeError, when the kernel gives it none."""
_NAMES = {
    errno.EMFILE: "too few open files (ulimit -n)",
    errno.ENFILE: "too few open files for the whole system (sysctl fs.file-max)",
    errno.EAGAIN: "too few processes (ulimit -u, or TasksMax= of a service)",
    errno.ENOMEM: "too little memory (ulimit -v, or MemoryMax= of a service)",
}
log = logging.getLogger(__name__)


class NotStarted(Exception):
    """A program could not be started for want of something; the text says of what."""


class NotWatched(Exception):
    """A program was started, but can't be watched for want of something; the text says of what."""


def of(error: BaseException) -> str | None:
    """Return what is short when an error tells of that, else None."""
    if isinstance(error, MemoryError):
        return _NAMES[errno.ENOMEM]
    if isinstance(error, RuntimeError) and str(error) == NO_THREAD:
        return "too few processes (ulimit -u, or TasksMax= of a service), or too little memory"
    if isinstance(error, OSError) and error.errno is not None:
        return _NAMES.get(error.errno)
    return None


def told(error: Exception) -> str:
    """Return what to say of an error that may pass; raise one that is a bug of ours."""
    if isinstance(error, QueuectlError):
        return str(error)
    return str(translated(error, "put off for a second"))


def translated(error: BaseException, what: str) -> Exhausted:
    """Return the error for something that could not be had; raise one that is no shortage."""
    missing = of(error)
    if missing is None:
        raise error
    return Exhausted(f"{what}: {missing}")


def open_pidfd(pid: int) -> int:
    """Open a process that was just started, to see its end. Raises NotWatched."""
    try:
        return os.pidfd_open(pid)
    except OSError as error:
        missing = of(error)
        if missing is None:
            raise
        raise NotWatched(missing) from error


def outlast(look: Callable[[], Found], clock: Clock) -> Found:
    """Return what `look` returns, however long something is short that it needs.

    For what must be known: what is left of a job may not be overlooked.
    """
    while True:
        try:
            return look()
        except OSError as error:
            if of(error) is None:
                raise
        clock.pause(OUTLAST_PAUSE_MS)


class Shortage:
    """What the threads of one pool know of it. Thread-safe.

    `admits` is how many jobs may be claimed at a time, None for any number.
    """

    def __init__(self, clock: Clock) -> None:
        self.admits: int | None = None
        self._clock = clock
        self._lock = threading.Lock()
        self._until_ms = 0
        self._pause_ms = FIRST_PAUSE_MS
        self._has_news = False
        self._told = False

    def hold(self) -> None:
        """Admit nothing until `release`."""
        self.admits, self._until_ms = 0, FOR_EVER_MS

    def release(self) -> None:
        """End a `hold`."""
        self.admits, self._until_ms = None, 0

    def declare(self, what: str) -> None:
        """Note that a job could not be started: nobody claims one for a while. Told once."""
        with self._lock:
            now_ms = self._clock.monotonic_ms()
            told, self._told = self._told, True
            if self.admits != 0:
                was_long_ago = now_ms - self._until_ms > 2 * LONGEST_PAUSE_MS
                self._pause_ms = FIRST_PAUSE_MS if was_long_ago else self._longer_ms()
                self._until_ms = now_ms + self._pause_ms
                self.admits = 0
        if not told:
            log.error("%s: no job starts until there is more; none is lost", what)

    def _longer_ms(self) -> int:
        return min(2 * self._pause_ms, LONGEST_PAUSE_MS)

    def ease(self) -> None:
        """Note that a program could be started: when it was the one to try, all may."""
        if self.admits is None:  # without the lock: each start of a job comes by
            return
        with self._lock:
            if self.admits != 1:
                return  # started before the shortage
            self.admits = None
            self._told = False
            self._has_news = True
        log.info("jobs can be started again")

    def tend(self) -> bool:
        """Let one job be tried after the pause; tell whether idle threads should look for one."""
        with self._lock:
            news, self._has_news = self._has_news, False
            if self.admits == 0 and self._clock.monotonic_ms() >= self._until_ms:
                self.admits = 1
                news = True
        return news
