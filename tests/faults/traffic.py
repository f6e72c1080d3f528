"""A life of a queue, step by step: what a user hears of, and what the queue must show after it."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING, NamedTuple

from queuectl_core.retry import Bury, Complete, Retry
from queuectl_core.storage import open_store
from queuectl_core.storage.records import DeadWorker
from tests.builders import NOW_MS, jobs_of, new_job, result_for
from tests.conformance import steps
from tests.faults.disk import Disk

if TYPE_CHECKING:
    from collections.abc import Callable

    from queuectl_core.storage.store import Store
    from tests.conformance.steps import View

STEPS = 70
LONG_COMMAND_BYTES = 20_000
LOG_PAGES = 50
"""The write-ahead log is emptied into the queue file after so many pages; 1,000 usually, which is
more than one life writes."""


class Life(NamedTuple):
    """`views[n]` is what the queue shows after step n; `log` is what the disk saw meanwhile."""

    log: list
    views: list[View]
    id: str


def enqueue_one(store: Store, rng: random.Random) -> None:
    store.enqueue([new_job("x" * rng.randrange(LONG_COMMAND_BYTES))], now_ms=NOW_MS)


def enqueue_many(store: Store, rng: random.Random) -> None:
    store.enqueue([new_job(queue=rng.choice("ab")) for _ in range(9)], now_ms=NOW_MS)


def claims_of(store: Store, worker: int):
    return store._claims_of(worker)


def finish(store: Store, rng: random.Random) -> None:
    verdicts = [Complete(), Complete(), Retry(NOW_MS), Bury("exit")]
    held = [result_for(claim, rng.choice(verdicts)) for claim in claims_of(store, steps.WORKER)]
    store.finish_and_claim(held, worker=steps.WORKER, limit=3, now_ms=NOW_MS)


def cancel(store: Store, rng: random.Random) -> None:
    store.cancel([rng.choice(store.select(limit=9).jobs).number], now_ms=NOW_MS)


def revive(store: Store, rng: random.Random) -> None:
    store.revive([rng.choice(jobs_of(store)).number], now_ms=NOW_MS)


def rescue(store: Store, _rng: random.Random) -> None:
    store.rescue(dead_worker(store), now_ms=NOW_MS)


def dead_worker(store: Store) -> DeadWorker:
    """Return the one worker as if it had died, whatever the kernel says."""
    hold = os.open(os.devnull, os.O_RDONLY)
    return DeadWorker(steps.WORKER, claims_of(store, steps.WORKER), hold)


USUAL: list[Callable[[Store, random.Random], None]] = [
    enqueue_one, enqueue_one, enqueue_many, finish, finish, finish, cancel, revive, rescue,
]  # fmt: skip


def live(directory: str, seed: int) -> Life:
    """Make a queue in an empty directory and let things happen to it.

    One step in twenty closes and opens it: that empties the log and deletes it.
    """
    rng = random.Random(seed)
    path = os.path.join(directory, "queue.db")
    views = []
    with Disk(directory) as disk:
        store = _open(path)
        try:
            for step in range(STEPS):
                if step:
                    rng.choice(USUAL if step > 1 else [enqueue_many])(store, rng)
                views.append(steps.view(store))
                disk.acknowledge(step)
                if rng.random() < 0.05:
                    store.close()
                    store = _open(path)
        finally:
            store.close()
    with open(path + ".id", encoding="ascii") as file:
        return Life(disk.log, views, file.read().strip())


def _open(path: str) -> Store:
    store = open_store(path, now_ms=NOW_MS)
    store._connection.wal_autocheckpoint(LOG_PAGES)
    return store
