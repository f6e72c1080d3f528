"""Scenarios of many at once and of long lives: races, flat resources, a clock that jumps."""

from __future__ import annotations

import glob
import os
import statistics
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import chaos_ledger as ledger
from chaos_kills import names
from chaos_world import Broken, World, children, eventually, read, stat

if TYPE_CHECKING:
    from pathlib import Path

    from chaos_kills import Size

# --- race ---


def race(size: Size) -> str:
    """Start two workers in one moment, many times; then enqueue in many loops at once."""
    rounds = size.of(6, 50)
    begun_s = time.monotonic()
    for number in range(rounds):
        _start_two(size, fresh=number % 2 == 0)
    pairs_s = time.monotonic() - begun_s
    return f"{rounds} pairs of workers, {pairs_s:.1f} s, 0 errors; {_loops(size)}"


def _start_two(size: Size, *, fresh: bool) -> None:
    """Race for a home that does not exist yet, or for the jobs of one that does."""
    with World(size.binary) as world:
        ids = names("r", 10)
        if not fresh:
            world.add(dict.fromkeys(ids, world.traced()))
        workers = [world.launch("--count", "2", "--drain") for _ in range(2)]
        if fresh:
            ids = names("f", 3)
            lines = [[world.binary, "enqueue", "--id", job, world.traced()] for job in ids]
            clients = [_client(world, line) for line in lines]
            for client in clients:
                _, told = client.communicate(timeout=60)
                if client.returncode != 0:
                    raise Broken(f"enqueue into a new home: {client.returncode}: {told}")
        codes = [worker.process.wait(60) for worker in workers]
        if fresh:  # they may have drained before the jobs came
            codes.append(world.launch("--drain").process.wait(60))
        logs = [worker.log for worker in world.workers]
        if any(codes) or any("ERROR" in log or "locked" in log for log in logs):
            raise Broken(f"exit codes {codes}, logs {logs}")
        world.judge(ledger.Asked(frozenset(ids)))
        _expect_one_start_each(world, len(ids))


def _client(world: World, line: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        line,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=world.env,
        cwd=world.root,
        text=True,
    )


def _expect_one_start_each(world: World, jobs: int) -> None:
    starts = sum(line.what == ledger.START for line in world.lines())
    if starts != jobs:
        raise Broken(f"{starts} starts of {jobs} jobs, though nobody died")


def _loops(size: Size) -> str:
    loops, turns = size.of(8, 32), size.of(12, 40)
    with World(size.binary) as world:
        workers = [world.start("--count", "2") for _ in range(2)]

        def loop(number: int) -> float:
            begun_s = time.monotonic()
            for turn in range(turns):
                world.ok("enqueue", "--id", f"l{number}-{turn}", world.traced())
            return time.monotonic() - begun_s

        with ThreadPoolExecutor(loops) as threads:
            spans_s = list(threads.map(loop, range(loops)))
        world.await_quiet()
        ids = frozenset(f"l{number}-{turn}" for number in range(loops) for turn in range(turns))
        world.judge(ledger.Asked(ids))
        _expect_one_start_each(world, len(ids))
        for worker in workers:
            worker.stop()
            if "busy" in worker.log or "locked" in worker.log:
                raise Broken(worker.log)
        return (
            f"{loops} loops of {turns} enqueues, 0 errors, {len(ids) / max(spans_s):.0f}/s,"
            f" slowest loop {max(spans_s) / statistics.mean(spans_s):.2f} x the mean"
        )


# --- flat ---

MOST_GROWTH_KIB = 30 * 1024
WARM_JOBS = 300


def flat(size: Size) -> str:
    """Run thousands of short jobs: descriptors, threads and memory of the worker stay flat."""
    jobs = size.jobs or size.of(3_000, 20_000)
    with World(size.binary) as world:
        begun_s = time.monotonic()
        worker = world.start("--count", "4")
        ids = names("w", jobs)
        world.add(dict.fromkeys(ids[:WARM_JOBS], world.traced()))
        world.await_quiet()
        before = _resources(worker.pool())
        world.add(dict.fromkeys(ids[WARM_JOBS:], world.traced()))
        world.await_quiet(within_s=60 + jobs / 50)
        zombies = eventually(lambda: [_zombies(worker.pids())], "a look at the children")[0]
        after = _resources(worker.pool())
        world.judge(ledger.Asked(frozenset(ids)))
        worker.stop()
        took_s = time.monotonic() - begun_s
        text = (
            f"{jobs} jobs, {took_s:.1f} s, descriptors {before[0]} -> {after[0]}, threads"
            f" {before[1]} -> {after[1]}, {zombies} zombies, memory {before[2] / 1024:.1f} ->"
            f" {after[2] / 1024:.1f} MiB"
        )
        grown = after[2] - before[2] > MOST_GROWTH_KIB
        if after[:2] != before[:2] or zombies or grown:
            raise Broken(f"not flat: {text}")
        return text


def _resources(pid: int) -> tuple[int, int, int]:
    """Return open descriptors, threads, and resident memory in KiB."""
    status = dict(
        row.split(":", 1) for row in read(f"/proc/{pid}/status").decode().splitlines() if ":" in row
    )
    descriptors = len(os.listdir(f"/proc/{pid}/fd"))
    return descriptors, int(status["Threads"]), int(status["VmRSS"].split()[0])


def _zombies(pids: list[int]) -> int:
    return sum(stat(child)[:1] == [b"Z"] for pid in pids for child in children(pid))


# --- clock ---

LIBRARY = "/usr/lib/*/faketime/libfaketimeMT.so.1"
JUMPS = {"-3h": False, "+2h": True, "-1d": False, "+400d": True}
"""From the true time; and whether a job that was due in an hour when the last but one began is due.
"""


def clock(size: Size) -> str:
    """Let the wall clock jump while jobs run: none runs twice, no worker looks dead."""
    libraries = glob.glob(LIBRARY)
    if not libraries:
        return "left out: libfaketime is not installed"
    with World(size.binary) as world:
        begun_s = time.monotonic()
        offset = world.root / "offset"
        offset.write_text("+0")
        faked = {
            "LD_PRELOAD": libraries[0],
            "FAKETIME_TIMESTAMP_FILE": str(offset),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }
        world.env |= faked
        workers = [world.start("--count", "4") for _ in range(2)]
        ids = _jump_through(world, offset, size.of(1, 12))
        world.await_quiet()
        world.judge(ledger.Asked(frozenset(ids)))
        _expect_one_start_each(world, len(ids))
        for worker in workers:
            worker.stop()
        took_s = time.monotonic() - begun_s
        return (
            f"{len(ids)} jobs, {len(JUMPS)} jumps ({', '.join(JUMPS)}), {took_s:.1f} s,"
            f" 0 started twice, 0 early, 0 workers called dead"
        )


def _jump_through(world: World, offset: Path, pause_s: int) -> list[str]:
    """Jump while three jobs run and one is due in an hour: that one runs when its hour has come."""
    running = names("c", 3 * len(JUMPS))
    for number, (jump, comes_due) in enumerate(JUMPS.items()):
        some = running[3 * number : 3 * number + 3]
        world.add(dict.fromkeys(some, world.traced("sleep 0.5")))
        eventually(lambda some=some: _started(world).issuperset(some), f"{some} started")
        if number % 2 == 0:
            world.ok("enqueue", "--in", "1h", "--id", f"later{number}", world.traced())
        later = f"later{number // 2 * 2}"
        if later in _started(world):
            raise Broken(f"{later} started before its time")
        offset.write_text(jump)
        _expect_all_alive(world, jump, pause_s)
        if comes_due:
            eventually(lambda later=later: later in _started(world), f"{later} starts, it is due")
        elif later in _started(world):
            raise Broken(f"{later} started before its time, after a jump of {jump}")
    return running + [f"later{number}" for number in range(0, len(JUMPS), 2)]


def _expect_all_alive(world: World, jump: str, span_s: int) -> None:
    """Look for the span: both workers are known, and neither is called dead."""
    until_s = time.monotonic() + span_s
    while time.monotonic() < until_s:
        told = world.ok("worker", "list", "--json")
        if told.count('"pool_pid"') != 2 or '"dead"' in told:
            raise Broken(f"after a jump of {jump}: {told}")
        time.sleep(0.1)


def _started(world: World) -> set[str]:
    return {line.job for line in world.lines()}
