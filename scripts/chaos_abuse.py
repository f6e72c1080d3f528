"""Scenarios of jobs that misbehave: floods of output, pipes held open, limits of the system."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import chaos_ledger as ledger
from chaos_kills import names
from chaos_world import TRACE, Broken, World, eventually, read

if TYPE_CHECKING:
    from pathlib import Path

    from chaos_kills import Size

LIMIT_BYTES = 100_000
SLACK_BYTES = 20_000
"""What a log may be larger than the limit of output: marks of time and stream, the marker."""

FLOODS = {
    "yes": "yes",
    "binary": "head -c 20000000 /dev/urandom; true",
    "line": "head -c 10000000 /dev/zero | tr '\\0' x; true",
    "lines": "yes error | head -n 2000000 >&2; false",
    "held": "sleep 1000 & echo before; exit 0",
    "fled": "setsid sleep 1000 & (setsid sh -c 'sleep 1000; yes' &) ; exit 0",
    "endless": "yes & exit 0",
    "bytes": "printf '\\000\\377\\033]0;x\\007\\n'; exit 0",
    "dribble": "i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo $i; done",
}
DEAD = {"yes", "lines"}


def output(size: Size) -> str:
    """Flood the pipes, or keep them open: the log stays bounded, the job ends."""
    rounds = size.of(1, 20)
    with World(size.binary) as world:
        begun_s = time.monotonic()
        world.ok("config", "set", "output-limit", str(LIMIT_BYTES))
        world.ok("config", "set", "kill-grace", "0.5")
        worker = world.start("--count", "4")
        jobs = {f"{name}{n}": line for n in range(rounds) for name, line in FLOODS.items()}
        world.add(jobs, timeout=2, max_retries=1)
        world.await_quiet(within_s=40 + 5 * rounds)
        for job, one in world.kept().items():
            doomed = job.rstrip("0123456789") in DEAD
            if one.state != ("dead" if doomed else "completed"):
                raise Broken(f"{job} is {one}, {world.ok('show', job)}")
            world.run("logs", "--raw", job)
        largest = max(path.stat().st_size for path in _logs(world))
        if largest > LIMIT_BYTES + SLACK_BYTES:
            raise Broken(f"a log of {largest} bytes, the limit is {LIMIT_BYTES}")
        if left := _jobs_left(world):
            raise Broken(f"processes of finished jobs are left: {left}")
        worker.stop()
        took_s = time.monotonic() - begun_s
        return (
            f"{len(jobs)} jobs, {took_s:.1f} s, largest log {largest} bytes of {LIMIT_BYTES}"
            " allowed, 0 hung, 0 processes left"
        )


def _logs(world: World) -> list[Path]:
    return [path for path in (world.home / "logs" / "jobs").rglob("*") if path.is_file()]


def _jobs_left(world: World) -> list[int]:
    mark = b"\0QUEUECTL_TOKEN="
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [pid for pid in pids if world.owns(pid) and mark in read(f"/proc/{pid}/environ")]


# --- limits ---

STARVED = {
    "files": "ulimit -n 3; exec 3</dev/null && echo opened 3 && exec 4</dev/null",
    "memory": "ulimit -v 2000; exec head -c 1 /dev/zero",
    "size": "ulimit -f 1; exec head -c 100000 /dev/zero >big",
    "time": "ulimit -t 1; while :; do :; done",
    "stack": "ulimit -s 1; exec ls",
    "directory": "cd /nowhere",
    "program": "exec /no/such/program",
}
"""Jobs that take something away from themselves: each fails, alone."""
WORKER_LIMITS = ("ulimit -n 60", "ulimit -v 400000")
"""Limits of a worker of four threads that it must do with: 59 descriptors are just enough."""


def limits(size: Size) -> str:
    """Starve single jobs, then whole workers: jobs fail with their reason, workers live."""
    begun_s = time.monotonic()
    with World(size.binary) as world:
        worker = world.start("--count", "2")
        world.add(STARVED, max_retries=1)
        world.add({"after": world.traced()})
        world.await_quiet()
        records = {str(one["id"]): one for one in world.records()}
        unsaid = [job for job in STARVED if not records[job]["error"]]
        wrong = [job for job in STARVED if records[job]["state"] != "dead"]
        if wrong or unsaid or records["after"]["state"] != "completed":
            raise Broken(f"not dead: {wrong}, no reason: {unsaid}, {records['after']}")
        if worker.stop() != 0 or "died" in worker.log:
            raise Broken(f"a starved job took its worker along: {worker.log}")
    jobs = size.of(60, 1_000)
    for limit in WORKER_LIMITS:
        _starve(size, limit, jobs)
    took_s = time.monotonic() - begun_s
    return (
        f"{len(STARVED)} starved jobs failed with their reason; {len(WORKER_LIMITS)} starved"
        f" workers lived and ran {jobs} jobs each, {took_s:.1f} s"
    )


def _starve(size: Size, limit: str, jobs: int) -> None:
    """Run jobs on a worker with a limit of its own: all are done, or the start is refused."""
    with World(size.binary) as world:
        prefix = ("/bin/sh", "-c", f'{limit}; exec "$@"', "sh")
        ids = names("u", jobs)
        job = world.traced("sleep 0.05")
        world.add(dict.fromkeys(ids, job), max_retries=50, backoff="fixed:0.5")
        worker = world.launch("--count", "4", prefix=prefix)
        eventually(
            lambda: worker.process.poll() is not None or world.is_quiet() or TRACE in worker.log,
            f"{limit}: all jobs are done, or the worker says why not",
            within_s=60 + jobs / 10,
        )
        worker.check_log()
        if worker.process.poll() is None:
            world.judge(ledger.Asked(frozenset(ids)))
        code = worker.stop()
        if code not in {0, os.EX_CONFIG} or "died" in worker.log:
            raise Broken(f"{limit}: exit code {code}: {worker.log}")
