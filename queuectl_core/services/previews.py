"""When schedules come due, told beforehand: of one expression, or of many schedules in order."""

from __future__ import annotations

from heapq import merge
from itertools import islice

from queuectl_core import cron, zones
from queuectl_core.durations import format_moment
from queuectl_core.errors import BadData
from queuectl_core.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from queuectl_core.schedule import Schedule


class Coming(Record):
    """One time of a schedule; `note` is cron.SKIPPED, cron.REPEATED or None."""

    at_ms: int
    name: str
    note: str | None
    zone: str


def coming(found: Sequence[Schedule], *, after_ms: int, count: int) -> list[Coming]:
    """Return the next `count` times of all these schedules; paused ones have none."""
    lists = [_times(one, after_ms) for one in found if one.paused_at_ms is None]
    return list(islice(merge(*lists), count))


def _times(one: Schedule, after_ms: int) -> Iterator[Coming]:
    made = one.definition
    if one.next_at_ms is not None:
        after_ms = max(after_ms, one.next_at_ms - 1)
    for fire in made.fires(after_ms):
        yield Coming(fire.at_ms, one.name, fire.note, made.zone)


def of_expression(when: str, zone: str | None, *, after_ms: int, count: int) -> list[Coming]:
    """Return the next times of an expression that is no schedule's."""
    name = zones.local_name() if zone is None else zone
    rule = cron.parse(when, name, anchor_ms=after_ms)
    shown = cron.written(when)
    fires = islice(cron.fires(rule, after_ms), count)
    return [Coming(fire.at_ms, shown, fire.note, name) for fire in fires]


def moment(one: Coming) -> str:
    """Return the time as the clocks of the zone show it."""
    try:
        return format_moment(one.at_ms, zones.zone(one.zone))
    except BadData:  # this machine does not have the zone
        return format_moment(one.at_ms)


def record(one: Coming) -> dict[str, object]:
    """Return what the world sees of it."""
    return {"name": one.name, "at": moment(one), "note": one.note}
