"""Schedules as people write them, and what is told of them."""

from __future__ import annotations

import pytest

from queuectl_core.errors import BadData, JobExists, NotFound
from queuectl_core.services import previews, schedule_checks, schedule_transfer, schedules
from queuectl_core.services.intake import Defaults
from tests.builders import MINUTE_MS, NOW_MS

DEFAULTS = Defaults(3, NOW_MS, "/work", "utc")
FIELDS = {"name": "nightly", "when": "30  2 * * *", "tz": "Europe/Berlin", "job": {"command": "x"}}


def define(**fields):
    return schedules.definition({**FIELDS, **fields}, DEFAULTS)


def put(store, **fields):
    return schedules.put(store, define(**fields), now_ms=NOW_MS)


def test_what_is_given_becomes_a_definition():
    made = define(
        overlap="queue", catch_up="all:6h", spread="10m", jitter=30, start_at="2030-01-01",
        end_at="2031-01-01T00:00:00Z", expect="26h",
        job={"argv": ["a"], "max_retries": 5, "expires_at": "30m", "mutex": "db", "tags": ["t"]},
    )  # fmt: skip

    assert (made.when, made.zone, made.overlap) == ("30 2 * * *", "Europe/Berlin", "queue")
    assert (made.catch_up, made.catch_up_ms) == ("all", 6 * 60 * MINUTE_MS)
    assert (made.spread_ms, made.jitter_ms) == (10 * MINUTE_MS, 30_000)
    assert (made.start_at_ms, made.end_at_ms) == (1893456000000, 1924992000000)
    assert (made.expect_ms, made.expires_ms) == (26 * 60 * MINUTE_MS, 30 * MINUTE_MS)
    assert (made.max_retries, made.job.argv, made.job.cwd) == (5, ("a",), "/work")
    assert made.job.flow.mutex.key == "db"


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"name": "a b"}, "name"), ({"name": None}, "name must be text"),
        ({"when": "x"}, "not a cron"), ({"when": 5}, "when must be text"),
        ({"tz": "Mars"}, "no time zone"), ({"overlap": "maybe"}, "overlap must be one of"),
        ({"catch_up": "all:x"}, "catch_up"), ({"catch_up": "some"}, "catch_up must be one of"),
        ({"spread": "2d"}, "a day at most"), ({"jitter": "x"}, "jitter: not a duration"),
        ({"jitter": True}, "jitter must be a span"), ({"expect": "0"}, "longer than nothing"),
        ({"start_at": "x"}, "start: not a time"), ({"job": "x"}, "job must be an object"),
        ({"job": {}}, "no command"), ({"job": {"command": "x", "id": "a"}}, "can't have id"),
        ({"job": {"command": "x", "run_at": "+1m"}}, "can't have run_at"),
        ({"job": {"command": "x", "after": ["1"]}}, "can't have after"),
        ({"job": {"command": "x", "hold": True}}, "can't have hold"),
        ({"job": {"command": "x", "expires_at": "2030-01-01"}}, "must be a span"),
        ({"job": {"command": "x", "expires_at": "0"}}, "longer than nothing"),
        ({"end_at": "2020-01-01"}, "never comes due before its end"),
        ({"color": "red"}, "no field"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_with_a_hint(fields, part):
    with pytest.raises(BadData) as refusal:
        define(**fields)

    assert part in str(refusal.value)
    assert refusal.value.hint


def test_a_record_makes_the_same_schedule_again(store):
    one = put(store, overlap="replace", catch_up="all:6h", spread=5, expect="26h",
              job={"argv": ["a b"], "env": {"A": "1"}, "expires_at": "30m", "unique": "k=1h",
                   "ok_codes": "3", "timeout": 5})  # fmt: skip

    again = schedules.definition(schedules.record(one, NOW_MS), DEFAULTS)

    assert again._replace(anchor_ms=0) == one.definition._replace(anchor_ms=0)


def test_the_anchor_of_a_span_comes_along(store):
    one = put(store, when="every 7s", tz="UTC")
    later = Defaults(3, NOW_MS + 12_345, "/work", "utc")

    again = schedules.definition(schedules.record(one, NOW_MS), later)

    assert again.next_after(NOW_MS + 99_000) == one.definition.next_after(NOW_MS + 99_000)


def test_a_taken_name_and_one_that_is_not_there(store):
    put(store)

    with pytest.raises(JobExists):
        put(store)
    with pytest.raises(NotFound) as refusal:
        schedules.named(store, "nightli")
    assert refusal.value.hint == "did you mean nightly?"
    for do in (
        lambda: schedules.remove(store, "x"),
        lambda: schedules.run(store, "x", max_retries=1, now_ms=NOW_MS),
        lambda: schedules.pause(store, "x", by="me", reason=None, now_ms=NOW_MS),
        lambda: schedules.resume(store, "x", now_ms=NOW_MS),
        lambda: schedules.chosen(store, ["\udcff"]),
    ):
        with pytest.raises(NotFound):
            do()


def test_a_change_of_the_job_alone_forgets_no_time_that_is_due(store):
    put(store, when="* * * * *", tz="UTC")
    due_ms = store.schedules().next_ms()

    later = define(when="* * * * *", tz="UTC", job={"command": "y"})._replace(
        anchor_ms=schedules.named(store, "nightly").definition.anchor_ms
    )
    schedules.put(store, later, now_ms=due_ms + 5 * MINUTE_MS, replace=True)

    assert store.schedules().next_ms() == due_ms


def test_the_next_times_of_several_come_in_their_order(store):
    put(store, name="a", when="0 * * * *", tz="UTC")
    put(store, name="b", when="30 * * * *", tz="UTC")
    put(store, name="c", when="* * * * *", tz="UTC")
    schedules.pause(store, "c", by="me", reason=None, now_ms=NOW_MS)

    found = previews.coming(schedules.chosen(store, ()), after_ms=NOW_MS, count=3)

    assert [one.name for one in found] == ["b", "a", "b"]
    assert previews.record(found[0]) == {
        "name": "b", "at": "2023-11-14T22:30:00+00:00", "note": None,
    }  # fmt: skip


# --- in and out ---


def test_an_export_is_an_import(store, tmp_path):
    import json  # noqa: PLC0415

    from queuectl_core.storage import open_store  # noqa: PLC0415

    put(store, name="a")
    put(store, name="b", when="every 90s", job={"argv": ["x"], "priority": 9})
    schedules.pause(store, "b", by="me", reason="why", now_ms=NOW_MS)
    before = [schedules.record(one, NOW_MS) for one in schedules.chosen(store, ())]
    text = "\n".join(map(json.dumps, before))
    other = open_store(str(tmp_path / "other.db"), now_ms=NOW_MS)

    incoming = schedule_transfer.read(text, DEFAULTS)
    done = schedule_transfer.add(other, incoming, on_conflict="error", now_ms=NOW_MS)

    assert done == [True, True]
    assert [schedules.record(one, NOW_MS) for one in schedules.chosen(other, ())] == before
    with pytest.raises(JobExists):
        schedule_transfer.add(other, incoming, on_conflict="error", now_ms=NOW_MS)
    assert schedule_transfer.add(other, incoming, on_conflict="skip", now_ms=NOW_MS) == [False] * 2
    assert (
        schedule_transfer.add(other, incoming, on_conflict="replace", now_ms=NOW_MS) == [True] * 2
    )
    other.close()


@pytest.mark.parametrize(
    ("text", "part"),
    [('{"name":"a"}', "line 1: job must be an object"), ("\n\n[]", "line 3: "),
     ("{", "line 1: not valid JSON"),
     ('{"name":"a","when":"@daily","job":{"command":"x"}}\n' * 2, "line 2: line 1 has the name")],
)  # fmt: skip
def test_a_bad_line_is_told_by_its_number(text, part):
    with pytest.raises(BadData) as refusal:
        schedule_transfer.read(text, DEFAULTS)

    assert part in str(refusal.value)


# --- checks ---


def kinds(store, now_ms=NOW_MS):
    found = schedule_checks.findings(store, schedules.chosen(store, ()), now_ms=now_ms)
    return {one.kind: one.text for one in found}


def test_what_is_not_well_is_found(store):
    put(store, expect="1h", job={"argv": ["/no/such/program"], "cwd": "/no/such/place"})

    found = kinds(store, NOW_MS + 61 * MINUTE_MS)

    assert set(found) == {"late", "directory", "command", "no_worker", "skipped", "repeated"}
    assert "2024-03-31T03:00:00+02:00" in found["skipped"]
    assert "2024-10-27T02:30:00+02:00" in found["repeated"]


def test_a_shell_line_is_not_taken_for_a_file(store):
    put(store, tz="UTC", job={"command": "/usr/bin/env; $X/y", "cwd": "/"})

    assert set(kinds(store)) == {"no_worker"}
