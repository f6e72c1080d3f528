"""Starts a worker that outlives its terminal, and waits until it works.

A program of its own and not a fork of this one: the frozen executable removes its unpacked files
when the process that was started first ends.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import struct
import sys

from queuectl_core.errors import QueuectlError, StorageBusy
from queuectl_core.home import access_error
from queuectl_core.worker import environment, frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

PATIENCE_MS = 60_000
_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
_CREDENTIALS = struct.Struct("3i")
"""pid, uid, gid: struct ucred (unix(7))."""


class NotStarted(QueuectlError):
    """The worker ended before it could work."""

    message = "the worker did not start"


def start(arguments: Sequence[str], log: str) -> int:
    """Start `queuectl ARGUMENTS` and return its supervisor's pid as soon as it takes jobs.

    It gets a session of its own and / as its directory; what it says goes to the end of the file
    `log`. Raises NotStarted with what it said, and its exit code; StorageBusy when it was not ready
    in PATIENCE_MS, and is ended.
    """
    environment.isolate_jobs()  # nothing of what we inherited is for it
    try:
        out = os.open(log, _APPEND, 0o600)
    except OSError as error:
        raise access_error(error, log) from error
    said_before = os.fstat(out).st_size
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        name = f"queuectl-{os.getpid()}-{os.urandom(8).hex()}"
        ear.bind(f"\0{name}")
        pid = _spawn(arguments, out, f"@{name}")
        os.close(out)
        supervisor = _await_ready(ear, pid)
    if supervisor is None:
        raise _failure(pid, log, said_before)
    return supervisor


def _spawn(arguments: Sequence[str], out: int, notify_socket: str) -> int:
    environ = environment.clean(os.environ) | {
        "NOTIFY_SOCKET": notify_socket,
        environment.DETACHED_VARIABLE: "1",
    }
    program = [sys.executable] if frozen.is_frozen() else [sys.executable, sys.argv[0]]
    os.chdir("/")  # it holds no directory of anybody
    return os.posix_spawn(
        sys.executable,
        [*program, *arguments],
        environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, out, 1),
            (os.POSIX_SPAWN_DUP2, out, 2),
        ],
        setsid=True,
        setsigmask=(),
    )


def _await_ready(ear: socket.socket, pid: int) -> int | None:
    """Return the pid that says that it is ready; None when it ended before."""
    ended = os.pidfd_open(pid)
    poll = select.poll()
    poll.register(ear, select.POLLIN)
    poll.register(ended, select.POLLIN)
    try:
        while ready := {fd for fd, _ in poll.poll(PATIENCE_MS)}:
            if ear.fileno() in ready:
                said, details, _, _ = ear.recvmsg(4096, socket.CMSG_SPACE(_CREDENTIALS.size))
                if b"READY=1" in said:
                    return int(_CREDENTIALS.unpack(details[0][2])[0])
            elif ended in ready:
                return None
    finally:
        os.close(ended)
    os.kill(pid, signal.SIGTERM)
    raise StorageBusy(f"the worker was not ready in {PATIENCE_MS // 1000} s", hint="try again")


def _failure(pid: int, log: str, said_before: int) -> NotStarted:
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with open(log, encoding="utf-8", errors="backslashreplace") as file:
        file.seek(said_before)
        lines = [line for line in file.read(65_536).splitlines() if line.strip()]
    why, *more = (
        [line for line in lines if line.startswith(("queuectl: ", "hint: "))] or lines[-1:] or [""]
    )
    error = NotStarted(
        why.removeprefix("queuectl: "),
        hint=more[0].removeprefix("hint: ") if more else f"its log is {log}",
    )
    error.exit_code = code if code > 0 else NotStarted.exit_code
    return error
