"""Big queues to measure beside: made by the store's own verbs, kept in build/bench/stores.

A queue of another schema or shape is made anew. Measurements add a few hundred jobs to them.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from typing import TYPE_CHECKING

from bench_world import MILLION, RESULTS, now_ms, opened

from queuectl_core.job import NewJob
from queuectl_core.retry import Complete
from queuectl_core.run import Ending, Outcome
from queuectl_core.storage.records import NewWorker, Result
from queuectl_core.storage.sqlite.connection import SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from queuectl_core.storage.store import Store

HOUR_MS = 3_600_000
CHUNK = 10_000
BATCH = 2_000
STORES = RESULTS / "stores"
DONE = Outcome(Ending.EXIT, exit_code=0)


def store_home(name: str) -> Path:
    """Return the home of a big queue, made when it is not there."""
    home = STORES / f"{name}-{SCHEMA_VERSION}"
    if not home.exists():
        draft = STORES / f"{name}.draft"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True, mode=0o700)
        begun = time.perf_counter()
        store = opened(draft)
        SHAPES[name](store)
        store.close()
        os.rename(draft, home)
        print(f"  made {home.name} in {time.perf_counter() - begun:.0f} s", file=sys.stderr)
    return home


def registered(store: Store) -> int:
    """Register a worker that runs nothing."""
    worker = NewWorker("bench", "bench", os.getppid(), os.getpid(), 1, None, "bench")
    return store.register(worker, now_ms=now_ms())


def _finished(count: int) -> Callable[[Store], None]:
    """Let jobs be added, claimed and completed, as many as that."""

    def fill(store: Store) -> None:
        worker = registered(store)
        for _ in range(count // CHUNK):
            store.enqueue([NewJob("true", None, 3)] * CHUNK, now_ms=now_ms())
            _complete_all(store, worker)
        store.retire(worker)

    return fill


def _complete_all(store: Store, worker: int) -> None:
    results: list[Result] = []
    while True:
        _, claims = store.finish_and_claim(results, worker=worker, limit=BATCH, now_ms=now_ms())
        if not claims:
            return
        results = [Result(claim, DONE, Complete()) for claim in claims]


def _waiting(store: Store) -> None:
    """Let a million jobs of all priorities wait, nine of ten for later."""
    for start in range(0, MILLION, CHUNK):
        numbers = range(start, start + CHUNK)
        store.enqueue([_waiting_job(number) for number in numbers], now_ms=now_ms())


def _waiting_job(number: int) -> NewJob:
    future = None if number % 10 == 0 else now_ms() + HOUR_MS + number
    return NewJob("true", None, 3, priority=number % 10 + 1, run_at_ms=future)


def _queues(store: Store) -> None:
    """Let ten jobs wait in each of a thousand queues."""
    jobs = [NewJob("true", None, 3, queue=f"queue-{n % 1000}") for n in range(CHUNK)]
    store.enqueue(jobs, now_ms=now_ms())


SHAPES: dict[str, Callable[[Store], None]] = {
    "empty": lambda _store: None,
    "finished-100k": _finished(100_000),
    "finished-1M": _finished(MILLION),
    "finished-10M": _finished(10 * MILLION),
    "waiting-1M": _waiting,
    "queues-1000": _queues,
}
