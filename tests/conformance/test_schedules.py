"""Recurring schedules: what the queue keeps of them, and one job for each time, whoever ticks."""

from __future__ import annotations

import json
import threading

import pytest

from queuectl_core import schedule
from queuectl_core.errors import JobExists, QueueFull
from queuectl_core.flow import Flow, Mutex, Unique
from queuectl_core.hook import NewHook
from queuectl_core.job import HOOKS_QUEUE
from queuectl_core.lifecycle import State
from queuectl_core.options import JobOptions
from queuectl_core.schedule import Definition, Due, NewSchedule
from tests import halves
from tests.builders import MINUTE_MS, NOW_MS, buried, completed, jobs_of, new_job, new_worker
from tests.conformance import steps

START_MS = NOW_MS - NOW_MS % MINUTE_MS
"""The last full minute."""


def define(name="nightly", when="* * * * *", **fields):
    job = fields.pop("job", new_job(queue="mail"))
    return Definition(name, when, "UTC", job, START_MS, **fields)


def put(store, definition, *, now_ms=START_MS, **options):
    due = schedule.upcoming(definition, now_ms, host="h", chance=lambda: 0.0)
    return store.schedules().put([NewSchedule(definition, due)], now_ms=now_ms, **options)


def plan(store, now_ms):
    return [
        (one, schedule.tick(one, now_ms=now_ms, host="h", chance=lambda: 0.0))
        for one in store.schedules().due(now_ms=now_ms, limit=100)
    ]


def tick(store, now_ms):
    """Do what a ticker does; return the numbers of the jobs made."""
    fired = store.schedules().fire(plan(store, now_ms), max_retries=3, now_ms=now_ms)
    return [one.number for jobs in fired for one in jobs or ()]


def events(store):
    return [(event.event, event.detail) for event in store.events(limit=9) if not event.job]


WHOLE = define(
    job=new_job(
        argv=("printf", "ä"), queue="mail", priority=9, timeout_ms=5, backoff="10,60", cwd="/srv",
        env={"A": "1"}, on_crash="hold", options=JobOptions(ok_codes="3", input="x"), tags=("t",),
        flow=Flow(unique=Unique("k", "1h", 3_600_000), mutex=Mutex("m", 2)),
    ),
    max_retries=7, expires_ms=1_000, overlap="queue", catch_up="all", catch_up_ms=60_000,
    spread_ms=6, jitter_ms=7, start_at_ms=8, end_at_ms=NOW_MS * 2, expect_ms=9,
)  # fmt: skip


# --- keeping them ---


def test_every_field_of_a_schedule_is_kept(store):
    assert put(store, WHOLE) == [True]

    assert store.schedules().named("nightly").definition == WHOLE


def test_a_schedule_with_every_field_is_recognised_when_it_fires(store):
    put(store, WHOLE)

    (number,) = tick(store, START_MS + MINUTE_MS + 6)

    made = steps.job_of(store, number)
    assert (made.argv, made.queue, made.max_retries) == (("printf", "ä"), "mail", 7)
    assert (made.schedule, made.scheduled_at_ms) == ("nightly", START_MS + MINUTE_MS)
    assert (made.unique_key, made.mutex, made.mutex_slots) == ("k", "m", 2)
    assert made.expires_at_ms == START_MS + MINUTE_MS + 1_006
    assert made.tags == ("t",)


def test_a_name_is_taken_once_and_replaced_when_told(store):
    assert put(store, define()) == [True]
    assert put(store, define(when="@daily")) == [False]
    assert store.schedules().named("nightly").definition.when == "* * * * *"

    assert put(store, define(when="@daily"), replace=True) == [True]

    (found,) = store.schedules().all()
    assert found.definition.when == "@daily"
    assert store.schedules().next_ms() == found.next_at_ms


def test_a_removed_schedule_makes_no_jobs_and_leaves_those_it_made(store):
    put(store, define())
    tick(store, START_MS + MINUTE_MS)

    assert store.schedules().remove("nightly")

    assert not store.schedules().remove("nightly")
    assert store.schedules().next_ms() is None
    assert tick(store, START_MS + 9 * MINUTE_MS) == []
    assert len(jobs_of(store, schedule="nightly")) == 1


def test_a_paused_schedule_makes_no_jobs_and_makes_up_for_none(store):
    put(store, define(expect_ms=MINUTE_MS))
    assert store.schedules().pause("nightly", by="me", reason="why", now_ms=START_MS)
    assert not store.schedules().pause("nightly", by="you", reason=None, now_ms=START_MS + 1)

    assert store.schedules().next_ms() is None
    found = store.schedules().named("nightly")
    assert (found.paused_at_ms, found.paused_by, found.pause_reason) == (START_MS, "you", None)
    now_ms = START_MS + 9 * MINUTE_MS + 1
    assert store.schedules().note_late(now_ms=now_ms) == []
    due = Due(now_ms + 5, now_ms + 5)
    assert store.schedules().resume("nightly", due, now_ms=now_ms)
    assert not store.schedules().resume("nightly", due, now_ms=now_ms)
    assert store.schedules().next_ms() == now_ms + 5
    assert store.schedules().named("nightly").expect_at_ms == now_ms + MINUTE_MS


def test_what_is_put_or_resumed_wakes_workers(store):
    bell = store.bell(store.register(new_worker(), now_ms=NOW_MS))
    put(store, define())
    assert _rang(bell)
    store.schedules().pause("nightly", by="me", reason=None, now_ms=START_MS)
    bell.clear()
    store.schedules().resume("nightly", Due(1, 1), now_ms=START_MS)
    assert _rang(bell)
    bell.close()


def _rang(bell):
    from select import select  # noqa: PLC0415

    return bool(select([bell.fileno()], [], [], 0)[0])


# --- one job for each time ---


def test_a_time_makes_one_job_and_the_schedule_moves_on(store):
    put(store, define())
    assert tick(store, START_MS + MINUTE_MS - 1) == []

    (number,) = tick(store, START_MS + MINUTE_MS)

    assert tick(store, START_MS + MINUTE_MS) == []
    assert steps.job_of(store, number).max_retries == 3
    found = store.schedules().named("nightly")
    assert (found.last_at_ms, found.next_at_ms) == (START_MS + MINUTE_MS, START_MS + 2 * MINUTE_MS)
    assert store.schedules().next_ms() == START_MS + 2 * MINUTE_MS
    steps.assert_figures_are_true(store)


def test_of_two_tickers_that_saw_the_same_one_makes_the_job(store, open_another):
    put(store, define())
    now_ms = START_MS + MINUTE_MS
    first, second = plan(store, now_ms), plan(open_another(), now_ms)

    assert [len(jobs) for jobs in store.schedules().fire(first, max_retries=1, now_ms=now_ms)] == [
        1
    ]
    assert open_another().schedules().fire(second, max_retries=1, now_ms=now_ms) == [None]

    assert len(jobs_of(store)) == 1


def test_many_tickers_at_once_make_one_job_for_each_time(engine):
    store = engine.open()
    put(store, define(when="every 1s", catch_up="all", overlap="allow"))
    barrier = threading.Barrier(4)
    stores = [engine.open() for _ in range(4)]

    def race(own):
        barrier.wait()
        for second in range(1, 40):
            tick(own, START_MS + second * 1_000)

    racers = [threading.Thread(target=race, args=(own,), name="ticker") for own in stores]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()

    times = [job.scheduled_at_ms for job in jobs_of(store)]
    assert sorted(times) == [START_MS + 1_000 * second for second in range(1, 40)]


def test_a_time_that_has_its_job_gets_no_other_when_the_schedule_is_made_anew(store):
    put(store, define())
    tick(store, START_MS + MINUTE_MS)
    store.schedules().remove("nightly")
    put(store, define())  # as after a clock that was set back

    assert tick(store, START_MS + MINUTE_MS) == []

    assert len(jobs_of(store)) == 1
    assert store.schedules().named("nightly").next_at_ms == START_MS + 2 * MINUTE_MS


def test_a_schedule_that_was_changed_meanwhile_does_not_fire_as_it_was(store):
    put(store, define())
    planned = plan(store, START_MS + MINUTE_MS)
    put(store, define(job=new_job("other")), replace=True)

    assert store.schedules().fire(planned, max_retries=1, now_ms=START_MS + MINUTE_MS) == [None]

    assert jobs_of(store) == []


def test_a_schedule_that_was_paused_meanwhile_does_not_fire(store):
    put(store, define())
    planned = plan(store, START_MS + MINUTE_MS)
    store.schedules().pause("nightly", by="me", reason=None, now_ms=START_MS)

    assert store.schedules().fire(planned, max_retries=1, now_ms=START_MS + MINUTE_MS) == [None]


def test_times_that_passed_without_a_worker_are_counted_and_told(store):
    put(store, define())

    (number,) = tick(store, START_MS + 5 * MINUTE_MS + 30_000)

    assert steps.job_of(store, number).scheduled_at_ms == START_MS + 5 * MINUTE_MS
    assert store.schedules().named("nightly").missed == 4
    ((event, detail),) = events(store)
    assert event == "missed"
    assert detail.startswith("nightly: no worker ran at 4 of its times")
    steps.assert_figures_are_true(store)


def test_a_unique_key_that_is_taken_lets_a_time_pass(store):
    steps.enqueue(store, flow=Flow(unique=Unique("k")))
    put(store, define(job=new_job(flow=Flow(unique=Unique("k")))))

    assert tick(store, START_MS + MINUTE_MS) == []

    assert store.schedules().named("nightly").missed == 1
    assert "unique key" in events(store)[0][1]


# --- overlaps ---


def two_ticks(store, overlap, *, run=True):
    put(store, define(overlap=overlap))
    (first,) = tick(store, START_MS + MINUTE_MS)
    claim = steps.claim(store, now_ms=START_MS + MINUTE_MS) if run else None
    return first, claim, tick(store, START_MS + 2 * MINUTE_MS)


def test_skip_makes_none_while_the_one_before_has_not_ended(store):
    _, claim, second = two_ticks(store, "skip")
    assert second == []
    assert store.schedules().named("nightly").missed == 1
    assert "job 1 has not ended" in events(store)[0][1]

    halves.finish(store, [completed(claim)], now_ms=NOW_MS)

    assert len(tick(store, START_MS + 3 * MINUTE_MS)) == 1


def test_queue_lets_the_new_one_wait_for_the_end_of_the_one_before(store):
    _, claim, (second,) = two_ticks(store, "queue")
    now_ms = START_MS + 3 * MINUTE_MS
    (third,) = tick(store, now_ms)
    assert halves.claim(store, worker=1, limit=9, now_ms=now_ms) == []

    halves.finish(store, [buried(claim)], now_ms=now_ms)

    (claim,) = halves.claim(store, worker=1, limit=9, now_ms=now_ms)
    assert claim.job.number == second
    halves.finish(store, [completed(claim)], now_ms=now_ms)
    (claim,) = halves.claim(store, worker=1, limit=9, now_ms=now_ms)
    assert claim.job.number == third


def test_replace_cancels_one_that_runs_and_waits_for_its_end(store):
    first, claim, (second,) = two_ticks(store, "replace")

    assert store.cancel_requests(worker=1) == [claim.token]
    assert steps.job_of(store, first).state is State.PROCESSING
    assert halves.claim(store, worker=1, limit=9, now_ms=START_MS + 3 * MINUTE_MS) == []
    assert steps.job_of(store, second).state is State.PENDING


def test_replace_cancels_one_that_waits_and_takes_its_place(store):
    first, _, (second,) = two_ticks(store, "replace", run=False)

    assert steps.job_of(store, first).state is State.CANCELLED
    assert steps.claim(store, now_ms=START_MS + 3 * MINUTE_MS).job.number == second


def test_allow_lets_both_run(store):
    _, _, (second,) = two_ticks(store, "allow")

    assert steps.claim(store, now_ms=START_MS + 3 * MINUTE_MS).job.number == second


# --- success and lateness ---


def test_a_success_in_time_keeps_a_schedule_from_being_late(store):
    put(store, define(expect_ms=2 * MINUTE_MS, overlap="allow"))
    tick(store, START_MS + MINUTE_MS)
    claim = steps.claim(store, now_ms=START_MS + MINUTE_MS)
    halves.finish(store, [completed(claim)], now_ms=START_MS + 90_000)

    assert store.schedules().named("nightly").ok_at_ms == START_MS + 90_000
    assert store.schedules().note_late(now_ms=START_MS + 209_999) == []
    assert store.schedules().note_late(now_ms=START_MS + 210_000) == ["nightly"]


def test_lateness_is_told_once_and_ends_with_a_success(store):
    put(store, define(expect_ms=MINUTE_MS))
    late_ms = START_MS + MINUTE_MS
    assert store.schedules().note_late(now_ms=late_ms) == ["nightly"]
    assert store.schedules().note_late(now_ms=late_ms + 1) == []
    assert events(store) == [("late", "nightly: no success for 1m")]
    assert store.schedule_states(now_ms=late_ms) == [("nightly", "late")]
    tick(store, late_ms)
    claim = steps.claim(store, now_ms=late_ms)

    halves.finish(store, [completed(claim)], now_ms=late_ms + 5)

    assert store.schedule_states(now_ms=late_ms + 5) == [("nightly", "active")]
    assert store.schedules().note_late(now_ms=late_ms + 5 + MINUTE_MS) == ["nightly"]


def test_a_hook_hears_of_lateness_once(store):
    store.hooks().add(NewHook("late", new_job("cat"), schedule="nightly"), by="me", now_ms=NOW_MS)
    for name in ("nightly", "other"):
        put(store, define(name, expect_ms=MINUTE_MS))

    for moment_ms in (START_MS + MINUTE_MS, START_MS + MINUTE_MS + 1):
        store.schedules().note_late(now_ms=moment_ms)

    (run,) = jobs_of(store, queue=HOOKS_QUEUE)
    assert json.loads(run.options.input)["schedule"] == "nightly"


def test_a_failure_is_no_success(store):
    put(store, define(expect_ms=2 * MINUTE_MS))
    tick(store, START_MS + MINUTE_MS)
    claim = steps.claim(store, now_ms=START_MS + MINUTE_MS)

    halves.finish(store, [buried(claim)], now_ms=START_MS + MINUTE_MS)

    assert store.schedules().named("nightly").ok_at_ms is None
    assert store.schedules().note_late(now_ms=START_MS + 2 * MINUTE_MS) == ["nightly"]


def test_states_are_told_alike_by_the_count_and_by_the_schedule(store):
    from queuectl_core.services import schedules  # noqa: PLC0415

    put(store, define("a"))
    put(store, define("b", expect_ms=1))
    put(store, define("c", expect_ms=1))
    store.schedules().pause("c", by="me", reason=None, now_ms=NOW_MS)
    put(store, define("d", end_at_ms=START_MS + MINUTE_MS, overlap="allow"))
    tick(store, START_MS + MINUTE_MS)

    told = {one.name: schedules.state(one, NOW_MS) for one in store.schedules().all()}

    assert dict(store.schedule_states(now_ms=NOW_MS)) == told
    assert told == {"a": "active", "b": "late", "c": "paused", "d": "over"}


# --- by hand ---


def test_a_job_by_hand_stands_beside_the_times(store):
    put(store, define())
    now_ms = START_MS + MINUTE_MS
    by_hand = [store.schedules().run("nightly", max_retries=3, now_ms=now_ms) for _ in range(3)]

    assert len(tick(store, now_ms)) == 0  # they have not ended
    assert len({steps.job_of(store, one.number).scheduled_at_ms for one in by_hand}) == 3
    assert [job.number for job in store.schedules().last_jobs("nightly", limit=2)] == [3, 2]
    assert store.schedules().run("other", max_retries=3, now_ms=now_ms) is None


def test_a_job_by_hand_says_when_its_unique_key_is_taken(store):
    put(store, define(job=new_job(flow=Flow(unique=Unique("k")))))
    store.schedules().run("nightly", max_retries=3, now_ms=START_MS)

    with pytest.raises(JobExists):
        store.schedules().run("nightly", max_retries=3, now_ms=START_MS)


def test_a_full_queue_takes_the_jobs_of_times_but_none_by_hand(store):
    store.set_limits("mail", {"max_pending": 1}, now_ms=NOW_MS)
    put(store, define(overlap="allow"))
    tick(store, START_MS + MINUTE_MS)

    assert len(tick(store, START_MS + 2 * MINUTE_MS)) == 1
    with pytest.raises(QueueFull):
        store.schedules().run("nightly", max_retries=3, now_ms=START_MS)
    assert len(jobs_of(store)) == 2


def test_pruned_jobs_come_not_again(store):
    put(store, define())
    tick(store, START_MS + MINUTE_MS)
    claim = steps.claim(store, now_ms=START_MS + MINUTE_MS)
    halves.finish(store, [completed(claim)], now_ms=START_MS + MINUTE_MS)
    store.prune(before_ms=NOW_MS * 2, keep=None, limit=100, now_ms=START_MS + MINUTE_MS)
    assert jobs_of(store) == []

    assert tick(store, START_MS + MINUTE_MS) == []
