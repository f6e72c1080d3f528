"""The ledger that jobs write and the set arithmetic that judges it. Pure: no processes, no files.

A job appends one line at its start and one at its end, each with one write(2) to a file opened with
O_APPEND, so the order of the lines is the order of the events, whatever died in between. The client
notes what was acknowledged. What the sets below must not contain is what Jepsen's set and queue
checkers look for (https://github.com/jepsen-io/jepsen, jepsen.checker).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

START, END = "start", "end"
FINAL = frozenset(("completed", "dead", "cancelled"))
POISON_CRASHES = 3


@dataclass(frozen=True, slots=True)
class Line:
    """One line: `at_s` is the time since boot in seconds, which no change of the clock moves."""

    what: str
    job: str
    attempt: int
    pid: int
    at_s: float


@dataclass(frozen=True, slots=True)
class Kept:
    """What the queue itself says of a job in the end."""

    state: str
    attempts: int
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What the client knows: ids that were acknowledged, and those whose command was cut off."""

    acknowledged: frozenset[str]
    unsure: frozenset[str] = field(default_factory=frozenset)
    doomed: frozenset[str] = field(default_factory=frozenset)
    """Acknowledged jobs that are meant to end as dead."""


def line_of_shell(path: str, what: str) -> str:
    """Return the shell commands that append one line; no process is started for it."""
    values = f"{what} $QUEUECTL_JOB_ID $QUEUECTL_ATTEMPT $$ $t"
    return f'read t _ </proc/uptime; echo "{values}" >>{path}'


def traced(path: str, body: str = ":") -> str:
    """Return a shell line that notes its start, does `body`, and notes its end if that went well.

    `body` must be one command list that may be grouped by braces.
    """
    return f"{line_of_shell(path, START)}; {{ {body}; }} && {{ {line_of_shell(path, END)}; }}"


def parse(text: str) -> list[Line]:
    """Return the lines, in order. ValueError for one that no job can have written."""
    lines = []
    for row in text.splitlines():
        what, job, attempt, pid, at_s = row.split()
        if what not in {START, END}:
            raise ValueError(row)
        lines.append(Line(what, job, int(attempt), int(pid), float(at_s)))
    return lines


def judge(
    lines: Sequence[Line],
    asked: Asked,
    kept: Mapping[str, Kept],
    seen_completed: Mapping[str, float] | None = None,
) -> dict[str, list[str]]:
    """Return the violations: the name of each set that is not empty, with its jobs.

    `kept` is the queue's own record after all work was done. `seen_completed` says when (time since
    boot) the client saw a job as completed while the others still ran.
    """
    sets = {
        "lost": _lost(lines, asked, kept),
        "phantom": _phantom(lines, asked, kept),
        "same attempt started twice": _twice(lines),
        "run after completed": _after(lines, kept, seen_completed or {}),
        "overlapping attempts": _overlapping(lines),
        "not final": {job for job, one in kept.items() if one.state not in FINAL},
        "completed without an end": _hollow(lines, kept),
        "dead without a cause": _dead(asked, kept),
        "more starts than the queue counts": _uncounted(lines, kept),
    }
    return {name: sorted(jobs) for name, jobs in sets.items() if jobs}


def _lost(lines: Iterable[Line], asked: Asked, kept: Mapping[str, Kept]) -> set[str]:
    """Acknowledged, but never ended; or no longer in the queue."""
    ended = {line.job for line in lines if line.what == END}
    buried = {job for job, one in kept.items() if one.state == "dead"}  # judged by _dead
    return set(asked.acknowledged - ended - buried) | (asked.acknowledged - kept.keys())


def _phantom(lines: Iterable[Line], asked: Asked, kept: Mapping[str, Kept]) -> set[str]:
    """Ran or stands in the queue, but nobody ever asked for it."""
    return {line.job for line in lines}.union(kept) - asked.acknowledged - asked.unsure


def _twice(lines: Iterable[Line]) -> set[str]:
    starts = Counter((line.job, line.attempt) for line in lines if line.what == START)
    return {job for (job, _), count in starts.items() if count > 1}


def _after(
    lines: Iterable[Line], kept: Mapping[str, Kept], seen_completed: Mapping[str, float]
) -> set[str]:
    """Find what started again after the queue had it completed.

    Not: after its end was noted. A worker may die between a job's end and its record; that is the
    promise of at least once.
    """
    return {
        line.job
        for line in lines
        if line.what == START and line.at_s > seen_completed.get(line.job, float("inf"))
    } | {
        line.job
        for line in lines
        if (one := kept.get(line.job)) and one.state == "completed" and line.attempt > one.attempts
    }


def _overlapping(lines: Iterable[Line]) -> set[str]:
    """Find attempts that wrote after a later one had started: their processes were not ended."""
    newest: dict[str, int] = {}
    found = set()
    for line in lines:
        if line.attempt < newest.get(line.job, 0):
            found.add(line.job)
        newest[line.job] = max(line.attempt, newest.get(line.job, 0))
    return found


def _hollow(lines: Iterable[Line], kept: Mapping[str, Kept]) -> set[str]:
    ended = {(line.job, line.attempt) for line in lines if line.what == END}
    completed = {(job, one.attempts) for job, one in kept.items() if one.state == "completed"}
    return {job for job, _ in completed - ended}


def _dead(asked: Asked, kept: Mapping[str, Kept]) -> set[str]:
    """Dead, though it was not meant to be; a job that was there at three crashes may be."""
    dead = {job: one for job, one in kept.items() if one.state == "dead"}
    poisoned = {
        job
        for job, one in dead.items()
        if one.reason == "poison" and one.attempts >= POISON_CRASHES
    }
    return dead.keys() - asked.doomed - poisoned


def _uncounted(lines: Iterable[Line], kept: Mapping[str, Kept]) -> set[str]:
    """Find attempt numbers beyond the starts that the queue recorded."""
    counted = {job: one.attempts for job, one in kept.items()}
    return {line.job for line in lines if line.attempt > counted.get(line.job, line.attempt)}


def waits(lines: Sequence[Line], pids: Iterable[int], killed_at_s: float) -> list[float]:
    """Return how many seconds each run of `pids` that lost its worker waited for its next start.

    Runs that had ended by then, or did not start again, are not in it.
    """
    runs = {line.pid: (line.job, line.attempt) for line in lines if line.what == START}
    ends = {(line.job, line.attempt): line.at_s for line in lines if line.what == END}
    starts = {(line.job, line.attempt): line.at_s for line in lines if line.what == START}
    found = []
    for pid in pids:
        job, attempt = runs.get(pid, ("", 0))
        again_at_s = starts.get((job, attempt + 1))
        if again_at_s is not None and ends.get((job, attempt), again_at_s) >= killed_at_s:
            found.append(max(0.0, again_at_s - killed_at_s))
    return found
