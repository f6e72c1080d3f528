"""A process on a pseudo-terminal: press keys, resize it, read what it shows."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios

from queuectl_core.clock import SystemClock

DEADLINE_S = 30
CLOCK = SystemClock()


class Terminal:
    """A process on a pseudo-terminal."""

    def __init__(self, argv, env):
        self.main, self._side = pty.openpty()
        self.resize(80, 24)
        self.usual = termios.tcgetattr(self._side)
        self.process = subprocess.Popen(
            argv,
            stdin=self._side,
            stdout=self._side,
            stderr=self._side,
            env={**env, "TERM": "xterm"},
            start_new_session=True,
        )
        self.seen = ""

    def resize(self, columns, lines):
        fcntl.ioctl(self.main, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def until(self, text):
        """Read on until the text has come."""
        deadline_ms = CLOCK.monotonic_ms() + DEADLINE_S * 1000
        while text not in self.seen:
            assert CLOCK.monotonic_ms() < deadline_ms, self.seen
            if select.select([self.main], [], [], 0.2)[0]:
                self.seen += os.read(self.main, 65_536).decode()

    def forget(self):
        self.seen = ""

    def press(self, keys):
        os.write(self.main, keys.encode())

    def close(self):
        """Return the exit code, after the terminal's settings were looked at."""
        code = self.process.wait(DEADLINE_S)
        self.until("\x1b[?1049l")
        assert termios.tcgetattr(self._side) == self.usual
        os.close(self.main)
        os.close(self._side)
        return code
