"""Who ticks, when it looks again, and what it does about a schedule that can't be read."""

from __future__ import annotations

import logging
import os

import pytest

from queuectl_core import schedule, zones
from queuectl_core.errors import BadData
from queuectl_core.schedule import Definition, NewSchedule
from queuectl_core.worker.ticker import MEND_EVERY_MS, Ticker
from tests.builders import MINUTE_MS, NOW_MS, jobs_of, new_job

PAUSE_MS = 1_000
START_MS = NOW_MS - NOW_MS % MINUTE_MS


def put(store, name="s", when="* * * * *", zone="UTC", **fields):
    definition = Definition(name, when, zone, new_job(), START_MS, **fields)
    due = schedule.upcoming(definition, NOW_MS, host="h", chance=lambda: 0.0)
    store.schedules().put([NewSchedule(definition, due)], now_ms=NOW_MS)
    return due.due_at_ms


@pytest.fixture
def ticker(store, clock, tmp_path):
    made = Ticker(store, str(tmp_path / "logs"), clock, lambda: 0.0)
    yield made
    made.leave()


def look(ticker):
    return ticker.look(max_retries=3, pause_ms=PAUSE_MS)


def test_it_looks_again_at_the_very_moment_and_at_the_latest_after_a_pause(ticker, store, clock):
    assert look(ticker) == PAUSE_MS
    due_ms = put(store)

    assert look(ticker) == PAUSE_MS
    clock.advance(due_ms - NOW_MS - 300)
    assert look(ticker) == 300
    assert jobs_of(store) == []
    clock.advance(300)
    assert look(ticker) == PAUSE_MS

    assert [job.scheduled_at_ms for job in jobs_of(store)] == [due_ms]


def test_one_of_two_ticks_and_the_other_takes_over_when_it_leaves(ticker, store, clock, tmp_path):
    other = Ticker(store, str(tmp_path / "logs"), clock)
    put(store)
    assert look(ticker) == PAUSE_MS
    clock.advance(MINUTE_MS)

    assert look(other) == PAUSE_MS
    assert jobs_of(store) == []
    ticker.leave()
    look(other)

    assert len(jobs_of(store)) == 1
    other.leave()


def test_the_lock_is_not_passed_on_to_jobs(ticker):
    look(ticker)

    assert not os.get_inheritable(ticker._hold)


def test_a_slice_of_very_many_ends_and_the_rest_follows_at_once(ticker, store, clock):
    for number in range(250):
        put(store, f"s{number}")
    clock.advance(MINUTE_MS)
    looks = 0

    while look(ticker) == 0:
        looks += 1

    assert len(jobs_of(store)) == 250


def test_lateness_is_noted_in_its_moment(ticker, store, clock, caplog):
    caplog.set_level(logging.WARNING)
    put(store, when="@yearly", expect_ms=500)

    assert look(ticker) == 500
    clock.advance(500)
    assert look(ticker) == PAUSE_MS

    assert "schedule s: no success in time" in caplog.text
    assert store.schedules().named("s").late_at_ms == NOW_MS + 500


def test_a_schedule_that_cant_be_read_holds_up_no_other_and_is_tried_again(
    ticker, store, clock, monkeypatch, caplog
):
    put(store, "broken", zone="Europe/Paris")
    put(store, "whole")
    clock.advance(MINUTE_MS)
    zone = zones.zone

    def lacking(name):
        if name == "Europe/Paris":
            raise BadData("there is no time zone 'Europe/Paris'")
        return zone(name)

    monkeypatch.setattr(zones, "zone", lacking)
    assert look(ticker) == PAUSE_MS
    assert look(ticker) == PAUSE_MS

    assert [job.schedule for job in jobs_of(store)] == ["whole"]
    assert caplog.text.count("schedule broken makes no jobs") == 1
    monkeypatch.undo()
    clock.advance(MEND_EVERY_MS)
    look(ticker)
    assert sorted(job.schedule for job in jobs_of(store)) == ["broken", "whole"]


@pytest.mark.parametrize("jump_ms", [-3 * MINUTE_MS, 8 * 60 * MINUTE_MS])
def test_a_clock_that_jumps_makes_no_time_twice(ticker, store, clock, jump_ms):
    put(store, overlap="allow")
    for _ in range(20):
        clock.advance(30_000)
        look(ticker)
    clock.jump(jump_ms)
    for _ in range(20):
        clock.advance(30_000)
        look(ticker)

    times = [job.scheduled_at_ms for job in jobs_of(store)]
    assert len(times) == len(set(times))
    assert len(times) >= 13
