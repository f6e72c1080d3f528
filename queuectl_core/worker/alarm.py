"""How the threads of a pool wake each other: the idle ones by a count, the caretaker by a pipe."""

from __future__ import annotations

import os
import threading


class IdleRoom:
    """Where worker threads wait for work.

    A ring between a look and the wait is not lost: rings are counted.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._rings = 0
        self.waiting = 0
        """How many threads wait here: a glance without the lock, right up to a moment ago."""

    def rings(self) -> int:
        """Return the count so far; take it before looking for work."""
        with self._changed:
            return self._rings

    def ring(self) -> None:
        """Send everybody to look for work."""
        with self._changed:
            self._rings += 1
            self._changed.notify_all()

    def wait_beyond(self, rings: int) -> None:
        """Wait until there were more rings than `rings`."""
        with self._changed:
            self.waiting += 1
            try:
                self._changed.wait_for(lambda: self._rings > rings)
            finally:
                self.waiting -= 1


class Buzzer:
    """Wakes the caretaker out of its poll. From any thread."""

    def __init__(self) -> None:
        self._ear, self._button = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def fileno(self) -> int:
        """Return what is readable after a press."""
        return self._ear

    def press(self) -> None:
        """Wake the caretaker."""
        try:
            os.write(self._button, b"!")
        except BlockingIOError:
            return  # it is ringing

    def clear(self) -> None:
        """Forget the presses so far."""
        try:
            os.read(self._ear, 4096)
        except BlockingIOError:
            return
