"""Scenario of kill -9 while several commands at once upgrade the queue of an older version.

The old queues are those that tests/data keeps of each schema, with thousands of jobs more.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from chaos_world import Broken, World, eventually

if TYPE_CHECKING:
    from chaos_kills import Size

KEPT = Path(__file__).resolve().parent.parent / "tests" / "data"
ALIKE = ("pending-job", "completed-job", "dead-job")
"""Jobs of a kept queue that are there a thousand times more."""
AT_ONCE = 4
NO_WORKER = 3
"""The highest exit code of a look at a queue that is well."""
LOOKS = ("list", "status", "show pending-job", "metrics", "worker health", "db upgrade")


class Old:
    """A queue of an older version; `jobs` is what it shows when it is upgraded in peace."""

    def __init__(self, world: World, kept: Path, more: int) -> None:
        """Grow a copy of the kept queue, and upgrade another copy of that to compare with."""
        self.path = world.root / kept.name
        shutil.copy(kept, self.path)
        with closing(sqlite3.connect(self.path)) as connection, connection:
            self.schema, self.number = _look(connection)
            for job in ALIKE:
                _multiply(connection, job, more)
        self.rows = self.number + len(ALIKE) * more
        self.put(world)
        begun_s = time.monotonic()
        one = world.begin("db", "upgrade")
        eventually(lambda: _copies(world), "the upgrade has begun")
        self.upgrades_s = -time.monotonic()
        if one.wait() != 0:
            raise Broken(f"the upgrade of {kept.name} exited {one.returncode}")
        self.upgrades_s += time.monotonic()
        self.takes_s = time.monotonic() - begun_s
        self.jobs = _jobs(world)
        self.copy = next(iter(_copies(world)), "")

    def put(self, world: World) -> None:
        """Make it the queue of the world, as if nothing had ever opened it here."""
        shutil.rmtree(world.home, ignore_errors=True)
        world.home.mkdir(mode=0o700)
        shutil.copy(self.path, world.queue)
        os.chmod(world.queue, 0o600)


def _look(connection: sqlite3.Connection) -> tuple[int, int]:
    """Return the schema's number and the number of jobs."""
    (schema,) = connection.execute("PRAGMA user_version").fetchone()
    (jobs,) = connection.execute("SELECT count(*) FROM jobs").fetchone()
    return int(schema), int(jobs)


def _multiply(connection: sqlite3.Connection, job: str, more: int) -> None:
    """Add jobs that are like one, and count them."""
    columns = [row[1] for row in connection.execute("PRAGMA table_info (jobs)")]
    same = ", ".join(name for name in columns if name not in {"number", "id"})
    connection.execute(
        "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < :more)"
        f" INSERT INTO jobs (id, {same}) SELECT :job || '-' || x, {same} FROM jobs, n"
        " WHERE jobs.id = :job",
        {"more": more, "job": job},
    )
    connection.execute(
        "UPDATE counts SET jobs = jobs + :more FROM jobs"
        " WHERE jobs.id = :job AND counts.queue = jobs.queue AND counts.state = jobs.state",
        {"more": more, "job": job},
    )


def _jobs(world: World) -> dict[str, dict[str, object]]:
    return {str(one["id"]): one for one in world.records()}


def _copies(world: World) -> list[str]:
    """Return the names of the copies from before, without drafts."""
    return sorted(name for name in os.listdir(world.home) if name.startswith("queue.db.before-"))


def upgrade(size: Size) -> str:
    """Kill processes that open an old queue: it is old or new, whole, and so is its copy."""
    rounds, more = size.kills or size.of(10, 150), size.of(1_000, 10_000)
    killed, met = 0, Counter[str]()
    with World(size.binary) as world:
        begun_s = time.monotonic()
        world.ok("enqueue", "true")
        with closing(sqlite3.connect(world.queue)) as connection:
            newest, _ = _look(connection)
        kept = [path for path in sorted(KEPT.glob("queue-schema-*.db")) if _is_older(path, newest)]
        old = [Old(world, path, more) for path in kept]
        for _ in range(rounds):
            one = size.rng.choice(old)
            one.put(world)
            ends = size.rng.choice((_cut_off, _cut_all_off))(world, size.rng, one)
            killed += sum(code < 0 for _, code in ends)
            met[_how_far(world, one)] += 1
            _expect_whole(world, one, {words[2]: code for words, code in ends if _adds(words)})
        took_s = time.monotonic() - begun_s
    far = ", ".join(f"{times} times {how}" for how, times in sorted(met.items()))
    return (
        f"{rounds} queues of {len(old)} older schemas with {old[0].rows} jobs, {AT_ONCE} commands"
        f" each, {killed} killed ({far}), {took_s:.1f} s, 0 lost, each queue and copy whole"
    )


def _is_older(path: Path, newest: int) -> bool:
    with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as connection:
        return _look(connection)[0] < newest


def _cut_off(world: World, rng: Random, old: Old) -> list[tuple[list[str], int]]:
    """Let several open the queue and be killed one by one; return what they were and their ends."""
    lines = [_words(rng, number) for number in range(AT_ONCE)]
    within_s = old.takes_s * rng.uniform(0.3, 1.5)
    with ThreadPoolExecutor(AT_ONCE) as crowd:
        ends = [
            crowd.submit(world.run_and_cut_off, Random(rng.random()), *words, within_s=within_s)
            for words in lines
        ]
    return _checked(old, lines, [end.result() for end in ends])


def _cut_all_off(world: World, rng: Random, old: Old) -> list[tuple[list[str], int]]:
    """Kill them all at once, soon after the first of them has begun to upgrade."""
    lines = [_words(rng, number) for number in range(AT_ONCE)]
    crowd = [world.begin(*words) for words in lines]
    while not _copies(world) and any(one.poll() is None for one in crowd):
        time.sleep(0.0005)
    time.sleep(rng.uniform(0.0, old.upgrades_s))
    world.kill_everybody()
    return _checked(old, lines, [one.wait() for one in crowd])


def _checked(old: Old, lines: list[list[str]], codes: list[int]) -> list[tuple[list[str], int]]:
    found = list(zip(lines, codes, strict=True))
    if wrong := [(words, code) for words, code in found if code > NO_WORKER]:
        raise Broken(f"exit codes on a queue of schema {old.schema}: {wrong}")
    return found


def _words(rng: Random, number: int) -> list[str]:
    """Return a command that opens the queue, half of the time one that adds a job."""
    if rng.random() < 0.5:
        return ["enqueue", "--id", f"new{number}", "true"]
    return rng.choice(LOOKS).split()


def _adds(words: list[str]) -> bool:
    return words[0] == "enqueue"


def _how_far(world: World, old: Old) -> str:
    """Tell where the last one was killed. A copy from before is whole whenever it is there."""
    for name in _copies(world):
        if not name.endswith((".part", "-journal")):
            _expect_copy(world, old, name)
    place = world.root / "look"
    shutil.copytree(world.home, place)  # not in its place: a look empties the log
    with closing(sqlite3.connect(place / "queue.db")) as connection:
        schema, _ = _look(connection)
    shutil.rmtree(place)
    if schema > old.schema:
        return "done"
    if old.copy in _copies(world):
        return "after the copy"
    return "in the copy" if _copies(world) else "before the copy"


def _expect_copy(world: World, old: Old, name: str) -> None:
    place = f"file:{world.home / name}?immutable=1"
    with closing(sqlite3.connect(place, uri=True)) as connection:
        found = connection.execute("PRAGMA integrity_check").fetchone(), *_look(connection)
    if found != (("ok",), old.schema, old.rows):
        raise Broken(f"{name}: {found}, was schema {old.schema} with {old.rows} jobs")


def _expect_whole(world: World, old: Old, added: dict[str, int]) -> None:
    """Open the queue: each job is as a quiet upgrade leaves it, besides those that were added."""
    jobs = _jobs(world)
    if lost := [job for job, code in added.items() if code == 0 and job not in jobs]:
        raise Broken(f"acknowledged, then not there: {lost}")
    if odd := {job for job in jobs if job not in old.jobs and job not in added}:
        raise Broken(f"nobody asked for {sorted(odd)}")
    if wrong := [job for job, one in old.jobs.items() if jobs.get(job) != one]:
        raise Broken(f"lost or changed by the upgrade: {sorted(wrong)[:9]}")
    world.ok("db", "check")
    if _copies(world) != [old.copy]:
        raise Broken(f"beside the queue: {_copies(world)}, and not just {old.copy}")
    _expect_copy(world, old, old.copy)
