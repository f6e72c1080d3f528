"""Jobs a second: `sh -c true` with full history at synchronous=FULL, beside xargs and peers."""

from __future__ import annotations

import statistics
import sys
from functools import partial
from typing import TYPE_CHECKING

import bench_peers
from bench_rounds import Row, Sample, cpu_ms, figures, ratios
from bench_world import QUEUECTL, fresh_home, opened, queuectl, timed

from queuectl_core.services.listing import pages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench_peers import Peer
    from bench_rounds import Column, Plan

GOALS = {1: ">= 0.85", 2: ">= 0.85", 4: ">= 1.05", 8: ">= 1.10"}
CPU_GOAL = "<= 1.15"


def jobs(plan: Plan) -> Iterator[Row]:
    """Run short jobs, xargs -P in the same rounds; from the first start to the last end."""
    count = plan.pick(500, 2000)
    idle_s = _empty_worker_cpu_s()
    for width in GOALS:
        taken = plan.rounds(
            plan.pick(3, 5),
            {
                "queuectl": partial(drain, count, width, idle_s),
                "xargs": partial(bench_peers.xargs, count, width),
            },
        )
        yield from _rows(width, taken["queuectl"], taken["xargs"])


def _rows(width: int, own: Column, theirs: Column) -> Iterator[Row]:
    group, of = _group(width), f"xargs -P{width}"
    yield Row(group, of, "none", "jobs/s", figures(theirs), cpu_ms=cpu_ms(theirs))
    rates = figures(own)
    against = ratios(rates, figures(theirs))
    yield Row(
        group,
        "queuectl",
        "FULL",
        "jobs/s",
        rates,
        of,
        against,
        cpu_ms=cpu_ms(own),
        goal=GOALS[width],
    )
    cpu = cpu_ms(own)
    cpu_ratios = ratios(cpu, cpu_ms(theirs))
    yield Row(group, "queuectl, CPU of a job", "FULL", "ms", cpu, of, cpu_ratios, goal=CPU_GOAL)


def _group(width: int) -> str:
    return f"{width} at a time"


def drain(count: int, width: int, idle_s: float = 0.0) -> Sample:
    """Return the jobs a second of a whole queue; of its CPU, `idle_s` is not the jobs'."""
    with fresh_home() as home:
        queuectl("enqueue", "--stdin", given="true\n" * count)
        _, cpu = timed([QUEUECTL, "worker", "start", "--count", str(width), "--drain"])
        store = opened(home)
        done = [job for page in pages(store) for job in page if job.state == "completed"]
        store.close()
    if len(done) != count:
        sys.exit(f"bench: {len(done)} of {count} jobs are completed")
    first = min(job.started_at_ms or 0 for job in done)
    last = max(job.finished_at_ms or 0 for job in done)
    return Sample(count / (last - first) * 1000, (cpu - idle_s) * 1000 / count)


def _empty_worker_cpu_s() -> float:
    """Return the CPU of a worker that finds nothing to do: start-up and stop."""
    with fresh_home():
        queuectl("enqueue", "true")
        words = [QUEUECTL, "worker", "start", "--count", "1", "--drain"]
        return statistics.median(timed(words)[1] for _ in range(3))


def peers(plan: Plan) -> Iterator[Row]:
    """Run short jobs by everybody's means, all in the same rounds."""
    here = bench_peers.had(plan)
    idle_s = _empty_worker_cpu_s()
    for width in (2,) if plan.quick else GOALS:
        measures = {"xargs": partial(bench_peers.xargs, plan.pick(300, 1000), width)}
        measures["queuectl"] = partial(drain, plan.pick(300, 1000), width, idle_s)
        able = [peer for peer in here if width in peer.widths]
        measures |= {_key(peer): _measure(plan, peer, width) for peer in able}
        taken = plan.rounds(plan.pick(1, 3), measures)
        yield from _peer_rows(width, able, taken)


def _key(peer: Peer) -> str:
    return f"{peer.what} {peer.durability}"


def _measure(plan: Plan, peer: Peer, width: int) -> partial[Sample]:
    return partial(peer.drain, min(peer.most, plan.pick(100, 1000)), width)


def _peer_rows(width: int, able: list[Peer], taken: dict[str, Column]) -> Iterator[Row]:
    group, of = _group(width), f"xargs -P{width}"
    base = taken["xargs"]
    yield Row(group, of, "none", "jobs/s", figures(base), cpu_ms=cpu_ms(base))
    known = [("queuectl", "FULL", taken["queuectl"])]
    known += [(peer.what, peer.durability, taken[_key(peer)]) for peer in able]
    for what, durability, column in known:
        against = ratios(figures(column), figures(base))
        yield Row(
            group, what, durability, "jobs/s", figures(column), of, against, cpu_ms=cpu_ms(column)
        )
