"""The directories that the frozen executable unpacks itself into, and those that nobody needs.

Its loader removes its own at the end; one that was killed by -9 leaves 12 MB behind. The name is
`_MEI`, the loader's pid in eight hex digits, and six more characters.
"""

from __future__ import annotations

import fcntl
import os
import stat

PREFIX = "_MEI"
NAME_LENGTH = len(PREFIX) + 8 + 6
OURS = ("libpython", "apsw")
"""What lies in each of ours: another program of the same making has its own directories."""


def loader_of(path: str) -> int | None:
    """Return the pid of the loader that unpacked a bundle; None where its name does not tell."""
    return _pid_of(os.path.basename(path))


def leaked(directory: str) -> list[str]:
    """Return the bundles in a directory that no process uses and that are ours; sorted."""
    try:
        names = sorted(name for name in os.listdir(directory) if _pid_of(name))
    except OSError:
        return []
    paths = [os.path.join(directory, name) for name in names]
    return [
        path for path in paths if not _process_lives(path) and _is_ours(path) and _is_free(path)
    ]


def remove(path: str) -> bool:
    """Remove a leaked bundle; tell whether it is gone. One that somebody locks is left alone."""
    from shutil import rmtree  # noqa: PLC0415 - 10 ms, for a rare leak only

    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return not os.path.lexists(path)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        rmtree(path, ignore_errors=True)
    except BlockingIOError:
        return False
    finally:
        os.close(fd)
    return not os.path.lexists(path)


def _pid_of(name: str) -> int | None:
    digits = name.removeprefix(PREFIX)[:8]
    if not name.startswith(PREFIX) or len(name) != NAME_LENGTH:
        return None
    return int(digits, 16) if set(digits) <= set("0123456789abcdef") else None


def _process_lives(path: str) -> bool:
    """Tell whether the loader, or whoever has its pid now, lives: a doubt leaves the bundle."""
    return os.path.exists(f"/proc/{_pid_of(os.path.basename(path))}")


def _is_ours(path: str) -> bool:
    try:
        details = os.lstat(path)
        names = os.listdir(path)
    except OSError:
        return False
    if not stat.S_ISDIR(details.st_mode) or details.st_uid != os.geteuid():
        return False
    return all(any(name.startswith(part) for name in names) for part in OURS)


def _is_free(path: str) -> bool:
    """Tell whether no process runs from it: none locks it, as workers do, and none maps its files.

    A loader that was killed may have left its child behind, at work.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(fd)
    mark = os.fsencode(os.path.realpath(path)) + b"/"
    return not any(mark in _maps(name) for name in os.listdir("/proc") if name.isdecimal())


def _maps(pid: str) -> bytes:
    """Return what a process has mapped, nothing where that can't be seen: not ours, or gone."""
    try:
        with open(f"/proc/{pid}/maps", "rb") as file:
            return file.read()
    except OSError:
        return b""
