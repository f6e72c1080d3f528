"""Tells a service manager how the worker does, by the datagrams of sd_notify(3).

Silent where nobody listens. No answer is waited for and no refusal is an error: a worker must not
depend on who looks after it.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLES = frozenset({"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"})
"""What a manager tells us this way. Not for jobs: one of them could speak in our name."""
_BEATS_PER_SPAN = 4
"""systemd advises two in each span of the watchdog; one may be late by a turn of the supervisor."""


class Notifier:
    """Speaks for the worker, from the supervisor: pools come and go."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        self._beat_every_ms = _watchdog_ms(environ) // _BEATS_PER_SPAN
        self._next_beat_ms = 0
        self.is_ready = False
        """Whether all who wait for it know that the worker works."""

    def alive(self, status: str, *, now_ms: int) -> None:
        """Tell that the pool works. Call it only when the pool has proved that since the last call.

        The first time and after `unready` this is the message that the service is up; later ones
        feed the watchdog, where there is one. `now_ms`: monotonic.
        """
        if not self.is_ready:
            self.is_ready = self._say("READY=1", f"STATUS={status}")
            self._next_beat_ms = now_ms + self._beat_every_ms
        elif self._beat_every_ms and now_ms >= self._next_beat_ms:
            self._next_beat_ms = now_ms + self._beat_every_ms
            self._say("WATCHDOG=1")

    def unready(self, status: str) -> None:
        """Tell that no pool works; the watchdog gets nothing until one does."""
        self.is_ready = False
        self._say(f"STATUS={status}")

    def stopping(self, *, within_ms: int) -> None:
        """Tell that the worker stops, and how long it may take: TimeoutStopSec= may be older."""
        self.is_ready = True  # no news any more
        self._say("STOPPING=1", "STATUS=stopping", f"EXTEND_TIMEOUT_USEC={within_ms * 1000}")

    def _say(self, *lines: str) -> bool:
        """Send one datagram; tell whether it was taken, or nobody listens."""
        if self._address is None:
            return True
        import socket  # noqa: PLC0415 - only under a service manager

        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as mouth:
                # a manager that does not read must not stop us
                mouth.sendto("\n".join(lines).encode(), socket.MSG_DONTWAIT, self._address)
        except OSError:
            return False
        return True


def beat(pulse: int) -> None:
    """Write a beat of the pool into its pipe. One that is full or has no reader is passed over."""
    try:
        os.write(pulse, b".")
    except OSError:
        return


def has_beaten(heart: int) -> bool:
    """Tell whether a beat came since the last call. Does not wait."""
    try:
        return bool(os.read(heart, 65_536))
    except OSError:
        return False


def _address(name: str) -> bytes | None:
    """Return the address of the socket: a path, or after an @ a name without a file."""
    if not name.startswith(("/", "@")):
        return None
    return os.fsencode("\0" + name[1:] if name.startswith("@") else name)


def _watchdog_ms(environ: Mapping[str, str]) -> int:
    """Return the span in which the watchdog wants a beat; 0: it wants none, or none of us.

    WATCHDOG_PID is the process that systemd started: for the frozen executable that is our loader.
    """
    usec, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    ours = {"", str(os.getpid()), str(os.getppid())}
    return int(usec) // 1000 if usec.isascii() and usec.isdigit() and pid in ours else 0
