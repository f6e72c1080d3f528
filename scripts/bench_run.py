"""The parts of scripts/bench, in rounds that take turns; nothing here decides what is good."""

from __future__ import annotations

import argparse
import random
from typing import TYPE_CHECKING

import bench_bulk
import bench_cold
import bench_idle
import bench_jobs
import bench_machine
import bench_page
import bench_results
import bench_store
from bench_rounds import Plan, told
from bench_world import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench_rounds import Row

PARTS: dict[str, Callable[[Plan], Iterator[Row]]] = {
    part.__name__: part
    for part in (
        bench_cold.size,
        bench_cold.cold,
        bench_cold.verbs,
        bench_jobs.jobs,
        bench_jobs.peers,
        bench_bulk.bulk,
        bench_idle.wake,
        bench_idle.idle,
        bench_store.claim,
        bench_store.look,
        bench_store.pages,
        bench_store.growth,
    )
}


def main() -> None:
    """Run the parts that are named, or all; or write the page."""
    words = _words()
    if words.write:
        for path in bench_page.write():
            print(path.relative_to(ROOT))
        return
    seed = words.seed if words.seed is not None else random.SystemRandom().randrange(1_000_000)
    facts = bench_machine.facts() | {"seed": seed, "quick": words.quick}
    print(", ".join(f"{name} {value}" for name, value in facts.items()), flush=True)
    bench_machine.warn_when_busy()
    for name in words.part or PARTS:
        _measure(name, facts)


def _measure(name: str, facts: dict[str, object]) -> None:
    """Run a part and keep what came of it.

    Each has choices of its own: alone it replays as among all.
    """
    plan = Plan(f"{facts['seed']} {name}", quick=bool(facts["quick"]))
    load, fsync_us = bench_machine.load(), bench_machine.fsync_us()
    print(f"\n{name} (load {load}, a commit's sync {fsync_us} us)", flush=True)
    rows = []
    for row in PARTS[name](plan):
        rows.append(row)
        print(told(row), flush=True)
    after = {"load_before": load, "load_after": bench_machine.load()}
    after |= {"fsync_us_before": fsync_us, "fsync_us_after": bench_machine.fsync_us()}
    path = bench_results.keep(name, rows, facts | after | {"left_out": plan.left_out})
    print(f"a commit's sync {after['fsync_us_after']} us; kept in {path.relative_to(ROOT)}")


def _words() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("part", nargs="*", help=f"{', '.join(PARTS)}; none: all")
    parser.add_argument("--quick", action="store_true", help="small: all of it in three minutes")
    parser.add_argument("--seed", type=int, help="draw the order as a run that printed this seed")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md, no more")
    words = parser.parse_args()
    unknown = set(words.part) - PARTS.keys()
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    return words


if __name__ == "__main__":
    main()
