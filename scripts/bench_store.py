"""What the size of a queue costs: claims, looks from terminal and browser, bytes on disk."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import time
from contextlib import contextmanager
from functools import partial
from http.client import HTTPConnection
from typing import TYPE_CHECKING

from bench_fill import DONE, registered, store_home
from bench_rounds import Row, Sample, cpu_ms, figures, ratios
from bench_world import QUEUECTL, at_home, fresh_home, now_ms, opened, queuectl, timed, wall_ms

from queuectl_core.job import NewJob
from queuectl_core.retry import Complete
from queuectl_core.storage.records import Result

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench_rounds import Plan

STORES = {
    "empty": "empty",
    "100,000 finished": "finished-100k",
    "1M finished": "finished-1M",
    "10M finished": "finished-10M",
    "1M pending, 90 % of them for later": "waiting-1M",
    "1,000 queues": "queues-1000",
}
SMALL = ("empty", "100,000 finished", "1,000 queues")
SIZES = {"1M finished": "finished-1M", "1M pending": "waiting-1M"}
PAGES = ("/", "/jobs", "/jobs?state=completed", "/jobs/5000", "/queues", "/dead", "/metrics-ui")
LOOKS = (["status"], ["list", "--limit", "50"], ["show", "5000"])
MB = 1_000_000
KEPT_S = 1.1
"""How long an answer of the dashboard is sure to be forgotten after."""


def claim(plan: Plan) -> Iterator[Row]:
    """Finish a job and claim the next, one at a time, beside many others."""
    names = SMALL if plan.quick else tuple(STORES)
    homes = {name: store_home(STORES[name]) for name in names}
    measures = {name: partial(_claim_us, home) for name, home in homes.items()}
    taken = plan.rounds(plan.pick(3, 7), measures)
    base = taken.pop("empty")
    yield Row("", "empty", "FULL", "us", figures(base), cpu_ms=cpu_ms(base))
    for name, column in taken.items():
        against = ratios(figures(column), figures(base))
        goal = "" if "queues" in name else "<= 1.2"
        yield Row(
            "", name, "FULL", "us", figures(column), "empty", against, cpu_ms(column), goal=goal
        )


def _claim_us(home: Path, count: int = 300) -> Sample:
    """Return the median of one finish and claim: one transaction, one sync."""
    store = opened(home)
    worker = registered(store)
    store.enqueue([NewJob("true", None, 3, priority=10)] * (count + 1), now_ms=now_ms())
    _, (held,) = store.finish_and_claim([], worker=worker, limit=1, now_ms=now_ms())
    spans = []
    cpu = time.thread_time()
    for _ in range(count):
        result = Result(held, DONE, Complete())
        begun = time.perf_counter()
        _, (held,) = store.finish_and_claim([result], worker=worker, limit=1, now_ms=now_ms())
        spans.append((time.perf_counter() - begun) * 1e6)
    cpu_each_ms = (time.thread_time() - cpu) * 1000 / count
    last = Result(held, DONE, Complete())
    store.finish_and_claim([last], worker=worker, limit=0, now_ms=now_ms())
    store.retire(worker)
    store.close()
    return Sample(statistics.median(spans), cpu_each_ms)


def look(plan: Plan) -> Iterator[Row]:
    """Look from a terminal, beyond the start-up that `version` has as well."""
    sizes = {"100,000 finished": "finished-100k"} if plan.quick else SIZES
    for size, name in sizes.items():
        with at_home(store_home(name)):
            measures = {"version": partial(wall_ms, [QUEUECTL, "version"])}
            measures |= {" ".join(words): partial(wall_ms, [QUEUECTL, *words]) for words in LOOKS}
            taken = plan.rounds(plan.pick(3, 15), measures)
        base = figures(taken.pop("version"))
        for what, column in taken.items():
            beyond = [own - start for own, start in zip(figures(column), base, strict=True)]
            yield Row(size, what, "", "ms", beyond, goal="<= 25")


def pages(plan: Plan) -> Iterator[Row]:
    """Fetch the dashboard's pages beside many jobs, as a browser that is logged in."""
    sizes = {"100,000 finished": "finished-100k"} if plan.quick else SIZES
    for size, name in sizes.items():
        with at_home(store_home(name)), _dashboard() as (host, secret):
            measures = {path: _Page(host, secret, path).fetch_ms for path in PAGES}
            plan.rounds(1, measures)  # what a first request loads is not a page's cost
            taken = plan.rounds(plan.pick(3, 15), measures)
        for path, column in taken.items():
            yield Row(size, path, "", "ms", figures(column), goal="<= 25")


@contextmanager
def _dashboard() -> Iterator[tuple[str, str]]:
    """Serve the queue of the home; give its address, and a token."""
    name = f"bench-{os.getpid()}"
    secret = queuectl("-q", "web", "token", "add", name, "--role", "read").strip()
    words = [QUEUECTL, "web", "--json", "--port", "0"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        said = json.loads(process.stdout.readline() if process.stdout else "{}")
        yield said["url"].removeprefix("http://").rstrip("/"), secret
    finally:
        process.terminate()
        process.communicate()
        queuectl("web", "token", "rm", name)


class _Page:
    """One page as it is made anew: the dashboard keeps an answer for a second."""

    def __init__(self, host: str, secret: str, path: str) -> None:
        self._host = host
        self._secret = secret
        self._path = path
        self._stale_at_s = 0.0

    def fetch_ms(self) -> float:
        """Wait until the last answer is forgotten, then ask."""
        time.sleep(max(0.0, self._stale_at_s - time.perf_counter()))
        span = _fetch_ms(self._host, self._secret, self._path)
        self._stale_at_s = time.perf_counter() + KEPT_S
        return span


def _fetch_ms(host: str, secret: str, path: str) -> float:
    begun = time.perf_counter()
    connection = HTTPConnection(host, timeout=60)
    connection.request("GET", path, headers={"Authorization": f"Bearer {secret}"})
    response = connection.getresponse()
    response.read()
    connection.close()
    if response.status != 200:
        raise SystemExit(f"bench: {path} answers {response.status}")
    return (time.perf_counter() - begun) * 1000


def growth(plan: Plan) -> Iterator[Row]:
    """Weigh what jobs leave behind, for 100,000 of them, before and after they are forgotten."""
    count = plan.pick(1000, 20_000)
    scale = 100_000 / count / MB
    with fresh_home() as home:
        queuectl("enqueue", "true")
        empty = _database_bytes(home)
        queuectl("enqueue", "--stdin", given="echo hello\n" * count)
        _drain()
        yield from _weights(home, empty, scale, "after the run")
        queuectl("prune", "--older-than", "0s", "--yes")
        yield from _weights(home, empty, scale, "after `prune`")
        queuectl("db", "vacuum")
        yield from _weights(home, empty, scale, "after `db vacuum`")


def _drain() -> None:
    timed([QUEUECTL, "worker", "start", "--count", "4", "--drain"])


def _database_bytes(home: Path) -> int:
    """Return the size of the queue file and its log; the reserve beside is for a full disk."""
    files = (home / "queue.db", home / "queue.db-wal")
    return sum(os.path.getsize(path) for path in files if path.exists())


def _weights(home: Path, empty: int, scale: float, when: str) -> Iterator[Row]:
    output = [path for path in (home / "logs").rglob("*.log") if path.is_file()]
    yield Row(when, "database", "", "MB", [(_database_bytes(home) - empty) * scale])
    yield Row(when, "output, bytes", "", "MB", [sum(map(os.path.getsize, output)) * scale])
    blocks = sum(path.stat().st_blocks for path in output) * 512
    yield Row(when, "output, room on the disk", "", "MB", [blocks * scale])
