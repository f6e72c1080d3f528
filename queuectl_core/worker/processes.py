"""Processes of the kernel's table: whose child is whose, which are a job's, and how to end them.

A pid alone proves nothing, it may be another process by now. A job's processes are known by the
token in their environment, which the kernel keeps from the exec on (proc(5), /proc/pid/environ).
"""

from __future__ import annotations

import ctypes
import errno
import logging
import os
import select
import signal
from functools import lru_cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

TOKEN_VARIABLE = "QUEUECTL_TOKEN"  # noqa: S105 - the name of a variable, not a secret
LASTING_VARIABLE = "QUEUECTL_BACKGROUND_TOKEN"
"""In its place for a job that may leave processes behind: those end with a crash of their worker,
while the job runs, but not with the job."""
_LASTING_PREFIX = f"{LASTING_VARIABLE}=".encode()
_PREFIXES = (f"{TOKEN_VARIABLE}=".encode(), _LASTING_PREFIX)
_PR_SET_CHILD_SUBREAPER = 36
MAX_SWEEPS = 100
"""A fork bomb can be faster than one sweep; after this many we go on and say so."""
KILL_WAIT_MS = 100
"""How long a sweep waits for one killed process: it may hang in the kernel for ever."""
EXEC_LOOKS, EMPTY_LOOKS, EXEC_LOOK_EVERY_MS = 100, 3, 1
_READ_BYTES = 65_536
_FLAGS, _ENV_START, _ENV_END = 9 - 3, 50 - 3, 51 - 3
"""Fields of /proc/pid/stat, from the state on, which is the third (proc(5))."""
_PF_EXITING, _PF_KTHREAD = 0x0000_0004, 0x0020_0000
_SHORT = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}
log = logging.getLogger(__name__)


def become_subreaper() -> None:
    """Make orphans of our descendants our children, also those that called setsid (prctl(2))."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def adopted() -> list[int]:
    """Return the orphans that fell to us as a subreaper, also those that ended and wait for us.

    The kernel hands them to the first thread; children that other threads started are listed
    under those. What a thread started that has ended is handed to the first one, too.
    """
    file = _children_file(os.getpid())
    listed = part = os.pread(file, _READ_BYTES, 0)
    while part:
        part = os.pread(file, _READ_BYTES, len(listed))
        listed += part
    return [int(child) for child in listed.split()]


@lru_cache(maxsize=1)
def _children_file(pid: int) -> int:
    """Open the list of a process's children, for its life: one call of three for each look."""
    return os.open(f"/proc/{pid}/task/{pid}/children", os.O_RDONLY | os.O_CLOEXEC)


def orphans_with(token: int) -> list[int]:
    """Return the orphans that fell to us and bear the token. Reaps those that ended.

    One that is about to end shows no environment any more, and its children have not fallen to us
    yet: they are looked for again once it is gone.
    """
    for _ in range(MAX_SWEEPS):
        pids = adopted()
        if not pids:
            return []
        wanted = _entries([token])
        found = [pid for pid in pids if wanted & _entries_of(pid)]
        if found:
            return found
        dying = [pid for pid in pids if _is_dying(pid)]
        for pid in dying:
            _await_end(pid, KILL_WAIT_MS)
        if not reap_adopted() and not dying:
            return []
    return []


def _is_dying(pid: int) -> bool:
    """Tell whether a process is in its exit, or a zombie."""
    stat = _read(f"/proc/{pid}/stat")
    if not stat:
        return False
    fields = stat.rpartition(b")")[2].split()
    return fields[0] in b"ZX" or bool(int(fields[_FLAGS]) & _PF_EXITING)


def with_token(tokens: Iterable[int]) -> Iterator[int]:
    """Yield the pids whose environment bears one of the tokens; never our own."""
    wanted = _entries(tokens)
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid() and wanted & _entries_of(int(name)):
            yield int(name)


def _entries(tokens: Iterable[int]) -> frozenset[bytes]:
    return frozenset(prefix + str(token).encode() for token in tokens for prefix in _PREFIXES)


def _entries_of(pid: int) -> frozenset[bytes]:
    """Return the tokens of a process as they stand there; none when it is not ours to see.

    In the midst of an exec the environment reads as empty, and a daemon that its job has just
    started would be missed (1 in 4 looks at a script that execs itself): then look again.
    """
    for look in range(EXEC_LOOKS):
        environ = _read(f"/proc/{pid}/environ")
        if environ:
            entries = environ.split(b"\0")
            return frozenset(entry for entry in entries if entry.startswith(_PREFIXES))
        size = None if environ is None else _environment_bytes(pid)
        if size is None or (size == 0 and look >= EMPTY_LOOKS):
            break
        if size < 0:
            _await_end(pid, EXEC_LOOK_EVERY_MS)
    return frozenset()


def _environment_bytes(pid: int) -> int | None:
    """Return the size of a program's environment, below 0 when an exec has not set it up yet.

    0 for one that was given none, and for a moment within an exec. None for what runs no program:
    a kernel thread, a zombie, nothing.
    """
    stat = _read(f"/proc/{pid}/stat")
    if not stat:
        return None
    fields = stat.rpartition(b")")[2].split()
    if fields[0] in b"ZX" or int(fields[_FLAGS]) & _PF_KTHREAD:
        return None
    start, end = int(fields[_ENV_START]), int(fields[_ENV_END])
    return end - start if end else -1


def _read(path: str) -> bytes | None:
    """Return a file of /proc whole; None when its process is gone or not ours to see.

    Raises OSError when we lack a descriptor: what can't be read may well be there.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in _SHORT:
            raise
        return None
    try:
        data = part = os.read(fd, _READ_BYTES)
        while part:
            part = os.read(fd, _READ_BYTES)
            data += part
    except OSError:
        return None  # it ended while we read
    finally:
        os.close(fd)
    return data


def signal_all(pids: Iterable[int], signum: signal.Signals) -> list[int]:
    """Send a signal to each; return those that got it: not the gone, nor another user's."""
    reached = []
    for pid in pids:
        try:
            os.kill(pid, signum)
        except (ProcessLookupError, PermissionError):
            continue
        reached.append(pid)
    return reached


def kill_tokens(tokens: Iterable[int]) -> int:
    """Kill every process of these claims, also what they fork meanwhile; return how many.

    Ends when a whole look through the table finds none. Reaps those that are our children.
    """
    tokens = frozenset(tokens)
    return _sweep(lambda: with_token(tokens)) if tokens else 0


def kill_adopted() -> int:
    """Kill all orphans that fell to us, and theirs in turn; return how many.

    Those of jobs that may leave them behind stay; the rescuer ends them where such a job ran.
    """
    reap_adopted()
    return _sweep(lambda: [pid for pid in adopted() if not _lasts(_entries_of(pid))])


def _lasts(entries: Collection[bytes]) -> bool:
    return any(entry.startswith(_LASTING_PREFIX) for entry in entries)


def _sweep(look: Callable[[], Iterable[int]]) -> int:
    """Kill what `look` finds until it finds nothing more that we may kill; return how many."""
    killed: set[int] = set()
    for _ in range(MAX_SWEEPS):
        found = signal_all(look(), signal.SIGKILL)
        if not found:
            break
        killed.update(found)
        for pid in found:
            _await_end(pid, KILL_WAIT_MS)
        reap_adopted()
    else:
        log.warning("processes of jobs outlived %d sweeps; %d were killed", MAX_SWEEPS, len(killed))
    return len(killed)


def _await_end(pid: int, timeout_ms: int) -> None:
    """Wait until a process is dead, `timeout_ms` at most."""
    try:
        fd = os.pidfd_open(pid)
    except OSError:
        return  # gone already
    try:
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        poll.poll(timeout_ms)
    finally:
        os.close(fd)


def reap_adopted() -> int:
    """Take the exit statuses of orphans that ended, so that no zombie stays; return how many."""
    reaped = 0
    for pid in adopted():
        try:
            reaped += os.waitpid(pid, os.WNOHANG)[0] != 0
        except ChildProcessError:
            continue  # another thread was faster
    return reaped


class Orphans:
    """The orphans that fell to us over time, and which jobs each may belong to.

    The end of a job finds its own by their token. A daemon that dropped or overwrote its
    environment, as nginx and PostgreSQL do for their titles, may be of any job that ran when it
    was first seen: it is ended when none of those runs any more. For one thread.
    """

    def __init__(self, strangers: Collection[int] = ()) -> None:
        """Let children be that were there before: a program that we took the place of had them."""
        self._strangers = frozenset(strangers)
        self._owners: dict[int, frozenset[bytes]] = {}

    def end_unowned(self, running: Callable[[], Mapping[int, bool]]) -> int:
        """Kill the orphans that no running job can own; return how many.

        `running` returns the tokens of the jobs that run, and whether each may leave processes
        behind: what is or may be of such a job is let be, also after its end. It is asked after the
        look at the orphans, so that a job which starts in between can't lose one of its own.
        """
        reap_adopted()
        pids = [pid for pid in adopted() if pid not in self._strangers]
        tokens = frozenset(_PREFIXES[lasts] + b"%d" % token for token, lasts in running().items())
        self._owners = {pid: self._owners.get(pid) or _entries_of(pid) or tokens for pid in pids}
        unowned = [
            pid
            for pid, owners in self._owners.items()
            if not owners & tokens and not _lasts(owners)
        ]
        killed = signal_all(unowned, signal.SIGKILL)
        for pid in killed:
            _await_end(pid, KILL_WAIT_MS)
        reap_adopted()
        return len(killed)


def group_exists(group: int) -> bool:
    """Tell whether any process is left in a process group of ours."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # a set-user-id program is left; it exists
    return True


def signal_group(group: int, signum: signal.Signals) -> None:
    """Send a signal to all of a process group that are still there."""
    try:
        os.killpg(group, signum)
    except (ProcessLookupError, PermissionError):
        return
