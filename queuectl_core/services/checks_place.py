"""The doctor's checks of the place: the home, its disk, its settings, and what was left behind."""

from __future__ import annotations

import os
import stat

from queuectl_core import bundles, home, storage
from queuectl_core.records import Record
from queuectl_core.services.checks import MIB, Check, problem, size, warning, well

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from queuectl_core.storage.sqlite.examiner import SqliteExaminer

    Answer = tuple[str, str, str]

LITTLE_BYTES, TOO_LITTLE_BYTES = 256 * MIB, 16 * MIB
LITTLE_INODES, TOO_LITTLE_INODES = 10_000, 100
BUNDLE_BYTES = 32 * MIB
"""What the executable needs to unpack itself, with a reserve for a few commands at a time."""
DRAFT = ".part"


class Place(Record):
    """Where a queue lives. `environ` is the command's environment."""

    home: home.Home
    db_path: str
    environ: Mapping[str, str]
    examiner: SqliteExaminer

    def checks(self) -> list[Check]:
        """Return the checks in their order: who may write here, then what there is room for."""
        checks = [
            Check("home", self._home),
            Check("settings", self._settings),
            Check("file system", self._file_system),
            Check("space", lambda: _space(self._queue_directory)),
        ]
        if self._logs_lie_elsewhere():
            checks.append(Check("space for logs", lambda: _space(self._logs_dir)))
        return [
            *checks,
            Check("sqlite", lambda: well(self.examiner.sqlite_version())),
            Check("temporary directory", self._temporary_directory),
            Check("bundles", self._bundles, self._remove_bundles),
            Check("drafts", self._drafts, self._remove_drafts),
        ]

    # --- the home ---

    def _home(self) -> Answer:
        path = self.home.path
        try:
            os.lstat(path)
        except FileNotFoundError:
            return well(f"{path} is not there yet: the first command makes it")
        except OSError as error:  # a directory above it is closed to us
            raise home.access_error(error, path) from error
        home.check_directory(path)
        mode = stat.S_IMODE(os.stat(path).st_mode)
        if mode & 0o077:
            return warning(f"{path} is open to others (mode {mode:o})", f"chmod 700 {path}")
        return well(path)

    def _settings(self) -> Answer:
        home.read_settings(self.home, self.environ)
        there = os.path.exists(self.home.config_path)
        return well(self.home.config_path if there else "defaults: there is no config.json")

    def _file_system(self) -> Answer:
        if not os.path.isdir(self._queue_directory):
            return well("not there yet")
        return well(self.examiner.file_system() or "unknown: nothing says what it is")

    def _logs_lie_elsewhere(self) -> bool:
        """Tell whether the logs are on a disk of their own."""
        try:
            return os.stat(self._logs_dir).st_dev != os.stat(self._queue_directory).st_dev
        except OSError:
            return False

    @property
    def _queue_directory(self) -> str:
        return os.path.dirname(self.db_path)

    @property
    def _logs_dir(self) -> str:
        return self.home.logs_dir(self.db_path)

    # --- the temporary directory ---

    @property
    def _temporary(self) -> str:
        """Return where the executable unpacks itself: the loader's order, without the last ones."""
        chosen = [self.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP")]
        return next((path for path in chosen if path and os.path.isdir(path)), "/tmp")  # noqa: S108 - named, not used

    def _temporary_directory(self) -> Answer:
        path = self._temporary
        disk = os.statvfs(path)
        free_bytes = disk.f_bavail * disk.f_frsize
        hint = "set TMPDIR to a directory of yours on another disk"
        if disk.f_flag & os.ST_NOEXEC:
            return problem(f"{path} is mounted noexec: the executable can't start there", hint)
        if not os.access(path, os.W_OK | os.X_OK):
            return problem(f"{path} is not writable", hint)
        if free_bytes < BUNDLE_BYTES:
            return warning(f"{path} has {size(free_bytes)} free; each start needs 12 MiB", hint)
        return well(f"{path}, {size(free_bytes)} free")

    def _bundles(self) -> Answer:
        found = bundles.leaked(self._temporary)
        if found:
            return warning(
                f"{_these(found, 'unpacked executable')} left by a kill -9 in {self._temporary}",
                "queuectl doctor --fix removes them",
            )
        return well(f"nothing left behind in {self._temporary}")

    def _remove_bundles(self) -> Answer:
        gone = [path for path in bundles.leaked(self._temporary) if bundles.remove(path)]
        if not gone:
            return self._bundles()
        return well(f"fixed: {_these(gone, 'unpacked executable')} removed")

    # --- drafts of backups ---

    def _drafts(self) -> Answer:
        found = self._leftover_drafts()
        if found:
            return warning(
                f"{_these(found, 'backup')} cut off: {', '.join(map(os.path.basename, found))}",
                "queuectl doctor --fix removes them",
            )
        return well("no backup was cut off here")

    def _remove_drafts(self) -> Answer:
        found = self._leftover_drafts()
        for path in found:
            os.unlink(path)
        if not found:
            return self._drafts()
        return well(f"fixed: {_these(found, 'draft')} removed")

    def _leftover_drafts(self) -> list[str]:
        """Return the drafts beside the queue that nobody writes: a backup locks its own."""
        directory = self._queue_directory
        if not os.path.isdir(directory):
            return []
        paths = [os.path.join(directory, name) for name in sorted(os.listdir(directory))]
        return [
            path
            for path in paths
            if path.endswith(DRAFT) and _is_own_file(path) and not storage.is_in_use(path)
        ]


def _is_own_file(path: str) -> bool:
    details = os.lstat(path)
    return stat.S_ISREG(details.st_mode) and details.st_uid == os.geteuid()


def _space(directory: str) -> Answer:
    """Look at the disk of a directory, or of the nearest one above it that is there."""
    while not os.path.isdir(directory) and os.path.dirname(directory) != directory:
        directory = os.path.dirname(directory)
    disk = os.statvfs(directory)
    free_bytes = disk.f_bavail * disk.f_frsize
    # file systems that make inodes as they need them say that they have none
    inodes = disk.f_favail if disk.f_files else LITTLE_INODES
    message = f"{size(free_bytes)} and {disk.f_favail:,} files free"
    hint = f"free some space on the disk of {directory}"
    if free_bytes < TOO_LITTLE_BYTES or inodes < TOO_LITTLE_INODES:
        return problem(message, hint)
    if free_bytes < LITTLE_BYTES or inodes < LITTLE_INODES:
        return warning(message, hint)
    return well(message)


def _these(paths: list[str], what: str) -> str:
    return f"{len(paths)} {what}{'' if len(paths) == 1 else 's'}"
