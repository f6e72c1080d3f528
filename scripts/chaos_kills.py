"""Scenarios of kill -9: of workers in all their parts, of clients, and by the jobs themselves."""

from __future__ import annotations

import os
import signal
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import chaos_ledger as ledger
from chaos_world import Broken, World, boot_s, children, eventually, runs

if TYPE_CHECKING:
    from random import Random

PROMISED_S = 5.0
"""Jobs of a dead worker start again within this on another one that runs."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much of a scenario to do; `rng` makes every choice of it, from the seed."""

    binary: str
    rng: Random
    quick: bool
    jobs: int | None = None
    kills: int | None = None

    def of(self, quick: int, long: int) -> int:
        """Return the size that was asked for."""
        return quick if self.quick else long


def names(prefix: str, count: int) -> list[str]:
    """Return the ids of `count` jobs."""
    return [f"{prefix}{number}" for number in range(1, count + 1)]


# --- kill ---

WORKERS, THREADS = 4, 2
TARGETS = ("pool", "pool", "whole", "whole", "supervisor", "loader", "job")


class Massacre:
    """Kills at random among several workers, never the last one that runs."""

    def __init__(self, world: World, rng: Random) -> None:
        self.world = world
        self.rng = rng
        self.crew = [world.start("--count", str(THREADS)) for _ in range(WORKERS)]
        self.deaths: list[tuple[float, list[int]]] = []
        """When a pool was killed, and which runs it had."""
        self.kills = 0

    def strike(self) -> None:
        """Restart workers that ended since the last strike; kill one process, or a whole worker.

        In this order, so that the others have a while to take the jobs of the dead.
        """
        self.revive()
        able = [worker for worker in self.crew if worker.runs() and worker.pool()]
        if len(able) < 2:  # promised is a restart "on any other running worker"
            return
        worker, target = self.rng.choice(able), self.rng.choice(TARGETS)
        pool = worker.pool()
        victims = {
            "pool": [pool],
            "whole": worker.pids(),
            "supervisor": [worker.supervisor],
            "loader": [worker.loader],
            "job": children(pool)[:1],
        }[target]
        cut_off = children(pool) if pool in victims else []
        at_s = boot_s()
        self.world.kill_at_once(victims)
        if cut_off:
            self.deaths.append((at_s, cut_off))
        self.kills += bool(victims)

    def revive(self) -> None:
        """Start a worker for each whose visible process is gone, as a service manager does."""
        for place, worker in enumerate(self.crew):
            if not runs(worker.loader):
                worker.process.wait()
                self.crew[place] = self.world.launch("--count", str(THREADS))
        for worker in self.world.workers:
            if worker not in self.crew and worker.bundle.exists() and not worker.pids():
                worker.drop_bundle()

    def waits_s(self) -> list[float]:
        """Return how long each run that was cut off waited for its next start."""
        lines = self.world.lines()
        return [wait for at_s, pids in self.deaths for wait in ledger.waits(lines, pids, at_s)]


def kill(size: Size) -> str:
    """SIGKILL of random parts of several workers while thousands of short jobs run."""
    jobs = size.jobs or size.of(900, 10_000)
    kills = size.kills or size.of(18, 200)
    with World(size.binary) as world:
        begun_s = time.monotonic()
        massacre = Massacre(world, size.rng)
        ids = names("k", jobs)
        spans = (0, 0.02, 0.05, 0.1)
        lines = {job: world.traced(f"sleep {size.rng.choice(spans)}") for job in ids}
        world.add(lines, max_retries=50, backoff="fixed:0")
        seen = strike_through(massacre, kills, jobs)
        world.await_quiet(within_s=90)
        took_s = time.monotonic() - begun_s
        kept = world.judge(ledger.Asked(frozenset(ids)), seen)
        for worker in massacre.crew:
            worker.stop()
        for worker in world.workers:
            worker.check_log()
        return _figures(massacre, kept, took_s)


def strike_through(massacre: Massacre, kills: int, jobs: int) -> dict[str, float]:
    """Spread the kills over the work; return which jobs the client saw completed when."""
    seen: dict[str, float] = {}
    while massacre.kills < kills:
        due = (massacre.kills + 1) * jobs // (kills + 2)
        eventually(lambda due=due: massacre.world.ends() >= due, f"{due} jobs done", within_s=60)
        if massacre.kills == kills // 2 and not seen:
            records = massacre.world.ok("list", "--json", "--state", "completed")
            at_s = boot_s()
            seen = {row.split('"')[3]: at_s for row in records.splitlines()}
        time.sleep(massacre.rng.uniform(0, 0.1))
        massacre.strike()
    massacre.revive()
    return seen


def _figures(massacre: Massacre, kept: dict[str, ledger.Kept], took_s: float) -> str:
    waits_s = massacre.waits_s()
    poisoned = sum(one.state == "dead" for one in kept.values())
    reruns = sum(line.what == ledger.START for line in massacre.world.lines()) - len(kept)
    text = (
        f"{len(kept)} jobs, {massacre.kills} kills, {took_s:.1f} s, 0 lost, {reruns} started again,"
        f" {poisoned} dead after three crashes"
    )
    if not waits_s:
        return text
    if max(waits_s) > PROMISED_S:
        raise Broken(f"a job waited {max(waits_s):.2f} s for its restart; {text}")
    middle_s = statistics.median(waits_s)
    return f"{text}; restart after a death: median {middle_s:.2f} s, max {max(waits_s):.2f} s"


# --- enqueue ---


def enqueue(size: Size) -> str:
    """Kill -9 of `enqueue` at random moments, then the same ids again: exactly one of each."""
    rounds = size.kills or size.of(60, 1_000)
    with World(size.binary) as world:
        begun_s = time.monotonic()
        ids = names("e", rounds)
        world.ok("list")
        codes = {job: world.run_and_cut_off(size.rng, *_add(world, job)) for job in ids}
        acknowledged = [job for job, code in codes.items() if code == 0]
        before = {str(one["id"]) for one in world.records()}
        lost = set(acknowledged) - before
        if lost:
            raise Broken(f"acknowledged, then not there: {sorted(lost)}")
        for job in ids:
            code = world.run(*_add(world, job)).returncode
            if code != (os.EX_CANTCREAT if job in before else 0):
                raise Broken(f"{job} again: exit code {code}, was there before: {job in before}")
        if world.launch("--count", "4", "--drain").process.wait(60) != 0:
            raise Broken(f"the worker failed: {world.workers[-1].log}")
        world.judge(ledger.Asked(frozenset(ids)))
        starts = sum(line.what == ledger.START for line in world.lines())
        if starts != rounds:
            raise Broken(f"{starts} starts of {rounds} jobs")
        took_s = time.monotonic() - begun_s
        unheard = len(before) - len(acknowledged)
        return (
            f"{rounds} jobs, {rounds - len(acknowledged)} cut off ({unheard} of them were on disk),"
            f" {took_s:.1f} s, 0 lost, 0 twice"
        )


def _add(world: World, job: str) -> tuple[str, ...]:
    return ("enqueue", "--id", job, world.traced())


# --- remains ---

FAMILY = """\
if [ "$QUEUECTL_ATTEMPT" = 1 ]; then
    f=family.$QUEUECTL_JOB_ID
    echo $$ >>$f.draft
    sh -c 'echo $$ >>'$f'.draft; exec sleep 1000' &
    setsid sh -c 'echo $$ >>'$f'.draft; exec sleep 1000' &
    setsid sh -c 'sh -c "echo \\$\\$ >>'$f'.draft; exec sleep 1000" &' &
    while [ "$(wc -l <$f.draft)" -lt 4 ]; do sleep 0.02; done
    mv $f.draft $f
    sleep 1000
fi
for pid in $(cat family.$QUEUECTL_JOB_ID); do
    grep -s '^State:' /proc/$pid/status | grep -v Z >>survivors
done
true
"""
"""A job with a child in its group, one in another session, and a daemon that forked twice. Its
second attempt looks for all of them first."""


def remains(size: Size) -> str:
    """Kill a whole worker at once: its jobs' processes are gone when the next attempts start."""
    rounds, width = size.of(3, 25), 4
    with World(size.binary) as world:
        begun_s = time.monotonic()
        waits_s = [_leave_behind(world, number, width) for number in range(rounds)]
        survivors = world.root / "survivors"
        if survivors.read_text():
            raise Broken(
                f"processes of a dead attempt live beside the next: {survivors.read_text()}"
            )
        world.judge(ledger.Asked(frozenset(str(one["id"]) for one in world.records())))
        took_s = time.monotonic() - begun_s
        return (
            f"{rounds * width} jobs, {rounds} kills, {took_s:.1f} s, 0 of {4 * rounds * width}"
            f" processes left; all ran again within {max(waits_s):.2f} s"
        )


def _leave_behind(world: World, number: int, width: int) -> float:
    """Let `width` families run on one worker, kill it whole; return the wait for their next end."""
    worker = world.start("--count", str(width))
    ids = names(f"r{number}-", width)
    body = world.traced(f"eval {_quoted(FAMILY)}")
    world.add(dict.fromkeys(ids, body))
    eventually(
        lambda: all((world.root / f"family.{job}").exists() for job in ids), "the families live"
    )
    successor = world.start("--count", str(width))
    killed_s = time.monotonic()
    worker.kill_whole()
    world.await_quiet()
    took_s = time.monotonic() - killed_s
    successor.stop()
    return took_s


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


# --- poison ---


def poison(size: Size) -> str:
    """Let jobs kill their worker: dead after three crashes, and the rest completes."""
    poisons, rest = size.of(2, 12), size.of(100, 2_000)
    with World(size.binary) as world:
        begun_s = time.monotonic()
        bad, good = names("p", poisons), names("g", rest)
        note = ledger.line_of_shell(str(world.ledger), ledger.START)
        # one after the other: a suspect answers for what a new poison beside it does
        world.add(dict.fromkeys(bad, f"{note}; kill -9 $PPID; sleep 1000"), max_retries=50)
        workers = [world.start("--count", "1") for _ in range(2)]
        world.add(dict.fromkeys(good, world.traced()))
        world.await_quiet(within_s=60 + 10 * poisons)
        kept = world.judge(ledger.Asked(frozenset(bad + good)))
        wrong = [job for job in bad if (kept[job].reason, kept[job].attempts) != ("poison", 3)]
        wrong += [job for job in good if kept[job].state != "completed"]
        if wrong:
            raise Broken(f"poison: {[(job, kept[job]) for job in wrong]}")
        for worker in workers:
            worker.stop()
        took_s = time.monotonic() - begun_s
        return (
            f"{poisons + rest} jobs, {3 * poisons} pools killed by their jobs, {took_s:.1f} s,"
            f" {poisons} dead (poison, 3 attempts), {rest} completed, 0 lost"
        )


def bystander(size: Size) -> str:
    """Run long jobs and short ones beside one that kills the worker: it alone is dead."""
    with World(size.binary) as world:
        begun_s = time.monotonic()
        innocent, short = names("b", size.of(1, 6)), names("s", size.of(40, 400))
        killer = "sleep 0.4; kill -9 $PPID; sleep 1000"
        world.add(dict.fromkeys(innocent, world.traced("sleep 1.5")))
        world.ok("enqueue", "--id", "killer", f"{world.traced()}; {killer}")
        world.add(dict.fromkeys(short, world.traced("sleep 0.1")), max_retries=50)
        world.start("--count", str(len(innocent) + 2))
        world.await_quiet()
        kept = world.judge(ledger.Asked(frozenset((*innocent, *short, "killer"))))
        dead = [job for job in kept if kept[job].state == "dead"]
        if dead != ["killer"] or kept["killer"].reason != "poison":
            raise Broken(f"the killer alone should be dead as poison: {dead}")
        took_s = time.monotonic() - begun_s
        return (
            f"{len(kept)} jobs, 3 pools killed beside {len(innocent)} long jobs, {took_s:.1f} s,"
            f" only the killer is dead ({kept['killer'].attempts} attempts)"
        )


# --- stop ---


def stop(size: Size) -> str:
    """Stop a worker with SIGSTOP: nobody takes its jobs, nobody calls it dead."""
    pause_s = size.of(3, 45)  # the long one is longer than any heartbeat
    with World(size.binary) as world:
        begun_s = time.monotonic()
        frozen, other = world.start("--count", "2"), world.start("--count", "2")
        ids = names("s", 4)
        world.add(dict.fromkeys(ids, world.traced("sleep 1")))
        eventually(lambda: len(world.lines()) == len(ids), "all four run")
        frozen.signal(signal.SIGSTOP)
        more = names("m", 40)
        world.add(dict.fromkeys(more, world.traced()))
        called = _states_for(world, pause_s)
        if "dead" in called or world.status()["completed"] != len(ids) // 2 + len(more):
            raise Broken(f"while a worker stood still: {called}, {world.status()}")
        frozen.signal(signal.SIGCONT)
        world.await_quiet()
        world.judge(ledger.Asked(frozenset(ids + more)))
        if any(line.attempt > 1 for line in world.lines()):
            raise Broken("a job of a worker that stood still was started again")
        frozen.stop()
        other.stop()
        took_s = time.monotonic() - begun_s
        return (
            f"{len(ids + more)} jobs, {pause_s} s stopped, {took_s:.1f} s, 0 started twice,"
            f" called {', '.join(sorted(called))} meanwhile"
        )


def _states_for(world: World, span_s: float) -> set[str]:
    """Return how `worker list` called the workers during the span."""
    called = set()
    until_s = time.monotonic() + span_s
    while time.monotonic() < until_s:
        rows = world.ok("worker", "list", "--json").splitlines()
        called |= {row.split('"state":"')[1].split('"')[0] for row in rows}
        time.sleep(0.2)
    return called
