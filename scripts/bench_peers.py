"""The peers of scripts/bench: what each is, what it keeps of a job, and how it runs many."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bench_rounds import Sample
from bench_world import fresh_folder, rate

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench_rounds import Plan

LOOPS = [sys.executable, str(Path(__file__).with_name("bench_loops.py"))]
NONE = "none"


class Peer(NamedTuple):
    """A program or library beside us. `durability` is SQLite's word, or `none`.

    `most` bounds the jobs of a slow one, `widths` how many run at a time.
    """

    what: str
    durability: str
    drain: Callable[[int, int], Sample]
    needs: str = ""
    most: int = 1_000_000
    widths: tuple[int, ...] = (1, 2, 4, 8)


def xargs(count: int, width: int) -> Sample:
    """Run the yardstick: it keeps nothing."""
    given = b"true\n" * count
    return rate(count, ["xargs", "-P", str(width), "-I{}", "sh", "-c", "{}"], given)


def _parallel(count: int, width: int) -> Sample:
    words = ["parallel", "--will-cite", "-j", str(width), "sh", "-c", "{}"]
    return rate(count, words, b"true\n" * count)


def _xjobs(count: int, width: int) -> Sample:
    return rate(count, ["xjobs", "-j", str(width), "-n", "-v", "0"], b"sh -c true\n" * count)


def _tsp(count: int, width: int) -> Sample:
    """Add and run at once: its client is a process for each job, its server another one."""
    script = f"tsp -S {width}; for n in $(seq {count}); do tsp -n sh -c true; done; tsp -w; tsp -K"
    with fresh_folder() as folder:
        env = {**os.environ, "TS_SOCKET": f"{folder}/socket", "TS_MAXFINISHED": "10"}
        return _rate_without_cpu(count, ["sh", "-c", script], env)


def _nq(count: int, _width: int) -> Sample:
    script = f"for n in $(seq {count}); do nq -q sh -c true; done; nq -w"
    with fresh_folder() as folder:
        return _rate_without_cpu(count, ["sh", "-c", script], {**os.environ, "NQDIR": str(folder)})


def _rate_without_cpu(count: int, argv: list[str], env: dict[str, str]) -> Sample:
    """Time jobs that run as nobody's children: what CPU they took can't be seen."""
    begun = time.perf_counter()
    subprocess.run(argv, check=False, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return Sample(count / (time.perf_counter() - begun))


def loops(deed: str, peer: str, folder: Path, *words: str) -> dict[str, float]:
    """Let a library do something in a process of its own; return what it says."""
    argv = [*LOOPS, deed, peer, str(folder), *words]
    found: dict[str, float] = json.loads(subprocess.check_output(argv, text=True))
    return found


def _library(peer: str) -> Callable[[int, int], Sample]:
    def drain(count: int, width: int) -> Sample:
        with fresh_folder() as folder:
            found = loops("drain", peer, folder, str(count), str(width))
        return Sample(count / found["span_s"], found["cpu_s"] * 1000 / count)

    return drain


def _spoolctl(count: int, width: int) -> Sample:
    """Run as many of its workers as there are jobs at a time; their start-up counts."""
    fill = (
        "import sys, time; from spoolctl import store; c = store.connect(sys.argv[1]);"
        "[store.add_job(c, ['sh', '-c', 'true'], 60, 0, time.time())"
        " for _ in range(int(sys.argv[2]))]"
    )
    spool = Path(sys.executable).with_name("spoolctl")
    with fresh_folder() as folder:
        subprocess.run([sys.executable, "-c", fill, f"{folder}/spool.db", str(count)], check=True)
        one = f"{spool} work --drain --db {folder}/spool.db"
        return rate(count, ["sh", "-c", f"{one} & " * width + "wait"])


PEERS = (
    Peer("GNU parallel", NONE, _parallel, "parallel", most=300),
    Peer("xjobs", NONE, _xjobs, "xjobs"),
    Peer("task-spooler", NONE, _tsp, "tsp", most=300),
    Peer("nq", NONE, _nq, "nq", most=300, widths=(1,)),
    Peer("litequeue, with a worker loop", "NORMAL", _library("litequeue")),
    Peer("litequeue, with a worker loop", "FULL", _library("litequeue:full")),
    Peer("persist-queue, with a worker loop", "FULL", _library("persist-queue:full")),
    Peer("huey, SqliteHuey", "OFF", _library("huey")),
    Peer("huey, SqliteHuey", "FULL", _library("huey:full")),
    Peer("spoolctl, a process for each worker", "NORMAL", _spoolctl, most=300),
)
ABSENT = {
    "rq, celery, dramatiq": "they need a broker, a server of its own",
    "procrastinate, river, oban": "they need PostgreSQL",
    "pueue": "not in Debian 12 and not on PyPI",
}


def had(plan: Plan) -> list[Peer]:
    """Return the peers that are here; note those that are not."""
    found = []
    for peer in PEERS:
        if peer.needs and shutil.which(peer.needs) is None:
            plan.leave_out(peer.what, f"{peer.needs} is not installed (scripts/bench says how)")
        else:
            found.append(peer)
    for what, why in ABSENT.items():
        plan.leave_out(what, why)
    return found
