"""The disk reserve: a ballast file that gives way, so that results can be recorded on a full disk.

It gives way slice by slice: whatever filled the disk takes each freed byte that we do not use at
once, and results of jobs that still run come later. It must not know what a result is.
"""

from __future__ import annotations

import errno
import logging
import os
import threading

from queuectl_core.errors import StorageFull

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    Given = TypeVar("Given")

WHOLE_BYTES = 4 << 20
SLICE_BYTES = 512 << 10
"""Some thirty results: a commit writes 16 kB into the log of changes."""
_FLAGS = os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
log = logging.getLogger(__name__)


def path_beside(queue_file: str) -> str:
    """Return where the reserve of a queue lies: beside it, to be on the same disk."""
    return f"{queue_file}.reserve"


class Reserve:
    """The reserve of one queue, which all its workers share. For all threads of a pool.

    While `disk_is_full`, no job starts and no output is kept: what is left is for results.
    """

    def __init__(self, path: str) -> None:
        self.disk_is_full = False
        self._path = path
        self._lock = threading.Lock()
        self._made = False

    def create(self) -> None:
        """Make the file; a disk that does not take it is told of, and worked on without one."""
        try:
            self._fill()
        except OSError as error:
            text = "no reserve of %d KiB for results on a full disk: %s"
            log.warning(text, WHOLE_BYTES >> 10, error.strerror)

    def declare_full(self) -> None:
        """Note that the disk took no more; told once until there is room again."""
        with self._lock:
            told, self.disk_is_full = self.disk_is_full, True
        if not told:
            log.error("the disk is full: no job starts until there is room; results are kept")

    def spend(self) -> bool:
        """Free a slice of the disk; tell whether there was one."""
        with self._lock:
            try:
                fd = os.open(self._path, _FLAGS)
            except OSError:
                return False  # spent, or never made
            try:
                left_bytes = os.fstat(fd).st_size - SLICE_BYTES
                if left_bytes > 0:
                    os.ftruncate(fd, left_bytes)
                else:
                    os.unlink(self._path)
            finally:
                os.close(fd)
        return True

    def through(self, commit: Callable[[], Given]) -> Given:
        """Return what `commit` returns; on a full disk slices make room for it, until none is left.

        Raises StorageFull then.
        """
        while True:
            try:
                return commit()
            except StorageFull:
                self.declare_full()
                if not self.spend():
                    raise

    def permit_output(self) -> None:
        """Raise OSError while the disk has room for results only."""
        if self.disk_is_full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def refill(self) -> bool:
        """Make the file whole again where there is room; tell whether jobs may start again by that.

        Where the disk never took a whole one, some room is enough.
        """
        try:
            self._fill()
        except OSError:
            if self._made or self._free_bytes() < SLICE_BYTES:
                return False
        with self._lock:
            was_full, self.disk_is_full = self.disk_is_full, False
        if was_full:
            log.info("the disk has room again: jobs start")
        return was_full

    def _fill(self) -> None:
        """Make the file whole, and leave room for a slice; or raise OSError and change nothing."""
        with self._lock:
            size_bytes = self._size_bytes()
            missing_bytes = max(0, WHOLE_BYTES - size_bytes)
            # asked first: an attempt takes the last bytes from others for its time
            if self._free_bytes() < missing_bytes + SLICE_BYTES:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if missing_bytes:
                self._extend(size_bytes, missing_bytes)
            self._made = True

    def _extend(self, size_bytes: int, missing_bytes: int) -> None:
        fd = os.open(self._path, _FLAGS | os.O_CREAT, 0o600)
        try:
            os.posix_fallocate(fd, size_bytes, missing_bytes)
        except OSError:
            os.ftruncate(fd, size_bytes)
            raise
        finally:
            os.close(fd)

    def _size_bytes(self) -> int:
        try:
            return os.lstat(self._path).st_size
        except FileNotFoundError:
            return 0

    def _free_bytes(self) -> int:
        """Return what the disk has for us; 0 where it does not say."""
        try:
            disk = os.statvfs(os.path.dirname(self._path) or ".")
        except OSError:
            return 0
        return disk.f_bavail * disk.f_frsize
