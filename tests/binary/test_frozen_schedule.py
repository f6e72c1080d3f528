"""Schedules of the frozen executable, over nights in which the clocks are changed."""

from __future__ import annotations

import glob
import time
from datetime import datetime

import pytest

from tests.binary.sandbox import eventually

pytestmark = pytest.mark.binary

LIBRARY = "/usr/lib/*/faketime/libfaketimeMT.so.1"


@pytest.fixture
def clock(sandbox):
    """Set the wall clock of all processes of the sandbox: `clock("2026-03-29T00:59:57+00:00")`."""
    libraries = glob.glob(LIBRARY)
    if not libraries:
        pytest.fail("libfaketime is not installed: apt-get install faketime", pytrace=False)
    offset = sandbox.root / "offset"
    offset.write_text("+0")
    sandbox.env |= {
        "LD_PRELOAD": libraries[0],
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }

    def clock(moment):
        offset.write_text(f"{datetime.fromisoformat(moment).timestamp() - time.time():+.3f}")

    return clock


def times(sandbox):
    jobs = sandbox.ok("list", "--json", "--schedule", "nightly").records
    return sorted(datetime.fromisoformat(job["scheduled_at"]).isoformat() for job in jobs)


def add(sandbox):
    sandbox.ok("schedule", "add", "nightly", "30 2 * * *", "--tz", "Europe/Berlin", "--", "true")


def test_a_skipped_time_comes_once_right_after_the_gap(sandbox, clock):
    clock("2026-03-29T00:59:50+00:00")  # 01:59:50 in Berlin, and 03:00 follows
    add(sandbox)
    sandbox.start_worker()
    clock("2026-03-29T00:59:58+00:00")

    eventually(lambda: times(sandbox), of="a job at the end of the gap")
    clock("2026-03-29T01:30:05+00:00")  # 03:30 by the new clocks
    clock("2026-03-30T00:29:58+00:00")
    eventually(lambda: len(times(sandbox)) > 1, of="a job in the next night")

    assert times(sandbox) == ["2026-03-29T01:00:00+00:00", "2026-03-30T00:30:00+00:00"]


def test_a_repeated_time_comes_once(sandbox, clock):
    clock("2026-10-25T00:29:50+00:00")  # 02:29:50 in Berlin, for the first time
    add(sandbox)
    sandbox.start_worker()
    clock("2026-10-25T00:29:58+00:00")
    eventually(lambda: times(sandbox), of="a job in the first of the two hours")

    clock("2026-10-25T01:30:01+00:00")  # 02:30:01 once more
    shown = sandbox.ok("schedule", "show", "--json", "nightly").record
    clock("2026-10-26T01:29:58+00:00")
    eventually(lambda: len(times(sandbox)) > 1, of="a job in the next night")

    assert times(sandbox) == ["2026-10-25T00:30:00+00:00", "2026-10-26T01:30:00+00:00"]
    assert shown["next_at"] == "2026-10-26T02:30:00+01:00"


def test_after_eight_hours_of_sleep_one_job_makes_up_for_all(sandbox, clock):
    clock("2026-06-01T00:00:10+00:00")
    sandbox.ok("schedule", "add", "nightly", "0 * * * *", "--tz", "UTC", "--", "true")
    sandbox.start_worker()

    clock("2026-06-01T08:20:00+00:00")
    eventually(lambda: times(sandbox), of="a job after the sleep")

    assert times(sandbox) == ["2026-06-01T08:00:00+00:00"]
    assert sandbox.ok("schedule", "list", "--json").record["missed"] == 7


def test_a_job_knows_its_time_and_comes_within_a_second_of_it(sandbox):
    sandbox.ok(
        "schedule", "add", "nightly", "every 1s", "--overlap", "allow", "--",
        "sh", "-c", "echo $QUEUECTL_SCHEDULED_AT",
    )  # fmt: skip
    sandbox.start_worker("--queue", "other")  # it ticks, though it takes none of them
    eventually(lambda: len(times(sandbox)) > 2, of="three jobs")
    sandbox.ok("schedule", "pause", "nightly")
    sandbox.ok("worker", "start", "--drain")

    for job in sandbox.ok("list", "--json", "--schedule", "nightly").records[:3]:
        assert sandbox.ok("logs", str(job["number"])).out.strip() == job["scheduled_at"]
    late = [
        datetime.fromisoformat(job["created_at"]) - datetime.fromisoformat(job["scheduled_at"])
        for job in sandbox.ok("list", "--json", "--schedule", "nightly").records
    ]
    assert sorted(late)[len(late) // 2].total_seconds() < 1


def test_zones_are_there_without_those_of_the_system(sandbox):
    done = sandbox.ok(
        "schedule", "next", "--when", "30 2 * * *", "--tz", "Europe/Berlin", "--json",
        "--after", "2027-03-28T00:00Z", "--count", "1", env={"PYTHONTZPATH": ""},
    )  # fmt: skip

    assert done.record["at"] == "2027-03-28T03:00:00+02:00"
    assert "tzdata" in sandbox.ok("version", "--json").out
