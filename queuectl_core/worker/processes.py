"""Processes of the kernel's table: whose child is whose, which belong to a job, and how to end them for sure.

A pid alone proves nothing, it may be another process by now. A job's processes are known by the token in their
environment, which the kernel keeps from the exec on (proc(5), /proc/pid/environ).
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Iterable, Iterator

TOKEN_VARIABLE = "QUEUECTL_TOKEN"  # noqa: S105 - the name of a variable, not a secret
_PREFIX = f"{TOKEN_VARIABLE}=".encode()
_PR_SET_CHILD_SUBREAPER = 36
MAX_SWEEPS = 100
"""A fork bomb can be faster than one sweep; after this many we go on and say so."""


def become_subreaper() -> None:
    """Make orphans of our descendants our children, also those that called setsid or forked twice (prctl(2))."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def boot_id() -> str:
    """Return what tells one run of the machine from the next: pids mean something only within one."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


def adopted() -> list[int]:
    """Return the orphans that fell to us as a subreaper.

    The kernel hands them to the first thread; children that other threads started are listed under those.
    """
    pid = os.getpid()
    return _children(f"/proc/{pid}/task/{pid}/children")


def children() -> list[int]:
    """Return all our children."""
    pid = os.getpid()
    return [
        child
        for thread in os.listdir(f"/proc/{pid}/task")
        for child in _children(f"/proc/{pid}/task/{thread}/children")
    ]


def _children(path: str) -> list[int]:
    try:
        with open(path, "rb") as file:
            return [int(pid) for pid in file.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []  # a thread that just ended


def with_token(tokens: Iterable[int]) -> Iterator[int]:
    """Yield the pids whose environment bears one of the tokens; never our own."""
    wanted = {_PREFIX + str(token).encode() for token in tokens}
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid() and wanted & _environment(name):
            yield int(name)


def _environment(pid: str) -> set[bytes]:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return {entry for entry in file.read().split(b"\0") if entry.startswith(_PREFIX)}
    except OSError:
        return set()  # ended meanwhile, or another user's: not ours


def signal_all(pids: Iterable[int], signum: signal.Signals) -> int:
    """Send a signal to each; return how many were there to get it."""
    sent = 0
    for pid in pids:
        try:
            os.kill(pid, signum)
        except ProcessLookupError:
            continue
        sent += 1
    return sent


def kill_tokens(tokens: Iterable[int]) -> int:
    """Kill every process of these claims, also what they fork meanwhile; return how many were killed.

    Ends when a whole look through the table finds none. Reaps those that are our children.
    """
    tokens = list(tokens)
    killed = 0
    for _ in range(MAX_SWEEPS):
        found = signal_all(with_token(tokens), signal.SIGKILL) if tokens else 0
        reap_adopted()
        if not found:
            break
        killed += found
    return killed


def kill_adopted() -> int:
    """Kill all orphans that fell to us, and theirs in turn; return how many."""
    killed = 0
    for _ in range(MAX_SWEEPS):
        found = signal_all(adopted(), signal.SIGKILL)
        if not found:
            break
        killed += found
        reap_adopted(block=True)
    return killed


def reap_adopted(*, block: bool = False) -> None:
    """Take the exit statuses of adopted orphans, so that no zombie stays. `block` waits for killed ones."""
    for pid in adopted():
        try:
            os.waitpid(pid, 0 if block else os.WNOHANG)
        except ChildProcessError:
            continue


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
