"""What is not well with schedules, told before it matters: each finding is a line to act on."""

from __future__ import annotations

import os
from itertools import pairwise

from queuectl_core import cron, zones
from queuectl_core.durations import UNITS_MS, format_duration, format_moment
from queuectl_core.errors import BadData
from queuectl_core.lifecycle import State
from queuectl_core.records import Record
from queuectl_core.services import queues, schedules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from queuectl_core.job import Job
    from queuectl_core.schedule import Schedule
    from queuectl_core.storage.records import WorkerRow
    from queuectl_core.storage.store import Store

FORESEEN_MS = 400 * UNITS_MS["d"]
_NEAR_MS = 4 * UNITS_MS["h"]


class Finding(Record):
    """One thing about a schedule. `kind` never changes; `grave`: its jobs may not come, or fail."""

    name: str
    kind: str
    text: str
    grave: bool = True


def findings(store: Store, found: Sequence[Schedule], *, now_ms: int) -> list[Finding]:
    """Return what is not well, by schedule."""
    workers = [one for one in store.workers() if one.alive and one.takes_jobs]
    return [one for each in found for one in _of_one(store, each, workers, now_ms)]


def record(one: Finding) -> dict[str, object]:
    """Return what the world sees of a finding."""
    return one._asdict()


def _of_one(
    store: Store, one: Schedule, workers: Sequence[WorkerRow], now_ms: int
) -> Iterator[Finding]:
    yield from _lateness(one, now_ms)
    yield from _command(one)
    history = schedules.results(store, one.name)
    yield from _results(one, history)
    if one.paused_at_ms is not None:
        why = f" ({one.pause_reason})" if one.pause_reason else ""
        yield Finding(one.name, "paused", f"paused by {one.paused_by}{why}", grave=False)
        return
    yield from _service(store, one, workers)
    try:
        yield from _times(one, history, now_ms)
    except BadData as error:
        yield Finding(one.name, "zone", f"{error}; it makes no jobs")


def _lateness(one: Schedule, now_ms: int) -> Iterator[Finding]:
    if one.is_late(now_ms):
        last = "ever" if one.ok_at_ms is None else f"since {format_moment(one.ok_at_ms)}"
        limit = format_duration(one.definition.expect_ms or 0)
        yield Finding(one.name, "late", f"no success {last}; one is expected every {limit}")


def _command(one: Schedule) -> Iterator[Finding]:
    job = one.definition.job
    if job.cwd is not None and not os.path.isdir(job.cwd):
        yield Finding(one.name, "directory", f"{job.cwd} is not there")
    word = job.argv[0] if job.argv else (job.command or "").split(maxsplit=1)[0]
    if word.startswith("/") and not os.path.exists(word) and not _has_signs(word):
        yield Finding(one.name, "command", f"{word} is not there")
    elif job.argv and "/" not in word and not _is_in_path(word):
        text = f"{word} is not in your PATH; the worker's may have it"
        yield Finding(one.name, "command", text, grave=False)


def _is_in_path(word: str) -> bool:
    places = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return any(os.access(os.path.join(place, word), os.X_OK) for place in places)


def _has_signs(word: str) -> bool:
    """Tell a word that a shell would change from the name of a file."""
    return not set(word).isdisjoint("$*?;&|<>()`'\"\\{}[]~")


def _service(store: Store, one: Schedule, workers: Sequence[WorkerRow]) -> Iterator[Finding]:
    queue = one.definition.job.queue
    if not workers:
        yield Finding(one.name, "no_worker", "no worker runs: queuectl worker start")
    elif not any(row.queues is None or queue in row.queues for row in workers):
        text = f"no worker serves its queue: queuectl worker start --queue {queue}"
        yield Finding(one.name, "not_served", text)
    for stop in queues.pauses_of(store, queue)[:1]:
        yield Finding(one.name, "queue_paused", f"queue {queue} is paused by {stop.by}")


def _results(one: Schedule, history: Sequence[Job]) -> Iterator[Finding]:
    ended = [job for job in history if job.state in {State.COMPLETED, State.DEAD}]
    if ended and ended[0].state is State.DEAD:
        text = f"its last job is dead: queuectl show {ended[0].name}"
        yield Finding(one.name, "failed", text, grave=False)


def _times(one: Schedule, history: Sequence[Job], now_ms: int) -> Iterator[Finding]:
    made = one.definition
    zones.zone(made.zone)
    if one.next_at_ms is None:
        yield Finding(one.name, "over", "it is over: no time is left", grave=False)
        return
    coming = made.next_after(now_ms)
    if coming is not None and coming.at_ms < one.next_at_ms and (one.last_at_ms or 0) > now_ms:
        text = f"the clock was set back; to go on now: queuectl schedule edit {made.name}"
        yield Finding(one.name, "clock", text)
    yield from _overlaps(one, history)
    yield from _changes(one, now_ms)


def _overlaps(one: Schedule, history: Sequence[Job]) -> Iterator[Finding]:
    """Compare how long runs take with the shortest time between the next few."""
    spans_ms = [job.duration_ms for job in history if job.duration_ms is not None]
    times = [one.next_at_ms or 0]
    times += [fire.at_ms for fire, _ in zip(one.definition.fires(times[0]), range(9), strict=False)]
    gaps_ms = [late - early for early, late in pairwise(times)]
    if spans_ms and gaps_ms and max(spans_ms) > min(gaps_ms):
        text = (
            f"a run took {format_duration(max(spans_ms))}, and"
            f" {format_duration(min(gaps_ms))} lie between two; --overlap {one.definition.overlap}"
        )
        yield Finding(one.name, "overlap", text, grave=False)


def _changes(one: Schedule, now_ms: int) -> Iterator[Finding]:
    """Tell of the times in the year to come that the clocks skip or show twice."""
    rule = one.definition.rule
    if not isinstance(rule, cron.WallClock) or rule.passes:
        return
    for change_ms in rule.changes(now_ms, now_ms + FORESEEN_MS):
        near = one.definition.fires(change_ms - _NEAR_MS, change_ms + _NEAR_MS)
        fire = next((fire for fire in near if fire.note), None)
        if fire is not None:
            at = schedules.in_zone(one, fire.at_ms)
            yield Finding(
                one.name, fire.note or "", f"by the clocks; it comes at {at}", grave=False
            )
