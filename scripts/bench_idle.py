"""A worker that has nothing to do: what it costs, and how soon it starts what comes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import bench_peers
from bench_rounds import Row, figures
from bench_world import (
    QUEUECTL,
    fresh_folder,
    now_ms,
    opened,
    pss_mb,
    queuectl,
    tree,
    used_cpu_s,
    worker,
)

from queuectl_core.job import NewJob

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from bench_rounds import Plan

THREADS = 8


def idle(plan: Plan) -> Iterator[Row]:
    """Watch an idle worker, all its processes together."""
    seconds = plan.pick(3, 20)
    with worker(THREADS) as (process, _home):
        queuectl("enqueue", "true")
        queuectl("wait", "1")
        pids = tree(process.pid)
        cpu, memory = [], []
        for _ in range(plan.pick(1, 3)):
            before = sum(map(used_cpu_s, pids))
            time.sleep(seconds)
            cpu.append(100 * (sum(map(used_cpu_s, pids)) - before) / seconds)
            memory.append(sum(map(pss_mb, pids)))
    what = f"worker of {THREADS} threads"
    yield Row("", f"{what}, CPU over {seconds} s", "", "%", cpu, goal="<= 0.05")
    yield Row("", f"{what}, memory (PSS)", "", "MB", memory, goal="<= 30")


def wake(plan: Plan) -> Iterator[Row]:
    """Time from an enqueue to the first byte that the job writes, for an idle worker."""
    with fresh_folder() as folder, worker(THREADS) as (_process, home), _huey(folder) as huey:
        queuectl("enqueue", "true")
        queuectl("wait", "1")
        ours = partial(_after_commit_ms, home, folder)
        after_commit = plan.rounds(plan.pick(20, 200), {"queuectl": ours})
        after_commit |= plan.rounds(plan.pick(3, 30), {"huey": huey})
        with _clients(plan, folder) as clients:
            after_start = plan.rounds(plan.pick(5, 50), clients)
    for name, column in after_commit.items():
        yield from _latencies("after the commit", name, figures(column))
    for name, column in after_start.items():
        yield from _latencies("after the start of the client", name, figures(column))


@contextmanager
def _clients(plan: Plan, folder: Path) -> Iterator[dict[str, partial[float]]]:
    """Give what adds a job by a process of its own; task-spooler's server runs meanwhile."""
    env = {**os.environ, "TS_SOCKET": f"{folder}/socket", "NQDIR": str(folder)}
    lines = {
        "queuectl enqueue": [QUEUECTL, "enqueue", "--"],
        "tsp": ["tsp", "-n"],
        "nq": ["nq", "-q"],
    }
    for name in [name for name, words in lines.items() if shutil.which(words[0]) is None]:
        plan.leave_out(name, "not installed")
        del lines[name]
    clients = {name: partial(_whole_ms, words, env, folder) for name, words in lines.items()}
    for client in clients.values():
        client()
    yield clients
    if "tsp" in lines:
        subprocess.run(["tsp", "-K"], env=env, check=False)


DURABILITY = {"queuectl": "FULL", "queuectl enqueue": "FULL", "huey": "FULL"}


def _latencies(group: str, what: str, spans: list[float]) -> Iterator[Row]:
    durability = DURABILITY.get(what, "none")
    ours = what == "queuectl"
    late = sorted(spans)[-1 - len(spans) // 100]
    yield Row(group, what, durability, "ms", spans, goal="<= 2" if ours else "")
    if len(spans) >= 100:
        yield Row(group, f"{what}, p99", durability, "ms", [late], goal="<= 8" if ours else "")


@contextmanager
def _listening(folder: Path) -> Iterator[tuple[str, int]]:
    """Give a shell line that writes a byte, and the descriptor to read it from."""
    fifo = folder / "fifo"
    os.mkfifo(fifo)
    ear = os.open(fifo, os.O_RDWR)
    try:
        yield f"echo > {fifo}", ear
    finally:
        os.close(ear)
        fifo.unlink()


def _after_commit_ms(home: Path, folder: Path) -> float:
    store = opened(home)
    with _listening(folder) as (line, ear):
        store.enqueue([NewJob(None, ("/bin/sh", "-c", line), 1)], now_ms=now_ms())
        begun = time.perf_counter()
        os.read(ear, 1)
        span = time.perf_counter() - begun
    store.close()
    return span * 1000


def _whole_ms(words: list[str], env: Mapping[str, str], folder: Path) -> float:
    with _listening(folder) as (line, ear):
        begun = time.perf_counter()
        client = subprocess.Popen(
            [*words, "sh", "-c", line],
            env=env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.read(ear, 1)
        span = time.perf_counter() - begun
        client.wait()
    return span * 1000


@contextmanager
def _huey(folder: Path) -> Iterator[Callable[[], float]]:
    """Run huey's consumer; give what adds a task to it and waits for its byte."""
    words = [*bench_peers.LOOPS, "serve", "huey:full", str(folder)]
    consumer = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def woken_ms() -> float:
        with _listening(folder) as (line, ear):
            add = [*bench_peers.LOOPS, "add", "huey:full", str(folder), line]
            with subprocess.Popen(add, stdout=subprocess.PIPE) as adder:
                os.read(ear, 1)
                woken_at_s = time.perf_counter()
                said = adder.communicate()[0]
            # the monotonic clock is one for all processes
            return (woken_at_s - float(json.loads(said)["at_s"])) * 1000

    try:
        woken_ms()
        yield woken_ms
    finally:
        consumer.kill()
        consumer.wait()
