"""Jobs that wait, where people change many: edit, remove, cancel, pause, adopt."""

from __future__ import annotations

import pytest

from queuectl_core.errors import JobExists, NotFound
from queuectl_core.flow import DEPENDENCY, HELD, MUTEX, After, Flow, Mutex, Unique
from queuectl_core.lifecycle import CLAIMABLE, State
from queuectl_core.storage.records import History
from queuectl_core.storage.sqlite.waiting import CHUNK
from tests import halves
from tests.builders import MINUTE_MS, NOW_MS, buried, jobs_of, new_job
from tests.conformance import steps
from tests.conformance.test_flow import add, after, claimed, end, numbers, settle, state_of

DB = Mutex("db")


def blocked(store, number):
    return steps.job_of(store, number).blocked


# --- edit ---


def line(store):
    """Return a claim, and the jobs that are parked behind it for its mutex, the first one first."""
    add(store, mutex=DB)
    claim = claimed(store)[0]
    waiting = [add(store, mutex=DB).number for _ in range(2)]
    return claim, *waiting


def test_an_edited_priority_counts_among_those_that_are_parked(store):
    claim, first, second = line(store)

    store.edit([second], {"priority": 9}, now_ms=NOW_MS)

    assert [blocked(store, number) for number in (first, second)] == [MUTEX, MUTEX]
    end(store, claim)
    assert numbers(claimed(store)) == [second]


def test_the_best_may_run_when_the_one_before_it_is_put_off(store):
    claim, first, second = line(store)
    end(store, claim)
    assert [blocked(store, number) for number in (first, second)] == [None, MUTEX]

    store.edit([first], {"run_at_ms": NOW_MS + MINUTE_MS}, now_ms=NOW_MS)

    assert numbers(claimed(store)) == [second]
    assert blocked(store, first) is None


def test_a_job_that_gets_a_lower_priority_lets_the_next_go_first(store):
    claim, first, second = line(store)
    end(store, claim)

    store.edit([first], {"priority": 1}, now_ms=NOW_MS)

    assert numbers(claimed(store)) == [second]


def test_a_job_that_leaves_its_queue_takes_its_place_in_the_other(store):
    claim, first, second = line(store)
    end(store, claim)

    store.edit([first], {"queue": "other"}, now_ms=NOW_MS)

    only = halves.claim(store, worker=1, limit=9, now_ms=NOW_MS, queues=["default"])
    assert numbers(only) == [second]
    steps.assert_figures_are_true(store)


@pytest.mark.parametrize("field", [{"priority": 9}, {"queue": "b"}, {"run_at_ms": None}])
def test_an_edit_lets_nobody_off_what_else_it_waits_for(store, field):
    parent = steps.enqueue(store)
    held = add(store, hold=True, mutex=DB).number
    child = add(store, after=after(str(parent)), mutex=DB).number

    store.edit([held, child], field, now_ms=NOW_MS)

    assert (blocked(store, held), blocked(store, child)) == (HELD, DEPENDENCY)
    assert numbers(claimed(store)) == [parent]


def test_what_a_job_waits_for_is_no_field_to_edit(store):
    with pytest.raises(ValueError, match="flow"):
        store.edit([1], {"flow": None}, now_ms=NOW_MS)


# --- cancel and remove ---


def test_a_removed_parent_has_told_its_children(store):
    parent = steps.enqueue(store)
    ok, fail = (add(store, after=after(f"{parent}={one}")).number for one in ("ok", "fail"))
    store.cancel([parent], now_ms=NOW_MS)

    store.remove([parent, ok], now_ms=NOW_MS)

    assert numbers(claimed(store)) == [fail]
    assert store.parents(fail) == []


def test_children_are_told_of_an_end_also_when_the_parent_is_removed_before(store):
    parent = steps.enqueue(store)
    store.enqueue([new_job(flow=Flow(after(str(parent))))] * (CHUNK + 10), now_ms=NOW_MS)
    store.cancel([parent], now_ms=NOW_MS)

    store.remove([parent], now_ms=NOW_MS)
    settle(store)

    assert {count.state for count in store.counts()} == {State.CANCELLED}


def test_a_parent_and_its_child_are_cancelled_by_one_call(store):
    parent = steps.enqueue(store)
    child = add(store, after=after(str(parent))).number

    states = store.cancel([parent, child], now_ms=NOW_MS)

    assert states == [State.CANCELLED, State.CANCELLED]
    assert state_of(store, child) == (State.CANCELLED, "cancelled")
    assert store.parents(child) == []
    steps.assert_figures_are_true(store)


def test_a_child_whose_parent_was_removed_can_run_again(store):
    parent = steps.enqueue(store)
    child = add(store, after=after(str(parent))).number
    store.cancel([parent], now_ms=NOW_MS)
    store.remove([parent], now_ms=NOW_MS)

    store.revive([child], now_ms=NOW_MS)

    assert numbers(claimed(store)) == [child]


# --- pause ---


def test_a_paused_queue_keeps_no_place_of_a_mutex(store):
    """The best of a paused queue may not stand in the way of the others with its mutex."""
    add(store, mutex=DB)
    paused = [add(store, mutex=DB, queue="paused", priority=10).number for _ in range(2)]
    others = [add(store, mutex=DB, queue="other").number for _ in range(2)]
    store.pause("paused", by="ann", reason=None, now_ms=NOW_MS)
    claims = claimed(store)

    ran = []
    while claims:
        ran += numbers(claims)
        end(store, claims[0])
        claims = claimed(store)

    assert ran == [1, *others]
    store.resume("paused", now_ms=NOW_MS)
    assert numbers(claimed(store)) == paused[:1]


def test_a_child_in_a_paused_queue_stays_there(store):
    parent = steps.enqueue(store)
    child = add(store, after=after(str(parent)), queue="mail").number
    store.pause("mail", by="ann", reason=None, now_ms=NOW_MS)
    end(store, claimed(store)[0])

    assert claimed(store) == []
    store.resume("mail", now_ms=NOW_MS)
    assert numbers(claimed(store)) == [child]


# --- adopt ---


def adopted(store, *histories, **how):
    return store.adopt(histories, now_ms=NOW_MS, **how)


def history(store, origin, *, state=State.PENDING, **wishes):
    """Return a job as it was elsewhere, with these wishes."""
    number = steps.enqueue(store)
    job = steps.job_of(store, number)._replace(state=state)
    if state not in CLAIMABLE:
        job = job._replace(finished_at_ms=NOW_MS)
    store.cancel([number], now_ms=NOW_MS)
    store.remove([number], now_ms=NOW_MS)
    return History(job, (), Flow(**wishes) if wishes else None, origin)


def test_jobs_that_are_adopted_wait_for_each_other_by_their_new_numbers(store):
    parent = history(store, 70)
    child = history(store, 71, after=after("#70"))

    first, second = adopted(store, parent, child)

    assert (second.waits, blocked(store, second.number)) == ("dependency", DEPENDENCY)
    assert [one.number for one in store.parents(second.number)] == [first.number]
    assert steps.job_of(store, second.number).after == f"{first.number}:ok"


def test_a_parent_of_an_earlier_call_is_known_by_its_number_there(store):
    (parent,) = adopted(store, history(store, 70))
    child = history(store, 71, after=after("#70=any"))

    (added,) = adopted(store, child, known={70: parent.number}.get)

    assert [one.number for one in store.parents(added.number)] == [parent.number]


def test_an_adopted_job_that_waits_for_one_that_is_not_there_is_refused(store):
    steps.enqueue(store)
    child = history(store, 71, after=after("#1"))

    with pytest.raises(NotFound, match="did not come along"):
        adopted(store, history(store, 9), child)

    assert len(jobs_of(store)) == 1


def test_an_adopted_job_that_has_ended_waits_for_nobody(store):
    done = history(store, 71, state=State.COMPLETED, after=after("#1"), hold=True, mutex=DB)

    (added,) = adopted(store, done)

    job = steps.job_of(store, added.number)
    assert (job.blocked, job.after, job.mutex) == (None, None, "db")
    assert added.waits is None


def test_an_adopted_job_that_failed_was_let_go_before(store):
    failed = history(store, 7, state=State.FAILED, after=after("#1"), hold=True, mutex=DB)

    (added,) = adopted(store, failed)

    assert (added.waits, numbers(claimed(store))) == (None, [added.number])


def test_a_parent_that_has_ended_lets_its_adopted_child_run(store):
    parent = history(store, 70, state=State.DEAD)

    _, child = adopted(store, parent, history(store, 71, after=after("#70=fail")))

    assert numbers(claimed(store)) == [child.number]


def test_adopted_jobs_keep_holds_mutexes_and_ends(store):
    wishes = {"mutex": Mutex("db", 2), "hold": True, "expires_at_ms": NOW_MS + 5}

    (held,) = adopted(store, history(store, 1, unique=Unique("k", "1h", 3_600_000), **wishes))

    job = steps.job_of(store, held.number)
    assert (held.waits, job.blocked, job.mutex, job.mutex_slots) == ("held", HELD, "db", 2)
    assert (job.unique_key, job.unique_scope, job.expires_at_ms) == ("k", "1h", NOW_MS + 5)
    settle(store, now_ms=NOW_MS + 5)
    assert state_of(store, held.number) == (State.CANCELLED, "expired")


def test_an_adopted_job_lines_up_for_its_mutex(store):
    add(store, mutex=DB)
    claimed(store)

    (added,) = adopted(store, history(store, 1, mutex=DB))

    assert (added.waits, claimed(store)) == ("mutex", [])


def test_a_unique_key_of_an_adopted_job_that_waits_is_met_as_told(store):
    twin = add(store, unique=Unique("k")).number
    again, ended = (
        history(store, 1, state=state, unique=Unique("k"))
        for state in (State.PENDING, State.COMPLETED)
    )

    with pytest.raises(JobExists, match="unique key"):
        adopted(store, again)
    (skipped,) = adopted(store, again, on_conflict="skip")
    assert (skipped.created, skipped.number) == (False, twin)
    assert adopted(store, ended)[0].created
    assert adopted(store, again, on_conflict="replace")[0].created
    assert state_of(store, twin) == (State.CANCELLED, "replaced")


def test_children_of_a_job_that_an_adopted_one_replaces_are_told(store):
    steps.enqueue(store, id="a")
    child = add(store, after=(After("a"),)).number
    one = history(store, 1)

    adopted(store, one._replace(job=one.job._replace(id="a")), on_conflict="replace")

    assert state_of(store, child) == (State.CANCELLED, "dependency")


def test_an_adopted_parent_tells_its_children_in_the_end(store):
    adopted(store, history(store, 5), history(store, 6, after=after("#5=fail")))
    (claim,) = claimed(store)

    end(store, claim, buried)

    assert len(claimed(store)) == 1
