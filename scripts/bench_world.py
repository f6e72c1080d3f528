"""Homes, processes and clocks for scripts/bench. The executable is QUEUECTL_BINARY."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench_rounds import Sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from queuectl_core.storage import open_store  # noqa: E402 - the tree is not installed

if TYPE_CHECKING:
    from queuectl_core.storage.store import Store

QUEUECTL = os.environ.get("QUEUECTL_BINARY", str(ROOT / "dist" / "queuectl"))
SOURCE = [sys.executable, str(ROOT / "queuectl.py")]
PYTHON = [sys.executable, "-I", "-c", "pass"]
RESULTS = ROOT / "build" / "bench"
MILLION = 1_000_000


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@contextmanager
def fresh_folder() -> Iterator[Path]:
    """Give a folder of its own to a measurement, on the disk that TMPDIR names."""
    folder = Path(tempfile.mkdtemp(prefix="queuectl-bench."))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def fresh_home() -> Iterator[Path]:
    """Give a home of its own to a measurement; commands go there."""
    with fresh_folder() as folder, at_home(folder / "home"):
        yield folder / "home"


@contextmanager
def at_home(home: Path) -> Iterator[Path]:
    """Let commands go to this home."""
    before = os.environ.get("QUEUECTL_HOME")
    os.environ["QUEUECTL_HOME"] = str(home)
    try:
        yield home
    finally:
        if before is None:
            del os.environ["QUEUECTL_HOME"]
        else:
            os.environ["QUEUECTL_HOME"] = before


def opened(home: Path) -> Store:
    home.mkdir(mode=0o700, exist_ok=True)
    return open_store(str(home / "queue.db"), now_ms=now_ms())


def queuectl(*words: str, given: str | None = None) -> str:
    """Run the executable to its end and return what it printed."""
    done = subprocess.run(
        [QUEUECTL, *words], input=given, capture_output=True, text=True, check=True
    )
    return done.stdout


def timed(
    argv: Sequence[str],
    *,
    given: bytes = b"",
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> tuple[float, float]:
    """Run a command to its end, whatever its code; return seconds, and those of CPU.

    The CPU is that of the process and of all below it that were waited for.
    """
    with tempfile.TemporaryFile() as file:
        file.write(given)
        file.seek(0)
        begun = time.perf_counter()
        process = subprocess.Popen(
            argv, stdin=file, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env, cwd=cwd
        )
        _, _, usage = os.wait4(process.pid, 0)
        span = time.perf_counter() - begun
        process.returncode = 0  # reaped above
    return span, usage.ru_utime + usage.ru_stime


def wall_ms(argv: Sequence[str], env: Mapping[str, str] | None = None) -> Sample:
    """Time a whole process."""
    span, cpu_s = timed(argv, env=env)
    return Sample(span * 1000, cpu_s * 1000)


def rate(count: int, argv: Sequence[str], given: bytes = b"", cwd: Path | None = None) -> Sample:
    """Run a command that does `count` jobs; return jobs a second."""
    span, cpu_s = timed(argv, given=given, cwd=cwd)
    return Sample(count / span, cpu_s * 1000 / count)


@contextmanager
def worker(threads: int) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """Run a worker of the executable in a home of its own."""
    with fresh_home() as home:
        words = [QUEUECTL, "worker", "start", "--count", str(threads)]
        process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
        try:
            yield process, home
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def tree(pid: int) -> list[int]:
    """Return a process and all below it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(below for child in children for below in tree(int(child)))]


def used_cpu_s(pid: int) -> float:
    """Return what a process ran, to the nanosecond; a clock tick is too coarse for an idle one."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


def pss_mb(pid: int) -> float:
    """Return a process's share of memory: what it shares is divided by those who do."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
