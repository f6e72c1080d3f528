"""Scenario of a machine that runs short: of descriptors, processes and memory.

At the start of a worker and while it works. Jobs wait; none fails, none loses an attempt.
"""

from __future__ import annotations

import os
import resource
import subprocess
import time
from collections import Counter
from typing import TYPE_CHECKING

import chaos_ledger as ledger
from chaos_kills import names
from chaos_world import Broken, World, children, eventually, read, runs

if TYPE_CHECKING:
    from random import Random

    from chaos_kills import Size
    from chaos_world import Worker

FILES, PROCESSES = resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC
THREADS = 4
OPEN_HANDED = 500
"""Processes of the spare user when nothing is short."""
FIRST_SPARE_USER = 61_000
REFUSALS = {os.EX_CONFIG, os.EX_TEMPFAIL}
TOO_LITTLE = (
    "--nofile=45:45",  # refused: four threads may need 59
    "--nofile=30:30",
    "--nofile=30:400",  # the soft one is raised
    "--as=40000000",  # the threads get no stack
    "--as=100000000",  # just enough
)
"""Options of prlimit(1)."""


def scarce(size: Size) -> str:
    """Start workers with too little, then take away what running ones have, and give it back."""
    rounds, jobs = size.of(2, 20), size.of(40, 400)
    begun_s = time.monotonic()
    started = [_start_with(size, limit, jobs) for limit in TOO_LITTLE]
    told = [f"{started.count(True)} of {len(TOO_LITTLE)} starved workers ran {jobs} jobs, the"]
    told += [f"others said why not; {rounds} times short of descriptors,"]
    _take_away(size, FILES, rounds)
    if os.geteuid() == 0:
        _start_without_processes(size)
        _take_away(size, PROCESSES, rounds)
        _lose_the_pool(size)
        told += [f"{rounds} times of processes: no attempt lost"]
    else:
        told += ["no attempt lost; of processes NOT TRIED: that takes root"]
    return f"{' '.join(told)}, {time.monotonic() - begun_s:.1f} s"


def _start_with(size: Size, limit: str, jobs: int) -> bool:
    """Start a worker with a limit; tell whether it ran its jobs. Else it must say why it can't."""
    with World(size.binary) as world:
        ids = names("s", jobs)
        world.add(dict.fromkeys(ids, world.traced()), max_retries=1)
        worker = world.launch("--count", str(THREADS), prefix=_limited(limit))
        eventually(
            lambda: worker.process.poll() is not None or world.is_quiet(),
            f"{limit}: all jobs are done, or the worker says why not: {worker.log}",
            within_s=60 + jobs / 10,
        )
        ran = worker.process.poll() is None
        if ran:
            _all_at_first(world, ids)
        code = worker.stop()
        if code not in ({0} if ran else REFUSALS) or len(worker.log.splitlines()) > 20:
            raise Broken(f"{limit}: exit code {code}: {worker.log}")
        return ran


def _limited(option: str) -> tuple[str, ...]:
    return ("/usr/bin/prlimit", option, "--")


def _all_at_first(world: World, ids: list[str]) -> None:
    """Raise Broken unless each job ended well, once, in its first attempt that counts.

    Its start may have a higher number: starts that were given back have one, too.
    """
    kept = world.kept()
    ends = Counter(line.job for line in world.lines() if line.what == ledger.END)
    if kept.keys() != set(ids) or ends != Counter(ids):
        raise Broken(f"{set(ids) ^ kept.keys()} are lost or invented; ends: {ends}")
    wrong = {job: one for job, one in kept.items() if (one.state, one.attempts) != ("completed", 1)}
    if wrong:
        raise Broken(f"jobs lost attempts: {wrong}")


def _spare_user(rng: Random) -> int:
    """Return a user id that nobody has, so that only our processes count for it."""
    return FIRST_SPARE_USER + rng.randrange(3_000)


def _take_away(size: Size, which: int, rounds: int) -> None:
    """Take room from a running pool and give it back, several times while jobs run."""
    user = _spare_user(size.rng) if which == PROCESSES else None
    # jobs inherit it: a shell needs twelve descriptors to redirect, and a job here may not fork
    low, body = (1, ":") if which == PROCESSES else (12, "sleep 0.02")
    with World(size.binary, user=user) as world:
        worker = _started(world, which)
        pool = worker.pool()
        usual = _soft(pool, which)
        ids: list[str] = []
        for number in range(rounds):
            more = names(f"r{number}-", 40)
            ids += more
            _set_soft(world, pool, which, size.rng.randrange(low, 50))
            world.add(dict.fromkeys(more, world.traced(body)), max_retries=1)
            time.sleep(size.rng.uniform(0.1, 1.5))
            _set_soft(world, pool, which, usual)
            world.await_quiet(within_s=60)
        _all_at_first(world, ids)
        if worker.pool() != pool or worker.stop() != 0:
            raise Broken(f"the pool did not live: {worker.log}")
        _no_flood(worker, rounds)


def _soft(pid: int, which: int) -> int:
    """Return a soft limit of a process, as /proc tells it to anybody."""
    words = {FILES: "Max open files", PROCESSES: "Max processes"}
    rows = read(f"/proc/{pid}/limits").decode().splitlines()
    (row,) = (row for row in rows if row.startswith(words[which]))
    return int(row.removeprefix(words[which]).split()[0])


def _set_soft(world: World, pid: int, which: int, limit: int) -> None:
    """Set a soft limit of a process, as its user, who may do that."""
    option = {FILES: "--nofile", PROCESSES: "--nproc"}[which]
    line = ["/usr/bin/prlimit", "--pid", str(pid), f"{option}={limit}:"]
    subprocess.run(line, check=True, user=world.user, group=world.user)


def _started(world: World, which: int) -> Worker:
    prefix = _limited(f"--nproc={OPEN_HANDED}") if which == PROCESSES else ()
    worker = world.launch("--count", str(THREADS), prefix=prefix)
    worker.await_running()
    return worker


def _no_flood(worker: Worker, rounds: int) -> None:
    """Raise Broken where the log has a line for each try, and not for each shortage."""
    lines = [line for line in worker.log.splitlines() if "too few" in line]
    if len(lines) > 8 * rounds:
        raise Broken(f"{len(lines)} lines of {rounds} shortages: {worker.log}")


def _start_without_processes(size: Size) -> None:
    """Give a worker one process more each time: at first it refuses, then it works."""
    for limit in range(2, THREADS + 5):
        with World(size.binary, user=_spare_user(size.rng)) as world:
            world.add({"a": world.traced(), "b": world.traced()}, max_retries=1)
            worker = world.launch(
                "--count",
                str(THREADS),
                "--drain",
                prefix=_limited(f"--nproc={limit}:{OPEN_HANDED}"),
            )
            needed = 3 + THREADS
            if limit == needed:  # the threads run, but no job can
                eventually(lambda w=worker: "no job starts" in w.log, "the worker says what it is")
                _set_soft(world, worker.pool(), PROCESSES, OPEN_HANDED)
            code = worker.process.wait(30)
            worker.check_log()
            if code != (0 if limit >= needed else os.EX_TEMPFAIL):
                raise Broken(f"{limit} processes: exit code {code}: {worker.log}")
            if len(worker.log.splitlines()) > (10 if code == 0 else 2):
                raise Broken(f"{limit} processes: too many words: {worker.log}")
            if code == 0:
                _all_at_first(world, ["a", "b"])


def _lose_the_pool(size: Size) -> None:
    """Kill a pool where no other can start: the supervisor waits for room, and says so once."""
    with World(size.binary, user=_spare_user(size.rng)) as world:
        worker = _started(world, PROCESSES)
        supervisor, pool = worker.supervisor, worker.pool()
        _set_soft(world, supervisor, PROCESSES, 1)
        world.kill(pool)
        eventually(lambda: "tried again until it can" in worker.log, "the supervisor says it")
        world.add({"a": world.traced()}, max_retries=1)
        time.sleep(size.of(3, 10))
        if worker.log.count("tried again until it can") != 1 or not runs(supervisor):
            raise Broken(f"the supervisor does not wait in silence: {worker.log}")
        _set_soft(world, supervisor, PROCESSES, OPEN_HANDED)
        eventually(lambda: bool(children(supervisor)), "another pool runs")
        world.await_quiet()
        _all_at_first(world, ["a"])
        if worker.stop() != 0:
            raise Broken(f"the worker did not end well: {worker.log}")
