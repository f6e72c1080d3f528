"""What the tests of real processes share: a wait with a deadline, and a real worker in a home."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from queuectl_core.clock import SystemClock
from queuectl_core.lifecycle import State
from queuectl_core.selection import Selection
from queuectl_core.storage import open_store
from queuectl_core.worker import processes
from tests.builders import new_job

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from queuectl_core.job import Job
    from queuectl_core.storage.records import WorkerRow
    from queuectl_core.storage.store import Store

HERE = Path(__file__).parent
DEADLINE_MS = 20_000
LOOK_EVERY_MS = 5
CLOCK = SystemClock()


def until(look: Callable[[], Any], deadline_ms: int = DEADLINE_MS) -> Any:
    """Look again and again until the answer is true; return it, fail when it never comes."""
    give_up_ms = CLOCK.monotonic_ms() + deadline_ms
    while not (answer := look()):
        assert CLOCK.monotonic_ms() < give_up_ms, "it did not come in time"
        CLOCK.pause(LOOK_EVERY_MS)
    return answer


def is_running(pid: int) -> bool:
    """Tell whether a process is there and no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(b")")[2].split()[0] != b"Z"


def pid_in(path: Path) -> int:
    """Wait for a job to write a pid, with its newline, to a file; return it."""
    return int(
        until(lambda: path.exists() and path.read_text().endswith("\n") and path.read_text())
    )


def run_in_fresh_process(threads: Sequence[Sequence[dict[str, Any]]], **options: Any) -> list[Any]:
    """Run jobs by the executor in a process prepared as the pool is; see jobs_driver.py."""
    request = json.dumps({"threads": threads} | options)
    done = subprocess.run(
        [sys.executable, HERE / "jobs_driver.py"],
        input=request.encode(),
        stdout=subprocess.PIPE,
        timeout=60,
        check=True,
    )
    return json.loads(done.stdout)


class Worker:
    """A `worker start` in a process of its own."""

    def __init__(self, home: Path, *, threads: int, drain: bool, **start: Any) -> None:
        self.log = home / "stderr"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, HERE / "worker_driver.py", home, str(threads), str(int(drain))],
                stderr=log,
                **start,
            )

    @property
    def pid(self) -> int:
        """Return the supervisor."""
        return self.process.pid

    def signal(self, signum: signal.Signals) -> None:
        """Send the supervisor a signal."""
        self.process.send_signal(signum)

    def exit_code(self, timeout_s: float = 30) -> int:
        """Wait for the end."""
        return self.process.wait(timeout_s)


class Bench:
    """A home with a queue, and the workers that a test starts on it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.chmod(0o700)
        self.store: Store = open_store(str(path / "queue.db"), now_ms=CLOCK.now_ms())
        self._workers: list[Worker] = []

    def configure(self, text: str | None = None, **settings: Any) -> None:
        """Replace config.json in one step."""
        draft = self.path / "config.new"
        draft.write_text(json.dumps(settings) if text is None else text)
        draft.rename(self.path / "config.json")

    def enqueue(self, command: str = "true", **fields: Any) -> int:
        """Add a job that starts in the home; return its number."""
        job = new_job(command, **({"cwd": str(self.path)} | fields))
        return self.store.enqueue([job], now_ms=CLOCK.now_ms())[0].number

    def start(self, *, threads: int = 2, drain: bool = False, **start: Any) -> Worker:
        """Start a worker; a drained one ends by itself."""
        worker = Worker(self.path, threads=threads, drain=drain, **start)
        self._workers.append(worker)
        return worker

    def job(self, number: int) -> Job:
        """Return the job as it is now."""
        job = self.store.job_by_number(number)
        assert job is not None
        return job

    def ended(self, number: int) -> Job:
        """Wait until the job is completed, dead or cancelled; return it."""
        until(lambda: self.job(number).finished_at_ms and self.job(number).state != "failed")
        return self.job(number)

    def file(self, name: str) -> Path:
        """Return a file of the home, once it is there."""
        path = self.path / name
        until(path.exists)
        return path

    def row(self) -> WorkerRow:
        """Return the one live worker, once there is one."""
        return until(lambda: next((row for row in self.store.workers() if row.alive), None))

    def close(self) -> None:
        """End what a test left running."""
        pools = [row.pool_pid for row in self.store.workers() if row.alive]
        for worker in self._workers:
            if worker.process.poll() is None:
                worker.process.kill()
                worker.process.wait()
                for pid in pools:
                    _end(pid)
        running = self.store.select(Selection(states=(State.PROCESSING,))).jobs
        processes.kill_tokens([job.token for job in running if job.token is not None])
        self.store.close()


def _end(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    until(lambda: not is_running(pid))
