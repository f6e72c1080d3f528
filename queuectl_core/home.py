"""The queue's home: where its files lie, and that nobody else can write there.

Knows nothing of the queue file's inside. The rules: docs/security.md, "Files".
"""

from __future__ import annotations

import errno
import os
import stat

from queuectl_core import config
from queuectl_core.errors import BadConfig, Exhausted, NoPermission, StorageError, StorageFull
from queuectl_core.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


QUEUE_FILE = "queue.db"


class Home(Record):
    """The directory with the settings, the queue file and the logs."""

    path: str

    @property
    def config_path(self) -> str:
        """Return the settings file."""
        return os.path.join(self.path, "config.json")

    def db_path(self, settings: config.Settings) -> str:
        """Return the queue file: the setting db-path, else queue.db in here."""
        chosen = os.path.expanduser(settings.db_path)
        return os.path.join(self.path, chosen or QUEUE_FILE)

    def logs_dir(self, db_path: str) -> str:
        """Return the directory of worker logs and job output: one for each queue file.

        Two queues in one home number their jobs alike, and must not write over each other.
        """
        if db_path == os.path.join(self.path, QUEUE_FILE):
            return os.path.join(self.path, "logs")
        return f"{db_path}.logs"


def find(flag: str | None, environ: Mapping[str, str]) -> Home:
    """Return the home: --home, else QUEUECTL_HOME, else ~/.queuectl. Nothing is created.

    Without HOME (cron in a container) the passwd entry counts.
    """
    chosen = flag or environ.get("QUEUECTL_HOME") or os.path.join(_user_home(environ), ".queuectl")
    return Home(os.path.abspath(chosen))


def _user_home(environ: Mapping[str, str]) -> str:
    home = environ.get("HOME")
    if not home:
        import pwd  # noqa: PLC0415 - cron without HOME; nobody else needs it

        try:
            home = pwd.getpwuid(os.geteuid()).pw_dir
        except KeyError:
            home = ""
    if not os.path.isabs(home):
        raise BadConfig(
            f"no home directory is known for user id {os.geteuid()}",
            hint="set HOME or QUEUECTL_HOME, or give --home DIR",
        )
    return home


def prepare(home: Home) -> None:
    """Create the home, 0700, where it is missing.

    Refuse one that others could write to or that is not ours.
    """
    missing = _missing(home.path)
    try:
        if missing:
            os.makedirs(home.path, mode=0o700)
            for path in missing:
                sync_directory(os.path.dirname(path))
    except FileExistsError:
        pass
    except OSError as error:
        raise access_error(error, home.path) from error
    check_directory(home.path)


def _missing(path: str) -> list[str]:
    """Return `path` and its parents as far as they do not exist, the deepest first."""
    missing = []
    while not os.path.lexists(path):
        missing.append(path)
        path = os.path.dirname(path)
    return missing


def sync_directory(path: str) -> None:
    """Put the names in a directory on disk: a new file can be lost without, whatever it holds.

    A directory that we may write to but not read can't be synced; that is no reason to refuse it.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:
        return
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def check_directory(path: str) -> None:
    """Raise NoPermission where another user could plant or replace files in `path`.

    Its owner must be the effective user. Of its parents each must belong to that user or to root,
    and be closed to others or sticky, as /tmp is (OpenSSH's StrictModes does the same).
    """
    try:
        details = os.stat(path)
        if not stat.S_ISDIR(details.st_mode):
            raise NoPermission(
                f"{path} is not a directory", hint="give another one with --home DIR"
            )
        if details.st_uid != os.geteuid():
            raise NoPermission(
                f"{path} belongs to user id {details.st_uid}, you are {os.geteuid()}",
                hint="run as its owner, or give a home of your own with --home DIR",
            )
        if not os.access(path, os.W_OK | os.X_OK):
            raise NoPermission(f"{path} is not writable", hint=f"chmod u+rwx {path}")
        _check_chain(os.path.realpath(path))
    except OSError as error:
        raise access_error(error, path) from error


def _check_chain(path: str) -> None:
    mine = {0, os.geteuid()}
    while True:
        details = os.stat(path)
        open_to_others = details.st_mode & 0o022 and not details.st_mode & stat.S_ISVTX
        if details.st_uid not in mine or open_to_others:
            raise NoPermission(
                f"{path} can be written by others (mode {stat.S_IMODE(details.st_mode):o},"
                f" owner {details.st_uid}): they could replace the queue",
                hint=f"chmod go-w {path}, or give another home with --home DIR",
            )
        parent = os.path.dirname(path)
        if parent == path:
            return
        path = parent


def access_error(error: OSError, path: str) -> StorageError | NoPermission | Exhausted:
    """Return our error for the kernel's refusal to touch `path`."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    if error.errno in {errno.EMFILE, errno.ENFILE, errno.ENOMEM}:
        return Exhausted(f"{path}: {reason}")
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StorageFull(f"{path}: {reason}")
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS, errno.ELOOP, errno.ENOTDIR}:
        return NoPermission(
            f"{path}: {reason}", hint="check its owner and mode, or give --home DIR"
        )
    return StorageError(f"{path}: {reason}")


def read_settings(
    home: Home, environ: Mapping[str, str], flags: Mapping[str, config.Value] | None = None
) -> config.Settings:
    """Return the settings in force in `home`. A missing file is an empty one."""
    return config.resolve(read_config_file(home), environ, flags or {})


def read_config_file(home: Home) -> dict[str, config.Value]:
    """Return what config.json holds, by field; BadConfig with the line where it is broken."""
    try:
        with open(home.config_path, encoding="utf-8") as file:
            return config.parse_file(file.read(), home.config_path)
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError as error:
        raise BadConfig(f"{home.config_path}: not valid UTF-8 at byte {error.start}") from error
    except OSError as error:
        raise access_error(error, home.config_path) from error


def write_config_file(home: Home, values: Mapping[str, config.Value]) -> None:
    """Replace config.json, 0600, in one step.

    A reader sees the old file or the new one, never a part; it is on disk when this returns.
    """
    import json  # noqa: PLC0415 - 4 ms of every cold start

    prepare(home)
    draft = f"{home.config_path}.{os.getpid()}.new"
    try:
        fd = os.open(
            draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        with open(fd, "w", encoding="utf-8") as file:
            file.write(json.dumps(dict(values), indent=2, sort_keys=True) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, home.config_path)
        sync_directory(home.path)
    except OSError as error:
        _discard(draft)
        raise access_error(error, home.config_path) from error


def _discard(draft: str) -> None:
    try:
        os.unlink(draft)
    except OSError:
        return  # it was never made
