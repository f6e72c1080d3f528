"""What a schedule is, and what its ticker does with it at a moment: decided here, done in storage.

Pure: the moment, the host's name and chance are given.
"""

from __future__ import annotations

from itertools import islice
from zlib import crc32

from queuectl_core import cron
from queuectl_core.durations import LAST_MOMENT_MS
from queuectl_core.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from queuectl_core.cron import Fire, Rule
    from queuectl_core.job import NewJob

OVERLAPS = ("skip", "queue", "replace", "allow")
"""What may follow when the job before has not ended: none this time; one that waits for it; one in
its place; one beside it."""
CATCH_UPS = ("last", "none", "all")
"""What may follow when times passed without a ticker: one job for the last; none; one for each."""
ON_TIME_MS = 5_000
"""So late is on time: a worker that dies hands over its ticking within a second or two."""
LENIENT_MS = 60_000
"""So late may the last time be that even `none` runs: workers are restarted in the night, too."""
MOST_AT_ONCE = 100
"""Jobs of one schedule in one transaction; what is left comes with the next one."""
MOST_COUNTED = 1_000
"""Missed times that are counted one by one."""


class Definition(Record):
    """A schedule as a user asks for it, checked.

    `job` is what each time makes; `max_retries` None: the setting at that time; `expires_ms` counts
    from that time. `anchor_ms` is what spans of `every` are counted from. `catch_up_ms` None: all.
    """

    name: str
    when: str
    zone: str
    job: NewJob
    anchor_ms: int
    max_retries: int | None = None
    expires_ms: int | None = None
    overlap: str = OVERLAPS[0]
    catch_up: str = CATCH_UPS[0]
    catch_up_ms: int | None = None
    spread_ms: int = 0
    jitter_ms: int = 0
    start_at_ms: int | None = None
    end_at_ms: int | None = None
    expect_ms: int | None = None

    @property
    def rule(self) -> Rule:
        """When it comes due, but for its first and last day."""
        return cron.parse(self.when, self.zone, anchor_ms=self.anchor_ms)

    def next_after(self, moment_ms: int) -> Fire | None:
        """Return the first time after a moment; None: it is over."""
        return next(self.fires(moment_ms), None)

    def fires(self, after_ms: int, until_ms: int = LAST_MOMENT_MS) -> Iterator[Fire]:
        """Yield its times after one moment and up to another."""
        end_ms = until_ms if self.end_at_ms is None else min(until_ms, self.end_at_ms)
        begin_ms = after_ms if self.start_at_ms is None else max(after_ms, self.start_at_ms - 1)
        return cron.fires(self.rule, begin_ms, end_ms)

    def spread_delay_ms(self, host: str) -> int:
        """Return how much later than its times it is on a host: always the same."""
        if not self.spread_ms:
            return 0
        return crc32(f"{self.name}\0{host}".encode()) % self.spread_ms


class Schedule(Record):
    """A schedule as the queue keeps it.

    `next_at_ms` is its next time, `due_at_ms` the moment at which the ticker acts on it, later by
    spread and jitter; None: it is over or paused. `expect_at_ms` is when a success is late.
    """

    definition: Definition
    created_at_ms: int
    paused_at_ms: int | None
    paused_by: str | None
    pause_reason: str | None
    next_at_ms: int | None
    due_at_ms: int | None
    last_at_ms: int | None
    ok_at_ms: int | None
    expect_at_ms: int | None
    late_at_ms: int | None
    missed: int

    @property
    def name(self) -> str:
        """What people call it."""
        return self.definition.name

    def is_late(self, now_ms: int) -> bool:
        """Tell whether a success is missed, whether a ticker has noticed it or not."""
        overdue = self.expect_at_ms is not None and self.expect_at_ms <= now_ms
        return overdue or self.late_at_ms is not None


class Due(Record):
    """When a schedule comes due next: its time, and the moment of acting on it; None: never."""

    next_at_ms: int | None = None
    due_at_ms: int | None = None


NEVER = Due()


class NewSchedule(Record):
    """A schedule to add; where somebody paused it elsewhere, it is added so."""

    definition: Definition
    due: Due
    paused_by: str | None = None
    pause_reason: str | None = None


class Tick(Record):
    """What a ticker does with a schedule that is due: a job for each of `fires`, then wait on.

    `missed` times pass without one; MOST_COUNTED: or more. `lost_at_ms` is the first of them.
    """

    fires: tuple[int, ...]
    due: Due
    missed: int = 0
    lost_at_ms: int | None = None


def upcoming(
    definition: Definition, after_ms: int, *, host: str, chance: Callable[[], float]
) -> Due:
    """Return when a schedule comes due after a moment. `chance` gives numbers from 0 to 1."""
    found = definition.next_after(after_ms)
    if found is None:
        return NEVER
    delay_ms = definition.spread_delay_ms(host) + int(definition.jitter_ms * chance())
    return Due(found.at_ms, found.at_ms + delay_ms)


def tick(schedule: Schedule, *, now_ms: int, host: str, chance: Callable[[], float]) -> Tick:
    """Return what to do with a schedule whose `due_at_ms` has come."""
    definition = schedule.definition
    first_ms, due_ms = schedule.next_at_ms or now_ms, schedule.due_at_ms or now_ms
    last_ms = max(first_ms, now_ms - (due_ms - first_ms))  # all as late as the first by its delay
    fires = tuple(_made(definition, first_ms, last_ms))
    end_ms = fires[-1] if len(fires) == MOST_AT_ONCE else last_ms
    due = upcoming(definition, end_ms, host=host, chance=chance)
    lost = _lost(definition, first_ms, (fires[0] if fires else last_ms + 1) - 1)
    return Tick(fires, due, len(lost), lost[0] if lost else None)


def _made(definition: Definition, first_ms: int, last_ms: int) -> list[int]:
    """Return the times from the first to the last that are to have a job."""
    if definition.catch_up == "all":
        window_ms = definition.catch_up_ms
        since_ms = first_ms if window_ms is None else max(first_ms, last_ms - window_ms)
    else:
        since_ms = max(first_ms, last_ms - ON_TIME_MS)
    found = islice(definition.fires(since_ms - 1, last_ms), MOST_AT_ONCE)
    moments = [fire.at_ms for fire in found]
    if moments or definition.catch_up == "all":
        return moments
    return _newest(definition, first_ms, last_ms)


def _newest(definition: Definition, first_ms: int, last_ms: int) -> list[int]:
    """Return the last time of all that passed, if it is to be made up for."""
    end_ms = last_ms if definition.end_at_ms is None else min(last_ms, definition.end_at_ms)
    found = cron.newest(definition.rule, first_ms, end_ms)
    if found is None or (definition.catch_up == "none" and found.at_ms < last_ms - LENIENT_MS):
        return []
    return [found.at_ms]


def _lost(definition: Definition, first_ms: int, last_ms: int) -> list[int]:
    """Return the times that pass without a job, the first ones of very many."""
    return [fire.at_ms for fire in islice(definition.fires(first_ms - 1, last_ms), MOST_COUNTED)]
