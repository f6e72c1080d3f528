"""A peer that is a library, in a process of its own: `bench_loops.py DEED PEER FOLDER [NUMBER]...`.

drain COUNT WIDTH: fill the queue, then run it with a worker loop, as its manual shows one
bulk COUNT:        add jobs in the fastest way that it has
enqueue:           add one job; of that only the whole process counts
serve:             wait for jobs until killed
add COMMAND:       add one job that a server runs, and print when its commit was done

Prints one line of JSON. What it imports of a peer is imported late: a cold start pays for one.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

COMMAND = "true"
SYNCHRONOUS = {0: "OFF", 1: "NORMAL", 2: "FULL", 3: "EXTRA"}


def cpu_s() -> float:
    """Return the CPU of this process and of its children so far."""
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def durability(connection: Any) -> str:  # noqa: ANN401 - of sqlite3, which a cold start may not import
    """Return what SQLite says about syncs on a connection."""
    return SYNCHRONOUS[connection.execute("PRAGMA synchronous").fetchone()[0]]


def run(command: str) -> None:
    subprocess.run(["sh", "-c", command], check=True, capture_output=True)


class Library(Protocol):
    """A queue in a folder."""

    def durability(self) -> str:
        """Return when SQLite syncs: its own word."""

    def add_all(self, commands: list[str]) -> None:
        """Add many jobs."""

    def add(self, command: str) -> None:
        """Add one."""

    def drain(self, width: int, count: int) -> None:
        """Run all jobs, `width` at a time; there are `count`."""


class _LiteQueue:
    """One connection behind a lock: faster than one for each thread and SQLite's busy handler."""

    def __init__(self, folder: Path, *, full: bool) -> None:
        from litequeue import LiteQueue  # noqa: PLC0415 - see above

        self._queue = LiteQueue(folder / "lite.db")
        self._lock = threading.Lock()
        if full:
            self._queue.conn.execute("PRAGMA synchronous = FULL")

    def durability(self) -> str:
        return durability(self._queue.conn)

    def add_all(self, commands: list[str]) -> None:
        with self._queue.transaction():
            for command in commands:
                self._queue.put(command)

    def add(self, command: str) -> None:
        self._queue.put(command)

    def run_next(self) -> bool:
        with self._lock:
            message = self._queue.pop()
        if message is None:
            return False
        run(message.data)
        with self._lock:
            self._queue.done(message.message_id)
        return True

    def drain(self, width: int, count: int) -> None:
        loop(width, self.run_next)
        if self._queue.qsize():
            sys.exit(f"{self._queue.qsize()} of {count} jobs are left")


class _PersistQueue:
    """The queue with acknowledgements; it has a lock itself."""

    def __init__(self, folder: Path, *, full: bool) -> None:
        from persistqueue import SQLiteAckQueue  # noqa: PLC0415 - see above

        self._queue = SQLiteAckQueue(str(folder / "persist"), multithreading=True)
        if full:
            # it has no other door
            self._queue._putter.execute("PRAGMA synchronous = FULL")  # noqa: SLF001

    def durability(self) -> str:
        return durability(self._queue._putter)  # noqa: SLF001

    def add_all(self, commands: list[str]) -> None:
        for command in commands:
            self._queue.put(command)

    def add(self, command: str) -> None:
        self._queue.put(command)

    def run_next(self) -> bool:
        from persistqueue.exceptions import Empty  # noqa: PLC0415 - see above

        try:
            command = self._queue.get(block=False)
        except Empty:
            return False
        run(command)
        self._queue.ack(command)
        return True

    def drain(self, width: int, count: int) -> None:
        loop(width, self.run_next)
        if self._queue.acked_count() != count:
            sys.exit(f"{self._queue.acked_count()} of {count} jobs are done")


class _Huey:
    """Its own consumer, with threads."""

    def __init__(self, folder: Path, *, full: bool) -> None:
        from huey import SqliteHuey  # noqa: PLC0415 - see above

        self._huey = SqliteHuey(filename=str(folder / "huey.db"), fsync=full)
        self._left = 0
        self._guard = threading.Lock()
        self._done = threading.Event()
        self._task = self._huey.task(name="run")(self._run)

    def _run(self, command: str) -> None:
        run(command)
        with self._guard:
            self._left -= 1
            if not self._left:
                self._done.set()

    def durability(self) -> str:
        return durability(self._huey.storage.conn)

    def add_all(self, commands: list[str]) -> None:
        for command in commands:
            self._task(command)

    def add(self, command: str) -> None:
        self._task(command)

    def drain(self, width: int, count: int) -> None:
        self._left = count
        consumer = self._huey.create_consumer(workers=width, periodic=False)
        consumer.start()
        self._done.wait()
        consumer.stop()

    def serve(self) -> None:
        consumer = self._huey.create_consumer(workers=1, periodic=False)
        consumer.start()
        threading.Event().wait()


LIBRARIES: dict[str, Callable[..., Library]] = {
    "litequeue": _LiteQueue,
    "persist-queue": _PersistQueue,
    "huey": _Huey,
}


def loop(width: int, run_next: Callable[[], bool]) -> None:
    """Run what there is, in that many threads."""

    def work() -> None:
        while run_next():
            continue

    threads = [threading.Thread(target=work) for _ in range(width)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def drain(queue: Library, count: str, width: str) -> dict[str, object]:
    queue.add_all([COMMAND] * int(count))
    cpu, begun = cpu_s(), time.perf_counter()
    queue.drain(int(width), int(count))
    return {"span_s": time.perf_counter() - begun, "cpu_s": cpu_s() - cpu}


def bulk(queue: Library, count: str) -> dict[str, object]:
    commands = [f"echo {number}" for number in range(int(count))]
    cpu, begun = cpu_s(), time.perf_counter()
    queue.add_all(commands)
    return {"span_s": time.perf_counter() - begun, "cpu_s": cpu_s() - cpu}


def enqueue(queue: Library) -> dict[str, object]:
    queue.add(COMMAND)
    return {}


def add(queue: Library, command: str) -> dict[str, object]:
    queue.add(command)
    return {"at_s": time.perf_counter()}


def serve(queue: _Huey) -> dict[str, object]:
    queue.serve()
    return {}


DEEDS: dict[str, Callable[..., dict[str, object]]] = {
    deed.__name__: deed for deed in (drain, bulk, enqueue, add, serve)
}


def main(deed: str, peer: str, folder: str, *words: str) -> None:
    name, _, mode = peer.partition(":")
    queue = LIBRARIES[name](Path(folder), full=mode == "full")
    found: dict[str, object] = DEEDS[deed](queue, *words)
    print(json.dumps({**found, "durability": queue.durability()}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
