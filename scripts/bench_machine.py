"""What a result was measured on: the machine, its load, and how long its disk takes to sync."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench_world import QUEUECTL

PAGES = b"\0" * 8 * 2048
"""What a commit of one finished job writes."""
QUIET = 0.5


def facts() -> dict[str, object]:
    """Return what does not change while we measure."""
    return {
        "version": subprocess.check_output([QUEUECTL, "--version"], text=True).split()[-1],
        "cores": os.cpu_count(),
        "processor": _processor(),
        "kernel": platform.release(),
        "system": _system(),
        "python": platform.python_version(),
        "file_system": _file_system(),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def load() -> float:
    """Return how many processes wanted to run during the last minute."""
    return round(os.getloadavg()[0], 2)


def warn_when_busy() -> None:
    """Say that others are at work."""
    if load() > QUIET:
        print(f"warning: load {load()} before the start: trust ratios only", file=sys.stderr)


def fsync_us(count: int = 200) -> int:
    """Return the median microseconds of writing the pages of a commit and syncing them."""
    spans = []
    with tempfile.TemporaryFile() as file:
        for place in range(count):
            os.pwrite(file.fileno(), PAGES, place % 50 * len(PAGES))
            begun = time.perf_counter()
            os.fdatasync(file.fileno())
            spans.append(time.perf_counter() - begun)
    return round(statistics.median(spans) * 1e6)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _system() -> str:
    release = platform.freedesktop_os_release()
    return f"{release['NAME'].split()[0]} {release.get('VERSION_ID', '')}".strip()


def _file_system() -> str:
    """Return the kind of file system that TMPDIR is on."""
    words = ["findmnt", "-n", "-o", "FSTYPE", "-T", tempfile.gettempdir()]
    return subprocess.check_output(words, text=True).strip()
