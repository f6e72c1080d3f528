"""A process that plays a worker, for tests that kill it.

python -m tests.conformance.child URL COMMAND

Says each step in a line on stdout, and ends when its stdin does.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from queuectl_core.storage import open_store
from tests import halves
from tests.builders import NOW_MS, new_job, new_worker

if TYPE_CHECKING:
    from queuectl_core.storage.store import Store


def register(store: Store) -> None:
    """Become a worker."""
    say(f"registered {store.register(new_worker(pool_pid=os.getpid()), now_ms=NOW_MS)}")


def claim(store: Store) -> None:
    """Become a worker that runs one job."""
    worker = store.register(new_worker(pool_pid=os.getpid()), now_ms=NOW_MS)
    (taken,) = halves.claim(store, worker=worker, limit=1, now_ms=NOW_MS)
    say(f"claimed {worker} {taken.job.number}")


def enqueue_without_end(store: Store) -> None:
    """Add jobs until killed; say the number of each that is on disk."""
    while True:
        (added,) = store.enqueue([new_job("echo " + "x" * 3_000)], now_ms=NOW_MS)
        say(f"added {added.number}")


def write_without_end(store: Store) -> None:
    """Add jobs until killed, silently after the first."""
    store.enqueue([new_job()], now_ms=NOW_MS)
    say("writing")
    while True:
        store.enqueue([new_job()], now_ms=NOW_MS)


def create(store: Store) -> None:
    """Add one job to a queue that may have been made just now."""
    (added,) = store.enqueue([new_job()], now_ms=NOW_MS)
    say(f"added {added.number}")


COMMANDS = {
    act.__name__: act for act in (register, claim, enqueue_without_end, write_without_end, create)
}


def say(line: str) -> None:
    """Tell the test."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(url: str, command: str) -> None:
    """Say that we are up, wait for a line on stdin, act, wait for the end of stdin."""
    say("up")
    sys.stdin.readline()
    store = open_store(url, now_ms=NOW_MS)
    COMMANDS[command](store)
    sys.stdin.read()
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
