"""What a ticker does with a schedule that is due."""

from __future__ import annotations

import pytest

from queuectl_core import schedule
from queuectl_core.schedule import Definition, Schedule
from tests.builders import MINUTE_MS, NOW_MS, new_job

HOUR_MS = 60 * MINUTE_MS
TOP_MS = NOW_MS - NOW_MS % HOUR_MS
"""The last full hour."""


def define(when="0 * * * *", **fields):
    return Definition("nightly", when, "UTC", new_job(), TOP_MS, **fields)


def kept(definition, after_ms=TOP_MS, *, chance=0.0):
    due = schedule.upcoming(definition, after_ms, host="h", chance=lambda: chance)
    usual = dict.fromkeys(Schedule._fields)
    return Schedule(**(usual | {"definition": definition, "missed": 0, **due._asdict()}))


def tick(one, now_ms):
    return schedule.tick(one, now_ms=now_ms, host="h", chance=lambda: 0.0)


def test_a_time_that_has_come_makes_one_job_and_the_next_one_is_waited_for():
    done = tick(kept(define()), TOP_MS + HOUR_MS + 5)

    assert done.fires == (TOP_MS + HOUR_MS,)
    assert done.due.next_at_ms == TOP_MS + 2 * HOUR_MS
    assert done.missed == 0


@pytest.mark.parametrize(
    ("catch_up", "window_ms", "hours"),
    [("last", None, [8]), ("none", None, []), ("all", None, [1, 2, 3, 4, 5, 6, 7, 8]),
     ("all", 3 * HOUR_MS, [6, 7, 8])],
)  # fmt: skip
def test_after_eight_hours_of_sleep_the_rule_on_catching_up_decides(catch_up, window_ms, hours):
    definition = define(catch_up=catch_up, catch_up_ms=window_ms)

    done = tick(kept(definition), TOP_MS + 8 * HOUR_MS + 30 * MINUTE_MS)

    assert [(at_ms - TOP_MS) // HOUR_MS for at_ms in done.fires] == hours
    assert done.missed == 8 - len(hours)
    assert done.due.next_at_ms == TOP_MS + 9 * HOUR_MS


def test_a_worker_that_is_away_for_less_than_a_minute_misses_nothing():
    done = tick(kept(define(catch_up="none")), TOP_MS + HOUR_MS + 59_000)

    assert done.fires == (TOP_MS + HOUR_MS,)


@pytest.mark.parametrize("catch_up", schedule.CATCH_UPS)
def test_times_of_the_last_seconds_are_on_time(catch_up):
    definition = define("every 1s", catch_up=catch_up)

    done = tick(kept(definition), TOP_MS + 3_500)

    assert done.fires == (TOP_MS + 1_000, TOP_MS + 2_000, TOP_MS + 3_000)


def test_very_many_are_made_in_portions_and_none_is_lost():
    one, made = kept(define("every 1s", catch_up="all")), []
    now_ms = TOP_MS + 250_400

    while one.due_at_ms <= now_ms:
        done = tick(one, now_ms)
        assert done.missed == 0
        made += done.fires
        one = one._replace(**done.due._asdict())

    assert made == [TOP_MS + 1_000 * second for second in range(1, 251)]


def test_a_year_without_a_worker_is_no_work():
    done = tick(kept(define("* * * * * *")), TOP_MS + 365 * 24 * HOUR_MS)

    assert len(done.fires) <= 6
    assert done.missed == schedule.MOST_COUNTED


def test_spread_is_the_same_each_time_and_another_on_another_machine():
    definition = define(spread_ms=HOUR_MS // 2)
    delays = {definition.spread_delay_ms(f"host-{number}") for number in range(20)}

    assert len(delays) > 15
    assert all(0 <= delay_ms < HOUR_MS // 2 for delay_ms in delays)
    assert definition.spread_delay_ms("a") == definition.spread_delay_ms("a")
    one = kept(definition)
    assert one.due_at_ms == one.next_at_ms + definition.spread_delay_ms("h")
    assert tick(one, one.due_at_ms).fires == (one.next_at_ms,)


@pytest.mark.parametrize("catch_up", schedule.CATCH_UPS)
def test_jitter_makes_a_job_late_and_loses_none(catch_up):
    one = kept(define(jitter_ms=HOUR_MS // 2, catch_up=catch_up), chance=0.9)

    assert one.due_at_ms == one.next_at_ms + 27 * MINUTE_MS
    assert tick(one, one.due_at_ms).fires == (one.next_at_ms,)


def test_nothing_comes_before_its_start_or_after_its_end():
    definition = define(start_at_ms=TOP_MS + 2 * HOUR_MS, end_at_ms=TOP_MS + 3 * HOUR_MS)

    first = kept(definition)
    assert first.next_at_ms == TOP_MS + 2 * HOUR_MS
    done = tick(first, TOP_MS + 2 * HOUR_MS)
    last = first._replace(**done.due._asdict())
    assert last.next_at_ms == TOP_MS + 3 * HOUR_MS
    assert tick(last, TOP_MS + 9 * HOUR_MS).fires == (TOP_MS + 3 * HOUR_MS,)
    assert tick(last, TOP_MS + 9 * HOUR_MS).due == schedule.NEVER


@pytest.mark.parametrize(
    ("fields", "late"),
    [({}, False), ({"expect_at_ms": NOW_MS + 1}, False), ({"expect_at_ms": NOW_MS}, True),
     ({"late_at_ms": 1}, True)],
)  # fmt: skip
def test_a_schedule_is_late_from_the_moment_on_whether_noted_or_not(fields, late):
    assert kept(define())._replace(**fields).is_late(NOW_MS) is late
