"""The scenarios of jobs that wait, for each other, a mutex, a place, a token, and of hooks."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING

import chaos_ledger as ledger
from chaos_kills import Massacre, names, strike_through
from chaos_world import OPEN_STATES, Broken, World, eventually

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chaos_kills import Size

SLOTS = {"one": 1, "two": 2}
CROWD, RATE = 3, 20
LOCKED = (
    "l() {{ exec 9>{key}.$1; flock -n 9; }}; {places} || echo $QUEUECTL_JOB_ID >>clashes;"
    " sleep 0.02"
)
"""The kernel gives a lock back when the last process of a run is gone, however it went."""


def mutex(size: Size) -> str:
    """SIGKILL of random parts of several workers while jobs share mutexes and follow each other."""
    jobs = size.jobs or size.of(300, 3_000)
    kills = size.kills or size.of(10, 100)
    with World(size.binary) as world:
        ids = names("m", jobs)
        parents = _enqueue(world, size, ids)
        massacre = Massacre(world, size.rng)
        strike_through(massacre, kills, jobs)
        world.await_quiet(within_s=90)
        kept = world.judge(ledger.Asked(frozenset(ids)))
        clashes = world.root / "clashes"
        if clashes.exists():
            raise Broken(f"a mutex was exceeded by {clashes.read_text().split()[:9]}")
        early = _early(world.lines(), parents, kept)
        if early:
            raise Broken(f"started before their parents had ended: {early[:9]}")
        for worker in massacre.crew:
            worker.stop()
        return f"{len(kept)} jobs, {len(parents)} of them after another, {massacre.kills} kills"


def queue_limits(size: Size) -> str:
    """SIGKILL of random parts of several workers while one queue is full and another one paced."""
    jobs = size.jobs or size.of(300, 3_000)
    kills = size.kills or size.of(10, 100)
    with World(size.binary) as world:
        world.ok("queue", "set", "crowd", "--concurrency", str(CROWD))
        world.ok("queue", "set", "paced", "--rate", f"{RATE}/s")
        ids = names("l", jobs)
        places = " || ".join(f"l {place}" for place in range(CROWD))
        commands = {
            "crowd": world.traced(LOCKED.format(key="crowd", places=places)),
            "paced": world.traced("true"),
        }
        rows = []
        for job in ids:
            queue = size.rng.choice(["crowd", "crowd", "crowd", "paced"])
            rows.append(
                {"id": job, "queue": queue, "command": commands[queue], "max_retries": 50,
                 "backoff": "fixed:0", "priority": size.rng.randint(1, 10)}
            )  # fmt: skip
        world.ok("enqueue", "--stdin", given="\n".join(map(json.dumps, rows)))
        massacre = Massacre(world, size.rng)
        strike_through(massacre, kills, jobs)
        world.await_quiet(within_s=90 + jobs / RATE)
        kept = world.judge(ledger.Asked(frozenset(ids)))
        clashes = world.root / "clashes"
        if clashes.exists():
            raise Broken(f"a concurrency was exceeded by {clashes.read_text().split()[:9]}")
        starts = _starts(world, "paced")
        for early, late in zip(starts, starts[RATE:], strict=False):
            if late - early < 1:
                raise Broken(f"{RATE + 1} starts within {late - early:.3f} s at {early:.3f}")
        for worker in massacre.crew:
            worker.stop()
        return f"{len(kept)} jobs, {len(starts)} paced starts, {massacre.kills} kills"


def _starts(world: World, queue: str) -> list[float]:
    """Return when jobs of a queue were taken, in seconds."""
    records = map(json.loads, world.ok("export", "--history", "--queue", queue).splitlines())
    return sorted(
        datetime.fromisoformat(attempt["started_at"]).timestamp()
        for record in records
        for attempt in record["history"]
    )


def _enqueue(world: World, size: Size, ids: list[str]) -> dict[str, str]:
    """Add the jobs, a third of them after the one before; return who waits for whom."""
    rows: list[dict[str, object]] = []
    parents: dict[str, str] = {}
    for before, job in zip([None, *ids], ids, strict=False):
        key = size.rng.choice(list(SLOTS))
        places = " || ".join(f"l {place}" for place in range(SLOTS[key]))
        row: dict[str, object] = {
            "id": job,
            "command": world.traced(LOCKED.format(key=key, places=places)),
            "max_retries": 50,
            "backoff": "fixed:0",
            "mutex": f"{key}={SLOTS[key]}",
            "priority": size.rng.randint(1, 10),
        }
        if before is not None and size.rng.randrange(3) == 0:
            parents[job] = before
            row["after"] = [f"{before}:any"]
        rows.append(row)
    world.ok("enqueue", "--stdin", given="\n".join(map(json.dumps, rows)))
    return parents


def _early(
    lines: list[ledger.Line], parents: Mapping[str, str], kept: Mapping[str, ledger.Kept]
) -> list[str]:
    """Return the jobs that started before the run that completed their parent had ended."""
    ends = {
        line.job: place
        for place, line in enumerate(lines)
        if line.what == ledger.END and line.attempt == kept[line.job].attempts
    }
    return [
        line.job
        for place, line in enumerate(lines)
        if line.what == ledger.START and place < ends.get(parents.get(line.job, ""), -1)
    ]


def hooks(size: Size) -> str:
    """SIGKILL of random parts of several workers while hooks are told of each job's end."""
    jobs = size.jobs or size.of(300, 3_000)
    kills = size.kills or size.of(10, 100)
    with World(size.binary) as world:
        for event in ("completed", "dead"):
            world.ok("hook", "add", event, "--retries", "50", "cat >>told")
        ids = names("h", jobs)
        world.add(dict.fromkeys(ids, world.traced("sleep 0.02")), max_retries=50)
        massacre = Massacre(world, size.rng)
        strike_through(massacre, kills, jobs)
        world.await_quiet(within_s=90)
        eventually(lambda: _hooks_are_quiet(world), "all hooks have run", within_s=90)
        kept = world.judge(ledger.Asked(frozenset(ids)))
        told = _told(world)
        twice = [job for job, times in Counter(job for job, _ in told).items() if times > 1]
        if twice:
            raise Broken(f"told of more than once: {twice[:9]}")
        ends = {(job, one.state) for job, one in kept.items()}
        if set(told) != ends:
            raise Broken(f"told of otherwise than it was: {sorted(ends ^ set(told))[:9]}")
        for worker in massacre.crew:
            worker.stop()
        dead = sum(one.state == "dead" for one in kept.values())
        return f"{len(kept)} jobs, {dead} dead, {len(told)} told, each once, {massacre.kills} kills"


def _hooks_are_quiet(world: World) -> bool:
    counts = json.loads(world.ok("status", "--json"))["hooks"]
    return not any(counts[state] for state in OPEN_STATES)


def _told(world: World) -> list[tuple[str, str]]:
    """Return the job and the event of each run of a hook, as the queue has it."""
    runs = world.ok("list", "--json", "--queue", ".hooks").splitlines()
    events = [json.loads(json.loads(run)["input"]) for run in runs]
    return [(event["job"]["id"], event["event"]) for event in events]
