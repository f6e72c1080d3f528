"""Let a system call of a real process fail, or end the process in it: by strace(1).

`-e inject` counts the calls of each process by itself; only Python's process makes these calls, the
loader of the frozen executable does not. scripts/test installs strace where it is missing.
"""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from pathlib import Path

WATCHED = "fdatasync,fsync,pwrite64,ftruncate,rename"
_LINE = re.compile(r'^\d+ +(?P<call>\w+)\((?:\d+<(?P<path>[^>]*)>|"(?P<name>[^"]*)")')


class Call(NamedTuple):
    """One system call: `path` is of its file, `failed` tells whether we let it fail."""

    call: str
    path: str
    failed: bool


def prefix(log: Path, fault: str) -> tuple[str, ...]:
    """Return the words before a command; `fault` is one of strace's `inject` expressions.

    strace missing is a failure: what is not run must not look as if it had passed.
    """
    strace = shutil.which("strace")
    if strace is None:
        pytest.fail("strace is missing; scripts/test installs it", pytrace=False)
    trace = ("-e", f"trace={WATCHED},write", "-e", f"inject={fault}")
    # three times as fast; but where the kernel filters the calls, no signal can be put in
    fast = () if "signal=" in fault else ("--seccomp-bpf",)
    return (strace, "-f", "-y", "-q", *fast, "-s", "0", "-o", str(log), *trace)


def calls(log: Path) -> list[Call]:
    """Return what strace has seen, in order."""
    found = []
    for line in log.read_text(errors="replace").splitlines():
        match = _LINE.match(line)
        if match:
            path = match["path"] or match["name"] or ""
            found.append(Call(match["call"], path, line.endswith("(INJECTED)")))
    return found


def was_killed(log: Path) -> bool:
    """Tell whether a process ended by SIGKILL."""
    return "+++ killed by SIGKILL +++" in log.read_text(errors="replace")
