"""The scenario of schedules: one job for each time, though whoever ticks is killed."""

from __future__ import annotations

import json
import time
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING

from chaos_kills import Massacre
from chaos_world import Broken, World, eventually

if TYPE_CHECKING:
    from chaos_kills import Size

NAME = "s"
MOST_LATE_S = 5.0
"""What a ticker owes after the death of another: the lock is free at once, a look comes each
second, and a new worker needs a start."""


def ticks(size: Size) -> str:
    """SIGKILL of random parts of several workers while a schedule comes due each second."""
    kills = size.kills or size.of(8, 80)
    with World(size.binary) as world:
        world.ok(
            "schedule", "add", NAME, "every 1s", "--catch-up", "all", "--overlap", "allow",
            "--retries", "50", "--backoff", "fixed:0", "--", "true",
        )  # fmt: skip
        massacre = Massacre(world, size.rng)
        eventually(lambda: len(_jobs(world)) > 1, "the schedule makes jobs")
        while massacre.kills < kills:
            time.sleep(size.rng.uniform(0.2, 1.2))
            massacre.strike()
        massacre.revive()
        before = len(_jobs(world))
        eventually(lambda: len(_jobs(world)) > before + 1, "the schedule goes on")
        world.ok("schedule", "pause", NAME)
        world.await_quiet()
        jobs = _jobs(world)
        _expect_each_once([str(job["scheduled_at"]) for job in jobs])
        late_s = max(_late_s(job) for job in jobs)
        if late_s > MOST_LATE_S:
            raise Broken(f"a time had its job {late_s:.1f} s late")
        for worker in massacre.crew:
            worker.stop()
        return (
            f"{len(jobs)} times, {massacre.kills} kills, 0 without a job, 0 with two,"
            f" at most {late_s:.2f} s late"
        )


def _jobs(world: World) -> list[dict[str, object]]:
    return [json.loads(row) for row in world.ok("list", "--json", "--schedule", NAME).splitlines()]


def _expect_each_once(texts: list[str]) -> None:
    """Check that the times follow each other by a second."""
    times = sorted(round(datetime.fromisoformat(text).timestamp()) for text in texts)
    twice = [moment for moment, jobs in Counter(times).items() if jobs > 1]
    if twice:
        raise Broken(f"times with two jobs: {twice[:9]}")
    lost = sorted(set(range(times[0], times[-1] + 1)) - set(times))
    if lost:
        raise Broken(f"times without a job: {lost[:9]}")


def _late_s(job: dict[str, object]) -> float:
    made, due = (datetime.fromisoformat(str(job[name])) for name in ("created_at", "scheduled_at"))
    return (made - due).total_seconds()
