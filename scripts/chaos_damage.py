"""Scenario of damaged, cut, emptied, exchanged and deleted queue files, at rest and under a worker.

Opens the queue file by itself, which no part of queuectl may do: only while nobody has it open, or
to harm it on purpose.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import time
from contextlib import closing
from typing import TYPE_CHECKING

from chaos_kills import names
from chaos_world import Broken, World, eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from random import Random

    from chaos_kills import Size

    Harm = Callable[[Path, Random], None]

REFUSED = os.EX_IOERR
"""What a queue that can't be read, or is not the one that was here, exits with."""
JOBS = 40
PADDING = " " * 300
"""Some pages for the jobs."""


def _empty(queue: Path, _rng: Random) -> None:
    os.truncate(queue, 0)


def _delete(queue: Path, _rng: Random) -> None:
    queue.unlink()


def _delete_all(queue: Path, rng: Random) -> None:
    for path in queue.parent.glob("queue.db-*"):
        path.unlink()
    _delete(queue, rng)


def _behead(queue: Path, rng: Random) -> None:
    _overwrite(queue, 0, rng.randbytes(100))


def _exchange_for_text(queue: Path, rng: Random) -> None:
    queue.write_bytes(b"not a database\n" * rng.randrange(1, 9999))


def _exchange_for_foreign(queue: Path, _rng: Random) -> None:
    queue.unlink()
    with closing(sqlite3.connect(queue)) as connection:
        connection.execute("CREATE TABLE jobs (id)")
    connection.close()


def _cut(queue: Path, rng: Random) -> None:
    """Cut anywhere but in the last page: that is _tear."""
    os.truncate(queue, rng.randrange(1, queue.stat().st_size - 2048))


def _tear(queue: Path, rng: Random) -> None:
    """Cut within the last page: SQLite sees no page missing, and reads the lost half as zeros."""
    os.truncate(queue, queue.stat().st_size - rng.randrange(1, 2048))


def _cut_at_page(queue: Path, rng: Random) -> None:
    os.truncate(queue, 2048 * rng.randrange(1, queue.stat().st_size // 2048))


def _scribble(queue: Path, rng: Random) -> None:
    """Overwrite whole pages with noise; noise within a row no database without checksums sees."""
    for _ in range(rng.randrange(1, 6)):
        page = rng.randrange(1, queue.stat().st_size // 2048)
        _overwrite(queue, 2048 * page, rng.randbytes(2048))


def _blank(queue: Path, rng: Random) -> None:
    for _ in range(rng.randrange(1, 6)):
        page = rng.randrange(1, queue.stat().st_size // 2048)
        _overwrite(queue, 2048 * page, bytes(2048))


def _junk_log(queue: Path, rng: Random) -> None:
    queue.with_name("queue.db-wal").write_bytes(rng.randbytes(rng.randrange(1, 20_000)))


def _junk_index(queue: Path, rng: Random) -> None:
    queue.with_name("queue.db-shm").write_bytes(rng.randbytes(32_768))


def _overwrite(path: Path, place: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        file.write(data)


TO_REFUSE: dict[str, Harm] = {
    "emptied": _empty,
    "deleted": _delete,
    "deleted with its log": _delete_all,
    "header": _behead,
    "text": _exchange_for_text,
    "foreign": _exchange_for_foreign,
}
"""Every verb must refuse these."""
TO_NOTICE: dict[str, Harm] = {
    "cut": _cut,
    "cut at a page": _cut_at_page,
    "noise": _scribble,
    "blank": _blank,
    "log": _junk_log,
    "index": _junk_index,
}
"""A verb may work where it does not meet the damage, and then truly."""


def damage(size: Size) -> str:
    """Harm the queue file: no traceback, no invented job, no silent fresh start."""
    rounds = size.of(1, 10)
    begun_s = time.monotonic()
    with World(size.binary) as world:
        case = _Case(world, size.rng)
        refused = case.refuse_another_queue()
        for _ in range(rounds):
            for name, harm in TO_REFUSE.items():
                refused += case.expect_refusal(name, harm)
            for name, harm in TO_NOTICE.items():
                refused += case.expect_truth(name, harm)
            for name in ("emptied", "deleted with its log", "noise"):
                case.expect_no_surprise(name, {**TO_REFUSE, **TO_NOTICE}[name])
        took_s = time.monotonic() - begun_s
        return (
            f"{case.files} harmed files, {case.commands} commands, {refused} refused with exit code"
            f" {REFUSED}, {took_s:.1f} s, 0 tracebacks, 0 invented jobs, 0 fresh starts"
        )


def torn(size: Size) -> str:
    """Cut the queue file within its last page: a worker that drains ends, if with a refusal."""
    rounds = size.of(5, 60)
    begun_s = time.monotonic()
    with World(size.binary) as world:
        case = _Case(world, size.rng)
        for _ in range(rounds):
            case.expect_truth("torn", _tear)
        return f"{case.files} torn files, {time.monotonic() - begun_s:.1f} s, 0 tracebacks"


class _Case:
    """One queue, and copies of it to harm. Nobody has the original open."""

    def __init__(self, world: World, rng: Random) -> None:
        self.world = world
        self.rng = rng
        self.files = self.commands = 0
        self.home = world.root / "harmed"
        ids = names("d", JOBS)
        self.old, self.waiting = ids[: JOBS // 2], ids[JOBS // 2 :]
        world.add({job: world.traced() + PADDING for job in self.old})
        world.launch("--drain").process.wait()
        world.add({job: world.traced() + PADDING for job in self.waiting})

    def copy(self) -> Path:
        """Make a fresh copy of the queue's home; return its queue file."""
        self.files += 1
        shutil.rmtree(self.home, ignore_errors=True)
        shutil.copytree(self.world.home, self.home)
        self.world.ledger.write_text("")
        return self.home / "queue.db"

    def ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command on the copy; its error must be in the form of all errors."""
        self.commands += 1
        done = self.world.run(*words, env={"QUEUECTL_HOME": str(self.home)})
        form = '{"error":' if "--json" in words else "queuectl: "
        if done.returncode and not (
            done.stderr.startswith(form) and len(done.stderr.splitlines()) <= 2
        ):
            raise Broken(f"{words} exited {done.returncode} with {done.stderr!r}")
        return done

    def drain(self) -> int:
        """Run a worker on the copy to its end; return its exit code."""
        self.commands += 1
        worker = self.world.launch("--drain", env={"QUEUECTL_HOME": str(self.home)})
        try:
            return worker.process.wait(30)
        except subprocess.TimeoutExpired as error:
            raise Broken(f"a worker on a harmed queue does not end: {worker.log}") from error
        finally:
            worker.check_log()

    def refuse_another_queue(self) -> int:
        """Put the file of another queue of ours in the place."""
        queue = self.copy()
        with World(self.world.binary) as other:
            other.add({"another": "true"})
            shutil.copy(other.queue, queue)
        return self._all_refuse("another queue")

    def expect_refusal(self, name: str, harm: Harm) -> int:
        """Harm a copy so that every verb must refuse it."""
        harm(self.copy(), self.rng)
        return self._all_refuse(name)

    def _all_refuse(self, name: str) -> int:
        verbs = (("list",), ("status",), ("enqueue", "true"), ("show", "d1"), ("retry", "d1"))
        codes = [self.ask(*words).returncode for words in verbs]
        codes.append(self.drain())
        if set(codes) != {REFUSED} or self.world.lines():
            raise Broken(f"{name}: exit codes {codes}, ran {self.world.lines()}")
        return len(codes)

    def expect_truth(self, name: str, harm: Harm) -> int:
        """Harm a copy in a part: what is said is true or a refusal, and nothing old runs."""
        harm(self.copy(), self.rng)
        known = {*self.old, *self.waiting, "new"}
        codes = [self.ask("status").returncode]
        added = self.ask("enqueue", "--id", "new", self.world.traced())
        listed = self.ask("list", "--json")
        codes += [added.returncode, listed.returncode, self.drain()]
        told = {str(json.loads(row)["id"]) for row in listed.stdout.splitlines()}
        ran = {line.job for line in self.world.lines()}
        if not told <= known or not ran <= known - set(self.old) or set(codes) - {0, REFUSED}:
            raise Broken(f"{name}: {codes}, invented {told - known}, ran {ran}: {added.stderr}")
        if name in {"log", "index"} and (codes != [0] * 4 or told != known):
            raise Broken(f"{name}: {codes}, the queue is whole, but {known - told} are not told")
        return codes.count(REFUSED)

    def expect_no_surprise(self, name: str, harm: Harm) -> None:
        """Harm a copy under a worker that runs: it ends with a reason, or goes on."""
        queue = self.copy()
        worker = self.world.start("--count", "2", env={"QUEUECTL_HOME": str(self.home)})
        eventually(lambda: len(self.world.lines()) >= 10, "the worker works")
        harm(queue, self.rng)
        codes = [self.ask(*words).returncode for words in (("list",), ("enqueue", "true"))]
        code = worker.stop()
        if {*codes, code} - {0, REFUSED, os.EX_NOPERM}:
            raise Broken(f"{name} under a worker: {codes}, worker {code}: {worker.log}")
