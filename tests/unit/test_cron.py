"""When schedules come due: tables around changes of the clocks, and two independent judges."""

from __future__ import annotations

import random
import warnings
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter
from hypothesis import given
from hypothesis import strategies as st

from queuectl_core import cron
from queuectl_core.durations import format_moment
from queuectl_core.errors import BadData
from tests.builders import NOW_MS


def ms(text):
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def times(when, zone, since, count):
    rule = cron.parse(when, zone, anchor_ms=ms(since))
    found = islice(cron.fires(rule, ms(since)), count)
    return [(format_moment(fire.at_ms, ZoneInfo(zone))[5:], fire.note) for fire in found]


@pytest.mark.parametrize(
    ("when", "zone", "since", "expected"),
    [
        # spring: the hour from 02:00 is skipped
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T03:00+01:00", [
            ("03-29T03:00:00+02:00", "skipped"), ("03-30T02:30:00+02:00", None)]),
        ("0,30 2 * * *", "Europe/Berlin", "2026-03-28T03:00+01:00", [
            ("03-29T03:00:00+02:00", "skipped"), ("03-30T02:00:00+02:00", None)]),
        ("0 2,3 * * *", "Europe/Berlin", "2026-03-28T04:00+01:00", [
            ("03-29T03:00:00+02:00", "skipped"), ("03-30T02:00:00+02:00", None)]),
        ("30 * * * *", "Europe/Berlin", "2026-03-29T01:00+01:00", [
            ("03-29T01:30:00+01:00", None), ("03-29T03:30:00+02:00", None)]),
        ("30 2 * * *", "America/New_York", "2026-03-07T03:00-05:00", [
            ("03-08T03:00:00-04:00", "skipped"), ("03-09T02:30:00-04:00", None)]),
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T03:00+10:30", [
            ("10-04T02:30:00+11:00", "skipped"), ("10-05T02:15:00+11:00", None)]),
        ("51 * * * *", "Australia/Lord_Howe", "2026-10-04T01:00+10:30", [
            ("10-04T01:51:00+10:30", None), ("10-04T02:51:00+11:00", None)]),
        ("5 0 * * *", "Asia/Kathmandu", "1985-12-31T01:00+05:30", [
            ("01-01T00:15:00+05:45", "skipped"), ("01-02T00:05:00+05:45", None)]),
        ("0 0 * * *", "Asia/Kathmandu", "2026-03-29T00:00+05:45", [
            ("03-30T00:00:00+05:45", None), ("03-31T00:00:00+05:45", None)]),
        # autumn: the hour from 02:00 (New York 01:00, Lord Howe half of one from 01:30) comes twice
        ("30 2 * * *", "Europe/Berlin", "2026-10-24T03:00+02:00", [
            ("10-25T02:30:00+02:00", "repeated"), ("10-26T02:30:00+01:00", None)]),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T02:10+01:00", [
            ("10-26T02:30:00+01:00", None)]),
        ("0 */2 * * *", "Europe/Berlin", "2026-10-25T01:00+02:00", [
            ("10-25T02:00:00+02:00", "repeated"), ("10-25T04:00:00+01:00", None)]),
        ("30 * * * *", "Europe/Berlin", "2026-10-25T02:00+02:00", [
            ("10-25T02:30:00+02:00", "repeated"), ("10-25T02:30:00+01:00", "repeated"),
            ("10-25T03:30:00+01:00", None)]),
        ("30 1 * * *", "America/New_York", "2026-10-31T02:00-04:00", [
            ("11-01T01:30:00-04:00", "repeated"), ("11-02T01:30:00-05:00", None)]),
        ("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T02:00+11:00", [
            ("04-05T01:45:00+11:00", "repeated"), ("04-06T01:45:00+10:30", None)]),
        ("40 * * * *", "Australia/Lord_Howe", "2026-04-05T01:00+11:00", [
            ("04-05T01:40:00+11:00", "repeated"), ("04-05T01:40:00+10:30", "repeated"),
            ("04-05T02:40:00+10:30", None)]),
        # a whole day is skipped
        ("0 12 30 12 *", "Pacific/Apia", "2011-01-01T00:00-10:00", [
            ("12-31T00:00:00+14:00", "skipped"), ("12-30T12:00:00+14:00", None)]),
    ],
)  # fmt: skip
def test_what_the_clocks_skip_comes_after_the_gap_and_what_they_repeat_once(
    when, zone, since, expected
):
    assert times(when, zone, since, len(expected)) == expected


def field(rng, low, high):
    choice = rng.random()
    first = rng.randint(low, high)
    last = rng.randint(first, high)
    if choice < 0.3:
        return "*"
    if choice < 0.4:
        return f"{first}-{last}/{rng.randint(1, 7)}" if last > first else str(first)
    if choice < 0.55:
        return f"{first}-{last}" if last > first else str(first)  # croniter takes 8-8 for all
    if choice < 0.7:
        return ",".join(str(rng.randint(low, high)) for _ in range(3))
    return str(first)


def expression(rng, *, hours=None):
    return " ".join(
        [field(rng, 0, 59), hours or field(rng, 0, 23), field(rng, 1, 28), field(rng, 1, 12),
         field(rng, 0, 6)]
    )  # fmt: skip


def test_ten_thousand_random_expressions_come_due_as_croniter_says():
    """In UTC, where libraries have no other opinion on what is right."""
    warnings.simplefilter("ignore")
    rng = random.Random(20261124)
    for _ in range(10_000):
        when = expression(rng)
        start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=rng.randint(0, 2_000_000))
        rule = cron.parse(when, "UTC", anchor_ms=0)
        found = [fire.at_ms for fire in islice(cron.fires(rule, int(start.timestamp()) * 1000), 3)]

        other = croniter(when, start)

        assert found == [int(other.get_next(float)) * 1000 for _ in found], when
        assert len(found) == 3


@pytest.mark.parametrize(
    ("zone", "change"),
    [
        ("Europe/Berlin", "2026-03-29T01:00+00:00"),
        ("Europe/Berlin", "2026-10-25T01:00+00:00"),
        ("America/New_York", "2026-03-08T07:00+00:00"),
        ("America/New_York", "2026-11-01T06:00+00:00"),
        ("Australia/Lord_Howe", "2026-10-03T15:30+00:00"),
        ("Australia/Lord_Howe", "2026-04-04T15:00+00:00"),
        ("Asia/Kathmandu", "1985-12-31T18:30+00:00"),
    ],
)
def test_random_expressions_around_a_change_of_the_clocks_come_due_as_minutes_say(zone, change):
    """Judged minute by minute: by what the clocks show, and what they never showed or twice."""
    rng = random.Random(zone + change)
    begin = datetime.fromisoformat(change) - timedelta(hours=30)
    clocks = ZoneInfo(zone)
    shown = [(begin + timedelta(minutes=minute)).astimezone(clocks) for minute in range(1, 60 * 60)]
    for _ in range(150):
        hours = rng.choice(["*", None, None])
        when = " ".join([*expression(rng, hours=hours).split()[:2], "* * *"])
        rule = cron.parse(when, zone, anchor_ms=0)
        since_ms, until_ms = int(begin.timestamp()) * 1000, int(shown[-1].timestamp()) * 1000

        found = [fire.at_ms for fire in cron.fires(rule, since_ms, until_ms)]

        assert found == judged(rule, shown), (when, zone)


def judged(rule, shown):
    """Return the moments at which a rule comes due, by looking at each minute."""
    fields = rule._fields("")
    hit = lambda wall: wall.hour in fields.hours and wall.minute in fields.minutes  # noqa: E731
    if fields.hours == set(range(24)):
        return [int(wall.timestamp()) * 1000 for wall in shown if hit(wall)]
    moments, seen, last = set(), set(), shown[0].replace(tzinfo=None) - timedelta(minutes=1)
    for wall in shown:
        naive = wall.replace(tzinfo=None)
        owed = last + timedelta(minutes=1)
        while owed < naive:  # never shown
            if hit(owed):
                moments.add(int(wall.timestamp()) * 1000)
            owed += timedelta(minutes=1)
        if hit(naive) and naive not in seen:
            moments.add(int(wall.timestamp()) * 1000)
        seen.add(naive)
        last = max(last, naive)
    return sorted(moments)


@pytest.mark.parametrize(
    ("when", "next_at"),
    [
        ("@hourly", "2023-11-14T23:00"), ("@daily", "2023-11-15T00:00"),
        ("@midnight", "2023-11-15T00:00"), ("@weekly", "2023-11-19T00:00"),
        ("@monthly", "2023-12-01T00:00"), ("@yearly", "2024-01-01T00:00"),
        ("@ANNUALLY", "2024-01-01T00:00"), ("0 8 * * mon-fri", "2023-11-15T08:00"),
        ("0 8 * JAN,feb SUN", "2024-01-07T08:00"), ("0 0 29 2 *", "2024-02-29T00:00"),
        ("0 0 L * *", "2023-11-30T00:00"), ("0 0 * * 5#1", "2023-12-01T00:00"),
        ("*/20 15 22 * * *", "2023-11-14T22:15"), ("0 0 13 * FRI", "2023-11-17T00:00"),
        ("every 90s", "2023-11-14T22:14:50"), ("every 1h 30m", "2023-11-14T23:43:20"),
    ],
)  # fmt: skip
def test_forms_of_expressions(when, next_at):
    rule = cron.parse(when, "UTC", anchor_ms=NOW_MS)

    assert rule.after(NOW_MS).at_ms == ms(next_at + "+00:00")


@pytest.mark.parametrize(
    "when",
    ["", "* * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8",
     "*/0 * * * *", "5-1 * * * *", "a * * * *", "@never", "@reboot", "every",
     "every x", "every 500ms", "every 0s", "every 1500ms",
     "0 0 30 2 *", "* " * 200, "\udcff * * * *", "٣ * * * *"],
)  # fmt: skip
def test_what_is_no_expression_is_refused(when):
    with pytest.raises(BadData) as refusal:
        cron.parse(when, "UTC", anchor_ms=0)

    assert refusal.value.hint


def test_a_zone_that_is_not_there_is_refused_with_the_nearest_one():
    with pytest.raises(BadData) as refusal:
        cron.parse("@daily", "Europe/Berln", anchor_ms=0)

    assert refusal.value.hint == "did you mean Europe/Berlin?"


@given(st.integers(0, 4_000_000_000_000), st.integers(1, 400_000))
def test_a_span_comes_due_at_its_multiples_from_the_anchor_on(moment_ms, seconds):
    rule = cron.parse(f"every {seconds}s", "UTC", anchor_ms=NOW_MS)

    at_ms = rule.after(moment_ms).at_ms

    assert (at_ms - NOW_MS) % (seconds * 1000) == 0
    assert at_ms > max(moment_ms, NOW_MS)
    assert at_ms - max(moment_ms, NOW_MS) <= seconds * 1000


@given(st.integers(0, 4_000_000_000_000), st.sampled_from(["*/7 * * * *", "30 2 * * *", "@weekly"]),
       st.sampled_from(["Europe/Berlin", "Australia/Lord_Howe", "UTC"]))  # fmt: skip
def test_the_next_time_is_later_and_there_is_none_before_it(moment_ms, when, zone):
    rule = cron.parse(when, zone, anchor_ms=0)

    first = rule.after(moment_ms)

    assert first.at_ms > moment_ms
    assert rule.after(first.at_ms - 1) == first
    assert rule.after((moment_ms + first.at_ms) // 2) == first


@pytest.mark.parametrize("when", ["* * * * * *", "30 2 * * *", "@yearly", "every 7s"])
def test_the_newest_time_of_a_long_while_is_found_without_counting_all(when):
    rule = cron.parse(when, "Europe/Berlin", anchor_ms=0)
    until_ms = NOW_MS + 777
    year_ms = 366 * 86_400_000

    found = cron.newest(rule, until_ms - 5 * year_ms, until_ms)

    assert found.at_ms <= until_ms < rule.after(found.at_ms).at_ms
    assert cron.newest(rule, found.at_ms + 1, until_ms) is None
    assert cron.newest(rule, found.at_ms, until_ms) == found


def test_an_expression_is_written_with_single_blanks():
    assert cron.written(" 0  3 * *  1 ") == "0 3 * * 1"
    assert cron.written("EVERY 90") == "every 1m30s"
