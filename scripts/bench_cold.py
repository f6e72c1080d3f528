"""Whole processes: a cron line is one. And the size of the file that each of them unpacks."""

from __future__ import annotations

import os
import shutil
import sys
from functools import partial
from typing import TYPE_CHECKING

import bench_peers
from bench_rounds import Row, Sample, cpu_ms, figures, ratios
from bench_world import PYTHON, QUEUECTL, SOURCE, fresh_folder, fresh_home, queuectl, wall_ms

from queuectl_core.cli import anatomy, usage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench_rounds import Column, Plan

    Measures = dict[str, partial[Sample]]

JSON_JOB = '{"command":"true"}'
BARE = "python -I -c pass"
SERVING = ("worker start", "up", "top", "web", "run")
"""Verbs that serve, or wait for a program."""


def size(_plan: Plan) -> Iterator[Row]:
    """Weigh the executable."""
    megabytes = os.path.getsize(QUEUECTL) / 1e6
    yield Row("", "the executable on disk", "", "MB", [megabytes], goal="<= 15")


def cold(plan: Plan) -> Iterator[Row]:
    """Add one job by a process of its own, and ask for the counts."""
    with fresh_home(), fresh_folder() as folder:
        queuectl("enqueue", "true")
        bare = {BARE: partial(wall_ms, PYTHON)}
        measures = bare | _ours() | _theirs(plan, folder)
        taken = plan.rounds(plan.pick(5, 30), measures)
    base = taken.pop(BARE)
    yield Row("", BARE, "", "ms", figures(base), cpu_ms=cpu_ms(base))
    for what, column in taken.items():
        yield _cold_row(what, column, base)


def _cold_row(what: str, column: Column, base: Column) -> Row:
    name, _, durability = what.partition(" | ")
    goal = "<= 3.0" if name == "enqueue '{...}'" else ""
    against = ratios(figures(column), figures(base))
    return Row(
        "",
        name,
        durability,
        "ms",
        figures(column),
        BARE,
        against,
        cpu_ms=cpu_ms(column),
        goal=goal,
    )


def _ours() -> Measures:
    in_memory = {**os.environ, "TMPDIR": "/dev/shm"}
    add = ["enqueue", JSON_JOB]
    return {
        "enqueue '{...}' | FULL": partial(wall_ms, [QUEUECTL, *add]),
        "the same, TMPDIR in memory | FULL": partial(wall_ms, [QUEUECTL, *add], in_memory),
        "the same, from source | FULL": partial(wall_ms, [*SOURCE, *add]),
        "enqueue -p 9 -- CMD | FULL": partial(
            wall_ms, [QUEUECTL, "enqueue", "-p", "9", "--", "true"]
        ),
        "status": partial(wall_ms, [QUEUECTL, "status"]),
    }


def _theirs(plan: Plan, folder: Path) -> Measures:
    """Return how each peer adds a job; task-spooler's server runs, with one that blocks it."""
    found: Measures = {}
    tsp_env = {**os.environ, "TS_SOCKET": f"{folder}/socket"}
    nq_env = {**os.environ, "NQDIR": str(folder)}
    programs = {
        "task-spooler: tsp true": ("tsp", ["tsp", "-n", "true"], tsp_env),
        "nq true": ("nq", ["nq", "-q", "true"], nq_env),
    }
    for what, (program, words, env) in programs.items():
        if shutil.which(program) is None:
            plan.leave_out(what, f"{program} is not installed")
        else:
            found[f"{what} | none"] = partial(wall_ms, words, env)
    script = [*bench_peers.LOOPS, "enqueue"]
    for peer, durability in (("huey", "FULL"), ("litequeue", "NORMAL"), ("persist-queue", "FULL")):
        words = [*script, f"{peer}:full" if durability == "FULL" else peer, str(folder)]
        found[f"a script with {peer} | {durability}"] = partial(wall_ms, words)
    spool = os.path.join(os.path.dirname(sys.executable), "spoolctl")
    words = [spool, "add", "--db", f"{folder}/spool.db", "--", "true"]
    found["spoolctl add -- true | NORMAL"] = partial(wall_ms, words)
    return found


def verbs(plan: Plan) -> Iterator[Row]:
    """Start every verb that ends by itself, as a ratio to `status`."""
    with fresh_home() as home:
        queuectl("enqueue", "--id", "job1", "true")
        lines = {verb: _cheap(verb, home.parent) for verb in usage.VERBS if verb not in SERVING}
        measures = {verb: partial(wall_ms, [QUEUECTL, *words]) for verb, words in lines.items()}
        taken = plan.rounds(plan.pick(2, 15), measures)
    base = taken["status"]
    for verb, column in taken.items():
        against = ratios(figures(column), figures(base))
        yield Row("", verb, "", "ms", figures(column), "status", against, goal="<= 1.3")


def _cheap(verb: str, folder: Path) -> list[str]:
    """Return a command line of the verb that does next to nothing, whatever its answer is."""
    words = {
        "enqueue": ["--dry-run", "--", "true", "x"],
        "wait": ["--timeout", "0"],
        "worker stop": ["--timeout", "0"],
        "service install": ["--dry-run"],
        "service uninstall": ["--dry-run"],
        "config set": ["max-retries", "3"],
        "backup": ["--force", str(folder / "copy.db")],
        "restore": [str(folder / "nothing.db")],
    }.get(verb, [])
    stand_ins = {"<id>": "job1", "<key>": "max-retries", "<shell>": "bash"}
    if verb != "config set":  # has its arguments
        places = anatomy.placeholders(verb)
        words = [*words, *(stand_ins[name] for name in places if name in stand_ins)]
    return [*verb.split(), *words]
