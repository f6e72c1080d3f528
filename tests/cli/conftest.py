from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from queuectl_core.cli import output
from queuectl_core.cli.main import main
from queuectl_core.storage import open_store
from tests import halves
from tests.builders import NOW_MS, buried, completed, retried

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 30


class Done(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch):
    """A home, a directory and a zone of the test's own; nothing of the person who runs it."""
    for name in list(os.environ):
        if name.startswith("QUEUECTL_"):
            monkeypatch.delenv(name)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("QUEUECTL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def run(clock, capsys, monkeypatch):
    """Run a command in this process: `run("list", "--json")`."""

    def run(*argv: str, stdin: bytes = b"") -> Done:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = main(list(argv), clock)
        captured = capsys.readouterr()
        return Done(code, captured.out, captured.err)

    return run


@pytest.fixture
def terminal(monkeypatch):
    """Make the commands of this test believe that a person reads stdout, 80 columns wide."""
    monkeypatch.setattr(output, "is_terminal", lambda: True)
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((80, 24)))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.fixture
def open_queue(home):
    """Open the queue that the commands of this test use, once more; the test closes it."""

    def open_queue():
        home.mkdir(mode=0o700, exist_ok=True)
        return open_store(str(home / "queue.db"), now_ms=NOW_MS)

    return open_queue


@pytest.fixture
def store(open_queue):
    """The queue that the commands of this test use."""
    opened = open_queue()
    yield opened
    opened.close()


@pytest.fixture
def ended(store, clock):
    """Lead the best due job to its end: `ended(completed)`, `ended(buried, error="no space")`."""

    def ended(how=completed, **outcome: Any) -> None:
        (claim,) = halves.claim(store, worker=1, limit=1, now_ms=clock.now_ms())
        if how is retried:
            outcome.setdefault("run_at_ms", clock.now_ms() + 60_000)
        assert halves.finish(store, [how(claim, **outcome)], now_ms=clock.now_ms()) == [True]

    return ended


@pytest.fixture
def dead_job(run, ended):
    """Add a job and bury it: `dead_job("backup")`."""

    def dead_job(job_id: str, **outcome: Any) -> None:
        assert run("enqueue", "--id", job_id, "-p", "10", "--", "false", "x").code == 0
        ended(buried, **outcome)

    return dead_job


def queuectl(*argv):
    return [sys.executable, str(ROOT / "queuectl.py"), *argv]


@pytest.fixture
def ran():
    """Run a command to its end: `ran("run", "true")`."""

    def ran(*argv, **options):
        usual = {"stdin": subprocess.DEVNULL} if "input" not in options else {}
        return subprocess.run(
            queuectl(*argv),
            capture_output=True,
            timeout=DEADLINE_S,
            check=False,
            **(usual | options),
        )

    return ran


@pytest.fixture
def started():
    """Start a command; it is killed after the test if need be."""
    processes = []

    def started(*argv, **options):
        usual = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen(queuectl(*argv), **(usual | options))
        processes.append(process)
        return process

    yield started
    for process in processes:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()
