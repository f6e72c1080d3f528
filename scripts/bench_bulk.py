"""Many jobs at once: NDJSON lines on standard input, all of them on disk at the end."""

from __future__ import annotations

import json
import sys
from functools import partial
from typing import TYPE_CHECKING

import bench_peers
from bench_rounds import Row, Sample, cpu_ms, figures, ratios
from bench_world import QUEUECTL, fresh_folder, fresh_home, queuectl, rate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench_rounds import Plan

ALIKE = "queuectl enqueue --stdin, lines all alike"
DIFFERENT = "the same, all different"
LIBRARIES = {
    "litequeue, one transaction | FULL": ("litequeue:full", 100_000),
    "huey, task by task | OFF": ("huey", 20_000),
    "huey, task by task | FULL": ("huey:full", 5_000),
    "persist-queue, put by put | FULL": ("persist-queue:full", 5_000),
}
"""The fastest way of each, and how many jobs."""


def bulk(plan: Plan) -> Iterator[Row]:
    """Add many jobs in one process."""
    count = plan.pick(30_000, 300_000)
    lines = {
        ALIKE: '{"command":"true","priority":5}\n' * count,
        DIFFERENT: "".join(
            f'{{"command":"echo {n}","priority":{n * 7 % 10 + 1}}}\n' for n in range(count)
        ),
    }
    measures: dict[str, Callable[[], Sample]] = {
        what: partial(_ours, text.encode(), count) for what, text in lines.items()
    }
    measures |= {
        what: partial(_theirs, peer, plan.pick(many // 10, many))
        for what, (peer, many) in LIBRARIES.items()
    }
    taken = plan.rounds(plan.pick(1, 5), measures)
    base = taken.pop(ALIKE)
    yield Row("", ALIKE, "FULL", "jobs/s", figures(base), cpu_ms=cpu_ms(base), goal=">= 250,000")
    for what, column in taken.items():
        name, _, durability = what.partition(" | ")
        against = ratios(figures(column), figures(base))
        yield Row(
            "",
            name,
            durability or "FULL",
            "jobs/s",
            figures(column),
            "the first row",
            against,
            cpu_ms=cpu_ms(column),
        )


def _ours(lines: bytes, count: int) -> Sample:
    """Time the whole process, and count what came of it."""
    with fresh_home():
        found = rate(count, [QUEUECTL, "enqueue", "--stdin"], lines)
        added = json.loads(queuectl("status", "--json"))["pending"]
        last = json.loads(queuectl("list", "--json", "--limit", "1"))["number"]
    if (added, last) != (count, count):
        sys.exit(f"bench: {added} jobs counted, the last one is number {last}, not {count}")
    return found


def _theirs(peer: str, count: int) -> Sample:
    """Time the adding alone, without the start of its process."""
    with fresh_folder() as folder:
        found = bench_peers.loops("bulk", peer, folder, str(count))
    return Sample(count / found["span_s"], found["cpu_s"] * 1000 / count)
