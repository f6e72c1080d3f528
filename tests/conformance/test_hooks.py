"""What hooks are told, on every engine: each event once, in one step with it."""

from __future__ import annotations

import json

import pytest

from queuectl_core.flow import After, Flow
from queuectl_core.hook import MOST_NAMED, Happening, NewHook
from queuectl_core.job import HOOKS_QUEUE
from queuectl_core.lifecycle import State
from queuectl_core.selection import Selection
from tests import halves
from tests.builders import (
    MINUTE_MS,
    NOW_MS,
    buried,
    completed,
    jobs_of,
    new_job,
    released,
    retried,
    stopped,
)
from tests.conformance import steps

OVER_MS = 10 * MINUTE_MS


def hook(event, **fields):
    run = new_job(fields.pop("command", "tell"), max_retries=8, priority=9)
    return NewHook(**({"event": event, "run": run} | fields))


def add(store, event, **fields):
    return store.hooks().add(hook(event, **fields), by="ada", now_ms=NOW_MS)


def runs(store):
    """Return the jobs of hooks, the oldest first."""
    return jobs_of(store, queue=HOOKS_QUEUE)[::-1]


def told(store):
    """Return what hooks are to read, the oldest first."""
    return [json.loads(run.options.input) for run in runs(store)]


def briefly(store):
    return [(one["hook"], one["event"], one["job"] and one["job"]["number"]) for one in told(store)]


def finish(store, result, *, now_ms=NOW_MS):
    assert halves.finish(store, [result], now_ms=now_ms) == [True]


@pytest.mark.parametrize(
    ("event", "end"),
    [
        ("completed", completed),
        ("failed", lambda claim: retried(claim, run_at_ms=NOW_MS + 1)),
        ("dead", buried),
        ("cancelled", stopped),
    ],
)
def test_each_end_of_a_run_is_told_to_those_who_listen_to_it(store, event, end):
    for name in ("completed", "failed", "dead", "cancelled", "slow"):
        add(store, name, over_ms=OVER_MS if name == "slow" else None)
    claim = steps.claimed(store)

    finish(store, end(claim))

    assert briefly(store) == [(event, event, claim.job.number)]


def test_a_run_given_back_is_no_event(store):
    for name in ("completed", "failed", "dead", "cancelled"):
        add(store, name)

    finish(store, released(steps.claimed(store)))

    assert runs(store) == []


def test_the_run_of_a_hook_is_a_job_with_the_event_as_its_input(store):
    add(store, "dead", name="alarm")
    claim = steps.claimed(store, id="report", queue="mail")

    finish(store, buried(claim))

    (run,), (event,) = runs(store), told(store)
    assert (run.queue, run.command, run.tags, run.max_retries, run.priority) == (
        HOOKS_QUEUE, "tell", ("alarm",), 8, 9
    )  # fmt: skip
    assert run.env == {
        "QUEUECTL_EVENT": "dead",
        "QUEUECTL_EVENT_HOOK": "alarm",
        "QUEUECTL_EVENT_JOB": "report",
        "QUEUECTL_EVENT_QUEUE": "mail",
    }
    assert event["job"]["state"] == "dead"
    assert event["job"]["error"] == "no such host"
    assert (event["queue"], event["attempt"], event["count"], event["test"]) == (
        "mail", 1, 1, False
    )  # fmt: skip


def test_a_hook_of_a_queue_hears_of_that_queue_alone(store):
    add(store, "completed", queue="mail")

    for queue in ("mail", "default"):
        finish(store, completed(steps.claimed(store, queue=queue)))
        for run in runs(store):
            store.cancel([run.number], now_ms=NOW_MS)

    assert [one["queue"] for one in told(store)] == ["mail"]


def test_what_happens_to_the_runs_of_hooks_is_told_to_none(store):
    for event in ("completed", "failed", "dead", "cancelled"):
        add(store, event)
    finish(store, buried(steps.claimed(store)))
    (run,) = runs(store)

    for end in (lambda claim: retried(claim, run_at_ms=NOW_MS), buried):
        claim = steps.claim(store)
        assert claim.job.number == run.number
        finish(store, end(claim))
    store.revive([run.number], now_ms=NOW_MS)
    store.cancel([run.number], now_ms=NOW_MS)

    assert len(runs(store)) == 1


def test_a_paused_hook_hears_nothing_and_later_does_not_catch_up(store):
    add(store, "completed")
    assert store.hooks().pause("completed", now_ms=NOW_MS)
    finish(store, completed(steps.claimed(store)))
    assert runs(store) == []
    assert store.hooks().resume("completed", now_ms=NOW_MS)

    finish(store, completed(steps.claimed(store)))

    assert len(runs(store)) == 1
    assert not store.hooks().resume("completed", now_ms=NOW_MS)


def test_several_hooks_of_one_event_are_all_told(store):
    first, second = add(store, "dead"), add(store, "dead")

    finish(store, buried(steps.claimed(store)))

    assert (first.name, second.name) == ("dead", "dead-2")
    assert [one["hook"] for one in told(store)] == ["dead", "dead-2"]


def test_all_that_are_cancelled_in_vain_are_told_of(store):
    add(store, "cancelled")
    parent = steps.claimed(store, id="a")
    child = steps.enqueue(store, id="b", flow=Flow(after=(After("a"),)))
    expired = steps.enqueue(store, queue="late", flow=Flow(expires_at_ms=NOW_MS + 1))

    finish(store, buried(parent))
    store.settle_waiting(now_ms=NOW_MS + 1)

    assert [(one["job"]["number"], one["job"]["reason"]) for one in told(store)] == [
        (child, "dependency"),
        (expired, "expired"),
    ]


def test_thousands_of_jobs_cancelled_are_each_told_of_once(store):
    add(store, "cancelled")
    numbers = [one.number for one in store.enqueue([new_job()] * 2_000, now_ms=NOW_MS)]

    for start in range(0, len(numbers), 500):
        store.cancel(numbers[start : start + 500], now_ms=NOW_MS)

    assert [one["job"]["number"] for one in told(store)] == numbers
    steps.assert_figures_are_true(store)


def test_a_job_that_takes_long_is_told_of_while_it_runs_and_once(store):
    add(store, "slow", over_ms=OVER_MS)
    claim = steps.claimed(store)

    moments = [NOW_MS + OVER_MS - 1, NOW_MS + OVER_MS, NOW_MS + OVER_MS + 1]
    seen = [store.hooks().tell_of_slow(now_ms=now_ms) for now_ms in moments]
    finish(store, completed(claim, duration_ms=OVER_MS + 5))

    assert seen == [0, 1, 0]
    (one,) = told(store)
    assert one["detail"] == {"over": 600, "still_runs": True}
    assert one["job"]["state"] == "processing"


def test_a_run_that_nobody_looked_at_is_told_of_as_slow_at_its_end(store):
    add(store, "slow", over_ms=OVER_MS)

    for duration_ms in (OVER_MS - 1, OVER_MS):
        finish(store, completed(steps.claimed(store), duration_ms=duration_ms))

    (one,) = told(store)
    assert one["detail"] == {"over": 600, "still_runs": False}
    assert one["job"]["duration"] == 600


def test_each_start_that_takes_long_is_told_of(store):
    add(store, "slow", over_ms=OVER_MS)
    first = steps.claimed(store)
    store.hooks().tell_of_slow(now_ms=NOW_MS + OVER_MS)
    finish(store, retried(first, run_at_ms=NOW_MS, duration_ms=OVER_MS))
    (run,) = runs(store)
    store.cancel([run.number], now_ms=NOW_MS)

    steps.claim(store, now_ms=NOW_MS + OVER_MS)
    store.hooks().tell_of_slow(now_ms=NOW_MS + 2 * OVER_MS)

    assert [one["attempt"] for one in told(store)] == [1, 2]


def test_a_pause_is_told_with_who_and_why_and_so_is_its_end(store):
    add(store, "queue-paused")
    add(store, "queue-resumed")

    store.pause("mail", by="ada", reason="full", now_ms=NOW_MS)
    store.pause("mail", by="bob", reason=None, now_ms=NOW_MS)
    store.resume("mail", now_ms=NOW_MS)
    store.resume("mail", now_ms=NOW_MS)

    assert [(one["event"], one["queue"], one["detail"]) for one in told(store)] == [
        ("queue-paused", "mail", {"by": "ada", "reason": "full"}),
        ("queue-resumed", "mail", None),
    ]


def test_the_pause_of_all_queues_concerns_each_and_does_not_stop_hooks(store):
    add(store, "queue-paused", queue="mail")

    store.pause(None, by="ada", reason=None, now_ms=NOW_MS)

    (claim,) = halves.claim(store, worker=1, limit=9, now_ms=NOW_MS)
    assert claim.job.queue == HOOKS_QUEUE
    assert json.loads(claim.job.options.input)["queue"] is None


def test_the_queue_of_hooks_itself_can_be_paused(store):
    add(store, "completed")
    store.pause(HOOKS_QUEUE, by="ada", reason=None, now_ms=NOW_MS)

    finish(store, completed(steps.claimed(store)))

    assert halves.claim(store, worker=1, limit=9, now_ms=NOW_MS) == []


# --- every ---


def test_a_hook_that_collects_runs_at_once_and_then_once_in_its_span(store):
    add(store, "dead", every_ms=OVER_MS)

    for minute in range(4):
        now_ms = NOW_MS + minute * MINUTE_MS
        finish(store, buried(steps.claimed(store, now_ms=now_ms)), now_ms=now_ms)
        if not minute:
            finish(store, completed(steps.claim(store)))

    first, second = runs(store)
    assert (first.run_at_ms, second.run_at_ms) == (NOW_MS, NOW_MS + OVER_MS)
    assert [(one["count"], len(one["events"])) for one in told(store)] == [(1, 1), (3, 3)]
    assert store.hooks().named("dead").told == 4


def test_a_run_that_waits_for_a_worker_takes_what_comes_meanwhile(store):
    add(store, "cancelled", every_ms=OVER_MS)
    numbers = [one.number for one in store.enqueue([new_job()] * 300, now_ms=NOW_MS)]

    for number in numbers:
        store.cancel([number], now_ms=NOW_MS)

    (one,) = told(store)
    assert (one["count"], len(one["events"])) == (300, MOST_NAMED)
    assert one["job"]["number"] == numbers[0]


def test_a_run_that_has_started_takes_nothing_more(store):
    add(store, "cancelled", every_ms=OVER_MS)
    numbers = [one.number for one in store.enqueue([new_job()] * 2, now_ms=NOW_MS + 1)]
    store.cancel(numbers[:1], now_ms=NOW_MS)
    steps.claim(store)

    store.cancel(numbers[1:], now_ms=NOW_MS)

    assert [one["count"] for one in told(store)] == [1, 1]


def test_a_clock_set_back_does_not_hold_a_hook_up_for_longer_than_its_span(store):
    add(store, "cancelled", every_ms=OVER_MS)
    numbers = [one.number for one in store.enqueue([new_job()] * 2, now_ms=NOW_MS)]
    store.cancel(numbers[:1], now_ms=NOW_MS + 1_000 * OVER_MS)
    store.cancel([runs(store)[0].number], now_ms=NOW_MS)

    store.cancel(numbers[1:], now_ms=NOW_MS)

    assert runs(store)[1].run_at_ms == NOW_MS + OVER_MS


# --- one step ---


def test_the_run_of_a_hook_can_be_claimed_in_the_step_of_its_event(store):
    add(store, "completed")
    claim = steps.claimed(store)

    held, claims = store.finish_and_claim([completed(claim)], worker=1, limit=1, now_ms=NOW_MS)

    assert held == [True]
    assert [one.job.queue for one in claims] == [HOOKS_QUEUE]


def test_a_result_that_is_refused_is_told_to_nobody(store):
    add(store, "completed")
    claim = steps.claimed(store)
    finish(store, released(claim))

    assert halves.finish(store, [completed(claim)], now_ms=NOW_MS) == [False]

    assert runs(store) == []


def test_a_step_that_fails_leaves_neither_the_event_nor_its_run(store):
    add(store, "cancelled")
    (old,) = store.enqueue([new_job(id="twice")], now_ms=NOW_MS)
    missing = new_job(flow=Flow(after=(After("nobody"),)))

    with pytest.raises(Exception, match="nobody"):
        store.enqueue([new_job(id="twice"), missing], now_ms=NOW_MS, on_conflict="replace")

    assert steps.job_of(store, old.number).state is State.PENDING
    assert runs(store) == []


def test_a_failure_is_told_as_it_was_also_where_the_next_attempt_follows_in_the_same_step(store):
    add(store, "failed")
    claim = store.enqueue_and_claim(new_job(), worker=1, now_ms=NOW_MS)

    again = store.finish_and_reclaim(retried(claim, run_at_ms=NOW_MS + 5), worker=1, now_ms=NOW_MS)

    assert again is not None
    (one,) = told(store)
    assert (one["attempt"], one["job"]["state"]) == (1, "failed")


# --- which, and where they are seen ---


def test_hooks_are_kept_as_given(store):
    given = hook("slow", name="s", queue="mail", schedule="nightly", over_ms=5, every_ms=7)
    run = given.run._replace(argv=("a", "ä"), command=None, env={"A": "b"}, cwd="/", timeout_ms=3)

    store.hooks().add(given._replace(run=run, paused=True), by="ada", now_ms=NOW_MS)

    kept = store.hooks().named("s")
    assert kept.run == run
    assert kept[:2] + kept[3:10] == (
        "s", "slow", "mail", "nightly", 5, 7, NOW_MS, "ada", NOW_MS
    )  # fmt: skip
    assert [one.name for one in store.hooks().all()] == ["s"]


def test_a_name_is_taken_once(store):
    add(store, "dead", name="alarm")

    assert add(store, "completed", name="alarm") is None
    replaced = store.hooks().replace(hook("completed", name="alarm"), by="bob", now_ms=NOW_MS)

    assert (replaced.event, replaced.created_by) == ("completed", "bob")
    assert store.hooks().remove("alarm", now_ms=NOW_MS)
    assert not store.hooks().remove("alarm", now_ms=NOW_MS)
    assert store.hooks().named("alarm") is None


def test_the_runs_of_hooks_are_selected_only_by_name(store):
    add(store, "completed")
    finish(store, completed(steps.claimed(store)))
    (run,) = runs(store)

    assert [job.queue for job in jobs_of(store)] == ["default"]
    assert store.count(Selection()) == 1
    assert store.count(Selection(states=(State.PENDING,))) == 0
    assert store.count(Selection(queue=HOOKS_QUEUE)) == 1
    assert [job.number for job in jobs_of(store, numbers=[run.number])] == [run.number]


def test_runs_that_are_left_are_counted_by_hook(store):
    add(store, "completed", name="a")
    add(store, "completed", name="b")
    finish(store, completed(steps.claimed(store)))
    (first,) = halves.claim(store, worker=1, limit=1, now_ms=NOW_MS)
    finish(store, buried(first))

    assert store.hooks().runs_left() == {"a": {"dead": 1}, "b": {"pending": 1}}


def test_events_of_a_schedule_go_to_those_who_listen_to_it(store):

    add(store, "late", name="any")
    add(store, "late", name="one", schedule="nightly")
    add(store, "late", name="other", schedule="weekly")

    late = Happening("late", "mail", "nightly", detail={"expected": "26h"})
    heard = store.hooks().tell(late, now_ms=NOW_MS)

    assert heard == 2
    assert [(one["hook"], one["schedule"], one["detail"]) for one in told(store)] == [
        ("any", "nightly", {"expected": "26h"}),
        ("one", "nightly", {"expected": "26h"}),
    ]


def test_a_rescued_job_without_attempts_left_is_told_of(engine, store):
    add(store, "dead")
    worker, taken = steps.leave_behind(engine, on_crash="fail")

    store.rescue(steps.dead_worker(store, worker), now_ms=NOW_MS)

    assert briefly(store) == [("dead", "dead", taken.job.number)]
