"""What jobs wait for besides their time: other jobs, keys, a free place, a person, an end."""

from __future__ import annotations

import pytest

from queuectl_core.errors import BadData, JobExists, NotFound
from queuectl_core.flow import DEPENDENCY, HELD, MUTEX, After, Flow, Mutex, Unique
from queuectl_core.lifecycle import FINAL, State
from queuectl_core.storage.flow import FlowVerbs
from queuectl_core.storage.sqlite.waiting import CHUNK
from tests import halves
from tests.builders import (
    NOW_MS,
    buried,
    completed,
    jobs_of,
    new_job,
    new_worker,
    released,
    retried,
    stopped,
)
from tests.conformance import steps
from tests.conformance.test_contract import parameters

VERBS = [name for name in vars(FlowVerbs) if not name.startswith("_")]
HOUR_MS = 3_600_000


def add(store, *, on_conflict="error", now_ms=NOW_MS, **wishes):
    """Add a job with these wishes; return what became of it."""
    fields = {name: wishes.pop(name) for name in list(wishes) if name not in Flow._fields}
    jobs = [new_job(flow=Flow(**wishes), **fields)]
    (added,) = store.enqueue(jobs, now_ms=now_ms, on_conflict=on_conflict)
    return added


def after(*words):
    return tuple(After(*word.split("=")) for word in words)


def claimed(store, *, limit=1_000, now_ms=NOW_MS):
    return halves.claim(store, worker=1, limit=limit, now_ms=now_ms)


def numbers(claims):
    return [claim.job.number for claim in claims]


def end(store, claim, how=completed, **fields):
    assert halves.finish(store, [how(claim, **fields)], now_ms=NOW_MS) == [True]


def settle(store, *, now_ms=NOW_MS):
    while store.settle_waiting(now_ms=now_ms):
        pass


def state_of(store, number):
    job = steps.job_of(store, number)
    return job.state, job.reason


# --- the contract ---


@pytest.mark.parametrize("verb", VERBS)
def test_every_engine_has_every_verb_with_its_parameters(store, verb):
    assert parameters(getattr(type(store), verb)) == parameters(getattr(FlowVerbs, verb))
    assert getattr(FlowVerbs, verb).__doc__


# --- after ---


def test_a_job_waits_until_the_other_has_completed(store):
    parent = steps.enqueue(store, id="load")
    child = add(store, after=after("load"))
    claims = claimed(store)
    assert (child.waits, numbers(claims)) == ("dependency", [parent])

    end(store, claims[0])

    assert numbers(claimed(store)) == [child.number]


@pytest.mark.parametrize("ahead", [0, 3])
def test_only_jobs_that_wait_for_nothing_are_claimed_ahead(store, ahead):
    add(store, mutex=Mutex("db"))
    add(store, expires_at_ms=NOW_MS + 5)

    _, taken = store.finish_and_claim([], worker=1, limit=0, now_ms=NOW_MS, ahead=ahead)

    assert taken == []


def test_a_finish_lets_a_child_be_claimed_at_once(store):
    steps.enqueue(store, id="load")
    child = add(store, after=after("load"))
    (claim,) = claimed(store)

    _, taken = store.finish_and_claim([completed(claim)], worker=1, limit=1, now_ms=NOW_MS)

    assert numbers(taken) == [child.number]


@pytest.mark.parametrize(
    ("how", "ended"),
    [(completed, State.COMPLETED), (buried, State.DEAD), (stopped, State.CANCELLED)],
)
@pytest.mark.parametrize("late", [False, True], ids=["before it ended", "after it ended"])
def test_of_ok_and_fail_exactly_one_runs(store, how, ended, late):
    parent = steps.enqueue(store)
    wishes = {condition: after(f"#{parent}={condition}") for condition in ("ok", "fail", "any")}
    added = {} if late else {name: add(store, after=one).number for name, one in wishes.items()}
    end(store, claimed(store)[0], how)
    if late:
        added = {name: add(store, after=one).number for name, one in wishes.items()}

    ran = numbers(claimed(store))

    alright = ended is State.COMPLETED
    assert ran == [added["ok" if alright else "fail"], added["any"]]
    assert state_of(store, added["fail" if alright else "ok"]) == (State.CANCELLED, "dependency")
    steps.assert_figures_are_true(store)


def test_a_retry_is_no_end(store):
    parent = steps.enqueue(store)
    child = add(store, after=after(f"{parent}=any"))

    end(store, claimed(store)[0], retried, run_at_ms=NOW_MS + 5)

    assert numbers(claimed(store, now_ms=NOW_MS + 5)) == [parent]
    assert steps.job_of(store, child.number).blocked == DEPENDENCY


def test_a_child_waits_for_all_of_its_parents(store):
    parents = [steps.enqueue(store) for _ in range(3)]
    child = add(store, after=after(*map(str, parents)))
    claims = claimed(store)

    for claim in claims:
        assert claimed(store) == []
        end(store, claim)

    assert numbers(claimed(store)) == [child.number]


def test_jobs_of_one_call_may_wait_for_those_before_them(store):
    jobs = [new_job(id="a"), new_job(id="b", flow=Flow(after("a"))), new_job(flow=Flow(after("b")))]

    added = store.enqueue(jobs, now_ms=NOW_MS)

    assert [one.waits for one in added] == [None, "dependency", "dependency"]


def test_a_job_that_is_not_there_can_not_be_waited_for(store):
    with pytest.raises(NotFound, match="nope"):
        add(store, after=after("nope"))

    assert jobs_of(store) == []


def test_a_job_can_not_wait_for_itself(store):
    with pytest.raises(BadData, match="itself"):
        add(store, id="x", after=after("x"))


def test_a_text_id_goes_before_a_number(store):
    first = steps.enqueue(store)
    named = steps.enqueue(store, id=str(first))

    by_id = add(store, after=after(str(first))).number
    by_number = add(store, after=after(f"#{first}")).number

    assert [parent.number for parent in store.parents(by_id)] == [named]
    assert [parent.number for parent in store.parents(by_number)] == [first]


def test_a_job_keeps_what_it_waited_for(store):
    parent = steps.enqueue(store)
    child = add(store, after=after(f"{parent}=any"))
    end(store, claimed(store)[0])

    assert steps.job_of(store, child.number).after == f"{parent}:any"


def test_a_replaced_parent_was_cancelled(store):
    steps.enqueue(store, id="x")
    child = add(store, after=after("x")).number

    store.enqueue([new_job(id="x")], now_ms=NOW_MS, on_conflict="replace")

    assert state_of(store, child) == (State.CANCELLED, "dependency")


def test_retry_of_parent_and_child_lets_the_child_wait_again(store):
    parent = steps.enqueue(store)
    child = add(store, after=after(str(parent))).number
    end(store, claimed(store)[0], buried)

    store.revive([child, parent], now_ms=NOW_MS)

    claims = claimed(store)
    assert numbers(claims) == [parent]
    end(store, claims[0])
    assert numbers(claimed(store)) == [child]


def test_retry_of_the_child_alone_runs_it(store):
    parent = steps.enqueue(store)
    child = add(store, after=after(str(parent))).number
    end(store, claimed(store)[0], buried)

    store.revive([child], now_ms=NOW_MS)

    assert numbers(claimed(store)) == [child]


def test_a_cancelled_child_is_nobodys_child(store):
    parent = steps.enqueue(store)
    child = add(store, after=after(str(parent))).number

    store.cancel([child], now_ms=NOW_MS)

    assert (store.parents(child), steps.job_of(store, child).blocked) == ([], None)
    end(store, claimed(store)[0])
    assert steps.job_of(store, child).state is State.CANCELLED


def test_a_long_chain_runs_to_its_end_and_one_step_costs_what_the_first_did(store):
    length = 10_000
    first = steps.enqueue(store)
    chain = [
        new_job(flow=Flow(after=after(str(number)))) for number in range(first, first + length)
    ]
    store.enqueue(chain, now_ms=NOW_MS)
    claims = claimed(store)

    for _ in range(300):
        _, claims = store.finish_and_claim(
            [completed(claims[0])], worker=1, limit=10, now_ms=NOW_MS
        )
        assert len(claims) == 1

    assert numbers(claims) == [first + 300]


def test_a_long_chain_is_given_up_wholly_in_pieces(store):
    length = 10_000
    first = steps.enqueue(store)
    chain = [
        new_job(flow=Flow(after=after(str(number)))) for number in range(first, first + length)
    ]
    store.enqueue(chain, now_ms=NOW_MS)

    store.cancel([first], now_ms=NOW_MS)
    counts = {count.state: count.jobs for count in store.counts()}
    settle(store)

    assert counts[State.CANCELLED] <= CHUNK + 1
    assert {count.state: count.jobs for count in store.counts()} == {State.CANCELLED: length + 1}
    assert not store.unsettled(now_ms=NOW_MS)


def test_a_thousand_parents_let_go_of_one_child(store):
    parents = [one.number for one in store.enqueue([new_job()] * 1_000, now_ms=NOW_MS)]
    child = add(store, after=after(*map(str, parents))).number

    *claims, last = claimed(store, limit=2_000)
    for start in range(0, len(claims), 8):
        results = [completed(one) for one in claims[start : start + 8]]
        assert store.finish_and_claim(results, worker=1, limit=8, now_ms=NOW_MS)[1] == []
    end(store, last)

    assert numbers(claimed(store)) == [child]


def test_more_children_than_a_chunk_are_told_later_and_none_starts_early(store):
    parent = steps.enqueue(store)
    child = new_job(flow=Flow(after=after(str(parent))))
    store.enqueue([child] * (2 * CHUNK + 10), now_ms=NOW_MS)
    end(store, claimed(store)[0])

    told = len(claimed(store, limit=10_000))
    assert store.unsettled(now_ms=NOW_MS)
    settle(store)

    assert (told, len(claimed(store, limit=10_000))) == (CHUNK, CHUNK + 10)


def test_an_end_that_not_all_were_told_of_is_taken_back_by_a_retry(store):
    parent = steps.enqueue(store)
    child = new_job(flow=Flow(after=after(str(parent))))
    store.enqueue([child] * (CHUNK + 1), now_ms=NOW_MS)
    end(store, claimed(store)[0], buried)

    store.revive([parent], now_ms=NOW_MS)
    settle(store)

    assert [job.blocked for job in jobs_of(store, states=(State.PENDING,))] == [DEPENDENCY, None]


# --- mutex ---


def test_a_mutex_lets_one_run_at_a_time(store):
    first, second = (add(store, mutex=Mutex("db")).number for _ in range(2))
    claims = claimed(store)
    assert numbers(claims) == [first]
    assert claimed(store) == []

    end(store, claims[0])

    assert numbers(claimed(store)) == [second]


def test_a_mutex_may_have_several_places(store):
    for _ in range(5):
        add(store, mutex=Mutex("db", 3))

    claims = claimed(store)
    assert len(claims) == 3
    end(store, claims[1])
    assert len(claimed(store)) == 1


def test_jobs_behind_a_full_mutex_are_not_in_the_index_of_the_claim(store):
    for _ in range(4):
        add(store, mutex=Mutex("db"))
    claimed(store)

    parked = [job.blocked for job in jobs_of(store, states=(State.PENDING,))]

    assert parked == [MUTEX] * 3
    assert store.next_due_ms() is None


def test_jobs_that_come_due_behind_a_full_mutex_are_parked_when_they_are_met(store):
    add(store, mutex=Mutex("db"))
    for _ in range(4):
        add(store, mutex=Mutex("db"), run_at_ms=NOW_MS + 1)
    claimed(store)

    assert claimed(store, now_ms=NOW_MS + 1) == []
    assert [job.blocked for job in jobs_of(store, states=(State.PENDING,))] == [MUTEX] * 4


def test_others_go_on_beside_a_full_mutex(store):
    for _ in range(3):
        add(store, mutex=Mutex("db"), priority=10)
    plain = steps.enqueue(store, priority=1)

    taken = numbers(claimed(store))
    assert taken[1:] == [plain]


def test_one_that_waited_longer_in_vain_goes_before_those_that_stand_in_line(store):
    old = add(store, mutex=Mutex("db"), hold=True).number
    add(store, mutex=Mutex("db"))

    store.unhold([old], now_ms=NOW_MS)

    assert numbers(claimed(store)) == [old]


def test_a_better_job_goes_before_those_that_wait_longer(store):
    add(store, mutex=Mutex("db"))
    later = add(store, mutex=Mutex("db"), priority=1)
    better = add(store, mutex=Mutex("db"), priority=9)
    assert later.waits == "mutex"

    assert numbers(claimed(store, limit=1)) == [better.number]


def test_of_those_that_are_parked_the_oldest_goes_first(store):
    wish = Flow(mutex=Mutex("db"))
    numbers = [steps.enqueue(store, flow=wish, run_at_ms=NOW_MS - 9 + place) for place in range(4)]
    (holder,) = halves.claim(store, worker=1, limit=9, now_ms=NOW_MS)

    order = [holder.job.number]
    while len(order) < len(numbers):
        halves.finish(store, [completed(holder)], now_ms=NOW_MS)
        (holder,) = halves.claim(store, worker=1, limit=9, now_ms=NOW_MS)
        order.append(holder.job.number)

    assert order == numbers


def test_the_best_that_is_parked_goes_first_in_every_queue(store):
    add(store, mutex=Mutex("db"))
    claims = claimed(store)
    low, high, other = (
        add(store, mutex=Mutex("db"), priority=priority, queue=queue).number
        for priority, queue in ((1, "default"), (9, "default"), (5, "other"))
    )

    ran = []
    while claims:
        _, claims = store.finish_and_claim([completed(claims[0])], worker=1, limit=1, now_ms=NOW_MS)
        ran += numbers(claims)

    assert ran == [high, other, low]


@pytest.mark.parametrize("queues", [["default"], ["other"]])
def test_a_worker_for_one_queue_does_not_wait_for_a_front_runner_of_another(store, queues):
    add(store, mutex=Mutex("db"), queue="default")
    add(store, mutex=Mutex("db"), queue="other")

    assert len(halves.claim(store, worker=1, limit=2, now_ms=NOW_MS, queues=queues)) == 1


def test_a_retry_gives_its_place_up_while_it_waits(store):
    first, second = (add(store, mutex=Mutex("db")).number for _ in range(2))
    (claim,) = claimed(store)

    end(store, claim, retried, run_at_ms=NOW_MS + 5)

    claims = claimed(store)
    assert numbers(claims) == [second]
    assert claimed(store, now_ms=NOW_MS + 5) == []
    end(store, claims[0])
    assert numbers(claimed(store, now_ms=NOW_MS + 5)) == [first]


@pytest.mark.parametrize("way", ["cancel", "expire"])
def test_a_front_runner_that_goes_makes_way(store, way):
    first = add(store, mutex=Mutex("db"), expires_at_ms=NOW_MS + 5).number
    second = add(store, mutex=Mutex("db")).number
    assert steps.job_of(store, second).blocked == MUTEX

    if way == "cancel":
        store.cancel([first], now_ms=NOW_MS)
    else:
        settle(store, now_ms=NOW_MS + 5)

    assert numbers(claimed(store)) == [second]


def test_the_death_of_a_worker_frees_its_mutex_for_the_best(engine, store):
    flow = Flow(mutex=Mutex("db"))
    worker, lost = steps.leave_behind(engine, flow=flow)
    later = add(store, mutex=Mutex("db")).number
    assert claimed(store) == []

    store.rescue(steps.dead_worker(store, worker), now_ms=NOW_MS)

    assert numbers(claimed(store)) == [lost.job.number]
    assert steps.job_of(store, later).blocked == MUTEX


def test_a_revived_job_takes_its_place_in_the_line(store):
    first, second = (add(store, mutex=Mutex("db")).number for _ in range(2))
    store.cancel([second], now_ms=NOW_MS)
    (claim,) = claimed(store)

    store.revive([second], now_ms=NOW_MS)

    assert steps.job_of(store, second).blocked == MUTEX
    assert [holder.number for holder in store.holders("db")] == [first]
    end(store, claim)
    assert numbers(claimed(store)) == [second]


def test_a_claim_asks_again_after_many_that_may_not_start(store):
    for number in range(60):
        add(store, mutex=Mutex(f"m{number}"), run_at_ms=NOW_MS)
        add(store, mutex=Mutex(f"m{number}"), run_at_ms=NOW_MS + 1)
    plain = steps.enqueue(store, run_at_ms=NOW_MS + 2)
    claimed(store)

    tries = [numbers(claimed(store, now_ms=NOW_MS + 2)) for _ in range(2)]

    assert tries == [[], [plain]]


# --- unique ---


@pytest.mark.parametrize("state", steps.EVERY_STATE)
def test_a_key_is_taken_until_its_job_has_finished(store, state):
    number, _ = steps.put(store, state, flow=Flow(unique=Unique("k")))

    if state in FINAL:
        assert add(store, unique=Unique("k")).created
    else:
        with pytest.raises(JobExists, match=f"job {number} is {state}"):
            add(store, unique=Unique("k"))


@pytest.mark.parametrize("state", steps.EVERY_STATE)
def test_a_key_until_started_is_free_once_its_job_runs(store, state):
    steps.put(store, state, flow=Flow(unique=Unique("k", "started")))

    if state is State.PENDING:
        with pytest.raises(JobExists):
            add(store, unique=Unique("k", "started"))
    else:
        assert add(store, unique=Unique("k", "started")).created


@pytest.mark.parametrize("state", steps.EVERY_STATE)
def test_a_key_for_a_period_is_taken_for_all_of_it_unless_cancelled(store, state):
    hour = Unique("k", "1h", HOUR_MS)
    steps.put(store, state, flow=Flow(unique=hour))

    if state is State.CANCELLED:
        assert add(store, unique=hour, now_ms=NOW_MS + HOUR_MS - 1).created
    else:
        with pytest.raises(JobExists):
            add(store, unique=hour, now_ms=NOW_MS + HOUR_MS - 1)
        assert add(store, unique=hour, now_ms=NOW_MS + HOUR_MS).created


def test_a_twin_is_skipped_when_told(store):
    old = add(store, unique=Unique("k"), id="first")

    again = add(store, unique=Unique("k"), on_conflict="skip")

    assert (again.number, again.id, again.created) == (old.number, "first", False)
    assert len(jobs_of(store)) == 1


def test_a_twin_that_waits_is_replaced_when_told(store):
    old = add(store, unique=Unique("k", "started")).number

    new = add(store, unique=Unique("k", "started"), on_conflict="replace").number

    assert state_of(store, old) == (State.CANCELLED, "replaced")
    assert numbers(claimed(store)) == [new]
    steps.assert_figures_are_true(store)


def test_a_twin_that_runs_is_not_replaced(store):
    add(store, unique=Unique("k"))
    claimed(store)

    with pytest.raises(JobExists, match="runs right now"):
        add(store, unique=Unique("k"), on_conflict="replace")


# --- expires ---


def test_an_expired_job_is_never_claimed(store):
    number = add(store, expires_at_ms=NOW_MS + 5).number

    assert claimed(store, now_ms=NOW_MS + 5) == []
    assert state_of(store, number) == (State.CANCELLED, "expired")
    steps.assert_figures_are_true(store)


def test_a_job_may_start_until_it_expires(store):
    number = add(store, expires_at_ms=NOW_MS + 5).number

    assert numbers(claimed(store, now_ms=NOW_MS + 4)) == [number]


@pytest.mark.parametrize(
    "wishes", [{}, {"hold": True}, {"after": after("blocker")}, {"mutex": Mutex("db")}]
)
def test_a_job_expires_when_nobody_claims_whatever_it_waits_for(store, wishes):
    steps.enqueue(store, id="blocker", flow=Flow(mutex=Mutex("db")))
    claimed(store)
    number = add(store, expires_at_ms=NOW_MS + 5, **wishes).number
    child = add(store, after=after(str(number))).number

    settle(store, now_ms=NOW_MS + 4)
    assert steps.job_of(store, number).state is State.PENDING
    settle(store, now_ms=NOW_MS + 5)

    assert state_of(store, number) == (State.CANCELLED, "expired")
    assert state_of(store, child) == (State.CANCELLED, "dependency")


@pytest.mark.parametrize("how", [retried, released])
def test_a_job_that_was_started_does_not_expire(store, how):
    number = add(store, expires_at_ms=NOW_MS + 5).number
    fields = {"run_at_ms": NOW_MS + 9} if how is retried else {}
    end(store, claimed(store)[0], how, **fields)

    settle(store, now_ms=NOW_MS + 9)

    assert numbers(claimed(store, now_ms=NOW_MS + 9)) == [number]


def test_a_revived_job_does_not_expire_again(store):
    number = add(store, expires_at_ms=NOW_MS + 5).number
    settle(store, now_ms=NOW_MS + 5)

    store.revive([number], now_ms=NOW_MS + 6)
    settle(store, now_ms=NOW_MS + 6)

    assert numbers(claimed(store, now_ms=NOW_MS + 6)) == [number]


def test_many_expire_in_pieces(store):
    job = new_job(flow=Flow(expires_at_ms=NOW_MS + 1))
    store.enqueue([job] * (CHUNK + 5), now_ms=NOW_MS)

    assert store.settle_waiting(now_ms=NOW_MS + 1)
    assert not store.settle_waiting(now_ms=NOW_MS + 1)

    assert {count.state for count in store.counts()} == {State.CANCELLED}


def test_a_chore_without_work_writes_nothing(store):
    add(store, expires_at_ms=NOW_MS + 5)
    before = steps.view(store)

    assert store.settle_waiting(now_ms=NOW_MS) is False
    assert steps.view(store) == before


# --- hold ---


def test_a_held_job_is_not_claimed_until_it_is_released(store):
    number = add(store, hold=True).number
    assert (claimed(store), steps.job_of(store, number).blocked) == ([], HELD)

    assert store.unhold([number, 99], now_ms=NOW_MS) == [True, False]
    assert store.unhold([number], now_ms=NOW_MS) == [False]

    assert numbers(claimed(store)) == [number]


def test_a_released_job_waits_on_for_others(store):
    parent = steps.enqueue(store)
    number = add(store, hold=True, after=after(str(parent))).number

    store.unhold([number], now_ms=NOW_MS)

    assert steps.job_of(store, number).blocked == DEPENDENCY


def test_a_held_job_may_be_cancelled_and_revived(store):
    number = add(store, hold=True).number
    store.cancel([number], now_ms=NOW_MS)

    store.revive([number], now_ms=NOW_MS)

    assert numbers(claimed(store)) == [number]


# --- whatever they wait for ---


def test_a_queue_with_only_blocked_jobs_is_settled(store):
    add(store, hold=True)

    assert not store.unsettled(now_ms=NOW_MS)
    assert store.next_due_ms() is None


def test_a_pruned_parent_leaves_nothing_behind(store):
    parent = steps.enqueue(store)
    child = add(store, after=after(f"{parent}=any")).number
    held = add(store, after=after(str(child))).number
    end(store, claimed(store)[0])
    store.prune(before_ms=NOW_MS + 1, keep=None, limit=100, now_ms=NOW_MS + 1)

    assert store.job_by_number(parent) is None
    assert store.parents(child) == []
    assert [one.number for one in store.parents(held)] == [child]


def test_workers_of_other_processes_hear_that_a_job_may_go(engine, store, open_another):
    worker = store.register(new_worker(), now_ms=NOW_MS)
    parent = steps.enqueue(store)
    add(store, after=after(str(parent)))
    (claim,) = claimed(store)
    ear = store.bell(worker)
    ear.clear()

    end(open_another(), claim)

    assert rings(ear)
    ear.close()


def rings(ear):
    import select  # noqa: PLC0415 - one test asks

    return bool(select.select([ear], [], [], 0)[0])


# --- hold ---


def test_held_jobs_are_not_claimed_until_they_are_let_go(store):
    first, second = steps.enqueue(store), steps.enqueue(store)

    assert store.hold([first, 99], now_ms=NOW_MS) == [State.PENDING, None]

    assert numbers(claimed(store, limit=5)) == [second]
    assert store.unhold([first], now_ms=NOW_MS) == [True]
    assert numbers(claimed(store)) == [first]


def test_only_jobs_that_wait_are_held(store):
    number = steps.enqueue(store)
    (claim,) = claimed(store)

    assert store.hold([number], now_ms=NOW_MS) == [State.PROCESSING]

    end(store, claim)
    assert store.hold([number], now_ms=NOW_MS) == [State.COMPLETED]
    assert steps.job_of(store, number).blocked is None


def test_a_job_that_waits_for_its_retry_is_held_too(store):
    number = steps.enqueue(store, max_retries=3)
    (claim,) = claimed(store)
    end(store, claim, retried, run_at_ms=NOW_MS + 5)

    assert store.hold([number], now_ms=NOW_MS) == [State.FAILED]

    assert claimed(store, now_ms=NOW_MS + 10) == []


def test_who_is_held_lets_those_behind_it_have_the_mutex(store):
    running, next_one, last = [add(store, mutex=Mutex("db")).number for _ in range(3)]
    (claim,) = claimed(store)
    assert claim.job.number == running
    store.hold([next_one], now_ms=NOW_MS)

    end(store, claim)

    (claim,) = claimed(store)
    assert claim.job.number == last
    store.unhold([next_one], now_ms=NOW_MS)
    assert claimed(store) == []
    end(store, claim)
    assert numbers(claimed(store)) == [next_one]


def test_a_held_job_still_waits_for_its_parent(store):
    parent = steps.enqueue(store)
    child = add(store, after=after(str(parent))).number
    store.hold([child], now_ms=NOW_MS)
    store.unhold([child], now_ms=NOW_MS)

    assert numbers(claimed(store)) == [parent]
    assert steps.job_of(store, child).blocked == DEPENDENCY


def test_children_are_told_until_their_parent_ends(store):
    parent = steps.enqueue(store)
    child = add(store, id="next", after=after(f"{parent}=any")).number

    (found,) = store.children(parent)

    assert (found.number, found.name, found.state) == (child, "next", State.PENDING)
    assert found.condition == "any"
    end(store, claimed(store)[0])
    assert store.children(parent) == []
