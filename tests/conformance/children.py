"""Start, hear and kill the processes of child.py. Every wait has a deadline."""

from __future__ import annotations

import os
import select
import subprocess
import sys

DEADLINE_S = 30
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))


class Child:
    """One process; a context manager that leaves none behind."""

    def __init__(self, url: str, command: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.conformance.child", url, command],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        self._heard = b""
        assert self.line() == "up"

    def __enter__(self) -> Child:
        """Return the process."""
        return self

    def __exit__(self, *_: object) -> None:
        """Kill it if it still runs."""
        self.kill()
        self._process.stdin.close()
        self._process.stdout.close()

    @property
    def pid(self) -> int:
        """Return its process id."""
        return self._process.pid

    def go(self) -> None:
        """Let it begin."""
        self._process.stdin.write(b"go\n")

    def line(self) -> str:
        """Return the next line that it says."""
        while b"\n" not in self._heard:
            ready, _, _ = select.select([self._process.stdout], [], [], DEADLINE_S)
            assert ready, "the child says nothing"
            more = os.read(self._process.stdout.fileno(), 65_536)
            assert more, f"the child ended with {self._process.wait(DEADLINE_S)}"
            self._heard += more
        line, _, self._heard = self._heard.partition(b"\n")
        return line.decode()

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def kill(self) -> list[str]:
        """Kill it with SIGKILL, wait for its end, return the whole lines that it still said."""
        self._process.kill()
        self._process.wait(DEADLINE_S)
        rest = self._heard + (self._process.stdout.read() or b"")
        self._heard = b""
        return rest.decode().split("\n")[:-1]

    def end(self) -> int:
        """Let it end in good order; return its exit code."""
        self._process.stdin.close()
        return self._process.wait(DEADLINE_S)


def start(url: str, command: str) -> Child:
    """Start a child that begins at once."""
    child = Child(url, command)
    child.go()
    return child
