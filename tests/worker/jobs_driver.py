"""Runs jobs by the executor in a process prepared as the pool's is; JSON comes in and goes out.

In: {"threads": [[job, ...], ...], "hostile": bool}; the jobs of one thread run one after another.
Hostile: signals are ignored and blocked, and a file is open, as a careless parent may leave them.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from queuectl_core.clock import SystemClock
from queuectl_core.joblog import STDOUT, JobLogWriter, read_chunks
from queuectl_core.worker import environment, executor, processes
from queuectl_core.worker.shortage import Shortage


def main() -> None:
    """Do what stdin says."""
    request = json.load(sys.stdin)
    if request.get("hostile"):
        _be_careless()
    processes.become_subreaper()
    environment.isolate_jobs()
    answers: list[list[dict[str, object]]] = [[] for _ in request["threads"]]
    with tempfile.TemporaryDirectory() as logs:
        threads = [
            threading.Thread(target=_run_all, args=(jobs, answer, f"{logs}/{index}"))
            for index, (jobs, answer) in enumerate(zip(request["threads"], answers, strict=True))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    json.dump(answers, sys.stdout)


def _be_careless() -> None:
    for signum in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(signum, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    os.set_inheritable(os.open("/dev/zero", os.O_RDONLY), True)


def _run_all(
    jobs: list[dict[str, object]], answers: list[dict[str, object]], directory: str
) -> None:
    stopper = executor.Stopper()
    for index, job in enumerate(jobs):
        answers.append(_run(job, stopper, f"{directory}.{index}"))
    stopper.close()


def _run(job: dict[str, object], stopper: executor.Stopper, path: str) -> dict[str, object]:
    token = job["token"]
    command = executor.Command(
        argv=job.get("argv") or ("/bin/sh", "-c", job["command"]),
        cwd=job["cwd"],
        env=dict(os.environ) | {processes.TOKEN_VARIABLE: str(token)},
        token=token,
        timeout_ms=job.get("timeout_ms", 0),
        grace_ms=job.get("grace_ms", 10_000),
    )
    log = JobLogWriter(path, head_bytes=1 << 20, tail_bytes=0)
    clock = SystemClock()
    outcome = executor.Executor({}, Shortage(clock)).run(command, log, stopper, clock)
    left = list(processes.with_token([token]))
    log.close()
    text = b"".join(chunk.data for chunk in read_chunks(path) if chunk.stream == STDOUT)
    return outcome._asdict() | {"stdout": text.decode(), "left": left}


if __name__ == "__main__":
    main()
