from __future__ import annotations

import pytest

from queuectl_core.errors import JobExists
from queuectl_core.lifecycle import CLAIMABLE, FINAL, State
from queuectl_core.options import JobOptions
from queuectl_core.selection import Selection
from queuectl_core.storage.records import History, Removed
from tests import halves
from tests.builders import MINUTE_MS, NOW_MS, completed, jobs_of, new_job
from tests.conformance import steps


def test_a_count_is_that_of_the_selection(store):
    store.enqueue([new_job(queue="a", tags=("t",))] * 3 + [new_job()] * 2, now_ms=NOW_MS)
    steps.put(store, State.CANCELLED, queue="a")

    assert store.count(Selection()) == 6
    assert store.count(Selection(queue="a")) == 4
    assert store.count(Selection(queue="a", states=(State.PENDING,))) == 3
    assert store.count(Selection(tag="t", grep="TRUE")) == 3
    assert store.count(Selection(numbers=(1, 2, 99))) == 2


# --- edit ---


@pytest.mark.parametrize("state", steps.EVERY_STATE)
def test_only_a_waiting_job_is_edited(store, state):
    number, _ = steps.put(store, state)

    assert store.edit([number], {"priority": 9}, now_ms=NOW_MS) == [state]

    assert steps.job_of(store, number).priority == (9 if state in CLAIMABLE else 5)
    assert steps.job_of(store, number).state is state
    steps.assert_figures_are_true(store)


def test_an_edit_changes_every_field_it_names_and_no_other(store):
    number = steps.enqueue(store, command="old", env={"A": "1"}, cwd="/old")
    before = steps.job_of(store, number)
    fields = {
        "command": None, "argv": ("new", "ä"), "queue": "mail", "run_at_ms": NOW_MS + 5,
        "timeout_ms": 0, "backoff": "10", "max_retries": 9, "on_crash": "hold", "cwd": "/new",
        "tags": ("x", "y"),
    }  # fmt: skip

    store.edit([number], fields, now_ms=NOW_MS)

    assert steps.job_of(store, number) == before._replace(**fields)
    steps.assert_figures_are_true(store)


def test_edited_tags_and_queues_are_found(store):
    number = steps.enqueue(store, tags=("old", "both"), queue="a")

    store.edit([number], {"tags": ("new", "both"), "queue": "b"}, now_ms=NOW_MS)

    assert [len(jobs_of(store, tag=tag)) for tag in ("old", "new", "both")] == [0, 1, 1]
    assert [len(jobs_of(store, queue=queue)) for queue in "ab"] == [0, 1]
    store.edit([number], {"tags": ()}, now_ms=NOW_MS)
    assert jobs_of(store, tag="both") == []


def test_an_edit_without_a_moment_makes_the_job_due(store):
    number = steps.enqueue(store, run_at_ms=NOW_MS + MINUTE_MS)

    store.edit([number], {"run_at_ms": None}, now_ms=NOW_MS + 7)

    assert steps.job_of(store, number).run_at_ms == NOW_MS + 7


def test_a_job_that_is_not_there_is_not_edited(store):
    assert store.edit([7], {"priority": 1}, now_ms=NOW_MS) == [None]


# --- remove ---


@pytest.mark.parametrize("state", steps.EVERY_STATE)
def test_only_a_final_job_is_removed(store, state):
    number, _ = steps.put(store, state, id="a", tags=("t",))

    (removed,) = store.remove([number], now_ms=NOW_MS)

    gone = state in FINAL
    assert removed == Removed(state, 0 if state in {State.CANCELLED, State.PENDING} else 1)
    assert (store.job_by_id("a") is None) is gone
    assert (store.attempts(number) != []) is (state is State.FAILED)
    assert (jobs_of(store, tag="t") == []) is gone
    assert store.remove([99], now_ms=NOW_MS) == [None]


def test_a_removed_job_leaves_true_counts_and_its_id_free(store):
    steps.put(store, State.DEAD, id="a", queue="mail")
    store.remove([1], now_ms=NOW_MS)

    (again,) = store.enqueue([new_job(id="a")], now_ms=NOW_MS)

    assert again.number == 2
    assert [(count.queue, count.jobs) for count in store.counts()] == [("default", 1)]


# --- adopt ---


@pytest.mark.parametrize("state", [one for one in steps.EVERY_STATE if one is not State.PROCESSING])
def test_an_adopted_job_is_what_it_was(store, engine, state):
    number, _ = steps.put(store, state, id="a", tags=("t",), env={"A": "1"}, queue="mail")
    job, attempts = steps.job_of(store, number), store.attempts(number)
    store.enqueue([new_job()], now_ms=NOW_MS)
    if state not in FINAL:
        store.cancel([number], now_ms=NOW_MS)
    store.remove([number], now_ms=NOW_MS)

    (added,) = store.adopt([History(job, attempts)], now_ms=NOW_MS + 9)

    found = steps.job_of(store, added.number)
    assert found == job._replace(number=3, token=None)
    assert [one.start for one in store.attempts(3)] == [one.start for one in attempts]
    assert [one.number for one in jobs_of(store, tag="t")] == [3]
    assert steps.view(store).counts["mail", state] == 1


def test_an_adopted_job_is_pruned_by_the_moment_of_its_end(store):
    claim = steps.claimed(store)
    halves.finish(store, [completed(claim)], now_ms=NOW_MS)
    job = steps.job_of(store, claim.job.number)
    store.remove([job.number], now_ms=NOW_MS)
    store.adopt([History(job)], now_ms=NOW_MS + MINUTE_MS)

    pruned = store.prune(before_ms=NOW_MS + 1, keep=None, limit=99, now_ms=NOW_MS + MINUTE_MS)

    assert [one.number for one in pruned.jobs] == [2]
    assert jobs_of(store) == []


def test_a_conflict_of_an_adopted_id_is_met_as_told(store):
    number, _ = steps.put(store, State.CANCELLED, id="a")
    history = History(steps.job_of(store, number)._replace(command="new"))

    with pytest.raises(JobExists):
        store.adopt([History(history.job._replace(id="b")), history], now_ms=NOW_MS)
    assert store.job_by_id("b") is None
    assert store.adopt([history], now_ms=NOW_MS, on_conflict="skip")[0].created is False
    assert store.adopt([history], now_ms=NOW_MS, on_conflict="replace")[0].created
    assert steps.job_of(store, 1).id is None
    assert store.job_by_id("a").command == "new"


def test_an_adopted_job_keeps_how_it_runs(store):
    asked = new_job(options=JobOptions(ok_codes="0,3", nice=5), argv=("a", "b"))
    store.enqueue([asked], now_ms=NOW_MS)
    job = steps.job_of(store, 1)

    store.adopt([History(job)], now_ms=NOW_MS)

    assert steps.job_of(store, 2) == job._replace(number=2)
