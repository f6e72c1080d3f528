from __future__ import annotations

from functools import partial

import pytest

from queuectl_core.errors import JobExists
from queuectl_core.lifecycle import STATES, State
from queuectl_core.selection import Selection
from tests import halves
from tests.builders import NOW_MS, completed, jobs_of, new_job
from tests.conformance import steps

RUNS_OR_WAITS_NO_MORE = [State.COMPLETED, State.DEAD, State.CANCELLED]


def test_enqueue_keeps_every_field(store):
    asked = new_job(
        argv=("printf", "%s\n", "ä ' \" \\", ""),
        id="mail:1",
        queue="mail",
        priority=9,
        run_at_ms=NOW_MS + 5,
        max_retries=7,
        timeout_ms=1_500,
        backoff="10,60",
        cwd="/srv",
        env={"LANG": "de_DE.UTF-8", "EMPTY": ""},
        tags=("night", "mail"),
    )

    (added,) = store.enqueue([asked], now_ms=NOW_MS)

    job = steps.job_of(store, added.number)
    plain = asked._asdict()
    assert plain.pop("flow") is None  # test_flow.py has those
    assert {field: getattr(job, field) for field in plain} == plain
    assert (job.state, job.created_at_ms, job.attempts, job.starts) == (State.PENDING, NOW_MS, 0, 0)
    assert store.job_by_id("mail:1") == job


def test_a_job_without_a_moment_is_due_at_once(store):
    (added,) = store.enqueue([new_job()], now_ms=NOW_MS)

    assert added.run_at_ms == NOW_MS
    assert steps.job_of(store, added.number).run_at_ms == NOW_MS


def test_enqueue_adds_jobs_in_the_order_given(store):
    jobs = [new_job(f"echo {n}") for n in range(50)]

    added = store.enqueue(jobs, now_ms=NOW_MS)

    numbers = [one.number for one in added]
    assert numbers == sorted(set(numbers))
    assert [steps.job_of(store, number).command for number in numbers] == [
        job.command for job in jobs
    ]


_VARIED = {
    "command": lambda n: f" echo {n} ä  ",
    "id": lambda n: f"j{n}",
    "queue": lambda n: ("a", "longer", "q")[n % 3],
    "priority": lambda n: n % 10 + 1,
    "max_retries": lambda n: n,
    "run_at_ms": lambda n: NOW_MS + 10**n if n < 12 else None,
    "timeout_ms": lambda n: n if n % 2 else None,
    "tags": lambda n: ("t", f"u{n}") if n % 2 else (),
    "env": lambda n: {"N": f"{n}"},
    "cwd": lambda n: f"/srv/{n} ",
}


@pytest.mark.parametrize("prepared", [False, True])
@pytest.mark.parametrize(
    "names",
    [
        (), ("command",), ("priority",), ("command", "priority"), ("id", "queue"),
        ("id", "command"), ("queue", "priority", "max_retries"), ("command", "run_at_ms"),
        ("command", "timeout_ms"), ("command", "cwd"), ("tags", "env"), tuple(_VARIED),
    ],
)  # fmt: skip
def test_hundreds_of_jobs_are_kept_whatever_differs(store, names, prepared):
    jobs = [new_job(**{name: _VARIED[name](n) for name in names}) for n in range(250)]

    add = (
        store.prepare(jobs, now_ms=NOW_MS)
        if prepared
        else partial(store.enqueue, jobs, now_ms=NOW_MS)
    )

    added = add()

    found = list(reversed(jobs_of(store)))
    wanted = [job._replace(run_at_ms=job.run_at_ms or NOW_MS) for job in jobs]
    fields = [field for field in wanted[0]._fields if field != "flow"]  # test_flow.py has those
    for job, asked in zip(found, wanted, strict=True):
        assert [getattr(job, field) for field in fields] == [
            getattr(asked, field) for field in fields
        ]
    assert len(found) == len(added) == len(jobs)
    assert [(one.number, one.id, one.run_at_ms) for one in added] == [
        (job.number, job.id, job.run_at_ms) for job in found
    ]
    assert added[-1].number == found[-1].number
    steps.assert_figures_are_true(store)


def test_what_was_prepared_meets_an_id_that_came_meanwhile(store):
    prepared = store.prepare([new_job(id=f"j{n}") for n in range(200)], now_ms=NOW_MS)
    skipping = store.prepare(
        [new_job(id=f"j{n}") for n in range(200)], now_ms=NOW_MS, on_conflict="skip"
    )
    store.enqueue([new_job(id="j7")], now_ms=NOW_MS)

    with pytest.raises(JobExists, match='"j7"'):
        prepared()
    assert len(jobs_of(store)) == 1
    assert sum(one.created for one in skipping()) == 199
    steps.assert_figures_are_true(store)


def test_enqueue_mixes_jobs_with_and_without_an_id(store):
    added = store.enqueue([new_job(), new_job(id="a"), new_job()], now_ms=NOW_MS)

    assert [one.id for one in added] == [None, "a", None]
    assert [one.name for one in added][1] == "a"
    steps.assert_figures_are_true(store)


def test_enqueue_of_nothing_adds_nothing(store):
    assert store.enqueue([], now_ms=NOW_MS) == []
    assert steps.view(store).events == []


def test_enqueue_writes_one_event_for_each_job(store):
    added = store.enqueue([new_job(id="a"), new_job(), new_job(id="b")], now_ms=NOW_MS)

    events = [(event.event, event.job, event.at_ms) for event in store.events(limit=9)]
    assert events == [("enqueue", one.number, NOW_MS) for one in reversed(added)]
    steps.assert_figures_are_true(store)


def test_enqueue_adds_nothing_when_one_id_exists(store):
    store.enqueue([new_job(id="a")], now_ms=NOW_MS)
    before = steps.view(store)

    with pytest.raises(JobExists, match='"a"'):
        store.enqueue([new_job(id="b"), new_job(), new_job(id="a")], now_ms=NOW_MS)

    assert steps.view(store) == before
    steps.assert_figures_are_true(store)


def test_enqueue_adds_nothing_when_one_id_comes_twice(store):
    with pytest.raises(JobExists):
        store.enqueue([new_job(id="a"), new_job(id="a")], now_ms=NOW_MS)

    assert steps.view(store).jobs == []


def test_the_store_can_be_used_after_a_refused_enqueue(store, open_another):
    store.enqueue([new_job(id="a")], now_ms=NOW_MS)
    with pytest.raises(JobExists):
        store.enqueue([new_job(id="a")], now_ms=NOW_MS)

    open_another().enqueue([new_job(id="b")], now_ms=NOW_MS)
    store.enqueue([new_job(id="c")], now_ms=NOW_MS)

    assert [job.id for job in jobs_of(store)] == ["c", "b", "a"]


@pytest.mark.parametrize("state", STATES.values())
def test_skip_leaves_the_old_job_and_says_so(store, state):
    number, _ = steps.put(store, state, id="a", run_at_ms=NOW_MS - 1)
    before = steps.job_of(store, number)

    added = store.enqueue(
        [new_job("other", id="a"), new_job(id="b")], now_ms=NOW_MS + 9, on_conflict="skip"
    )

    assert [one.created for one in added] == [False, True]
    assert (added[0].number, added[0].run_at_ms) == (number, before.run_at_ms)
    assert steps.job_of(store, number) == before
    steps.assert_figures_are_true(store)


def test_skip_of_all_jobs_writes_nothing(store):
    store.enqueue([new_job(id="a")], now_ms=NOW_MS)
    before = steps.view(store)

    store.enqueue([new_job(id="a")], now_ms=NOW_MS, on_conflict="skip")

    assert steps.view(store) == before


def test_skip_takes_one_of_two_jobs_with_the_same_new_id(store):
    added = store.enqueue(
        [new_job("first", id="a"), new_job("second", id="a")], now_ms=NOW_MS, on_conflict="skip"
    )

    assert [one.created for one in added] == [True, False]
    assert added[0].number == added[1].number
    assert [job.command for job in jobs_of(store)] == ["first"]
    steps.assert_figures_are_true(store)


@pytest.mark.parametrize("state", [State.PENDING, State.FAILED])
def test_replace_cancels_a_waiting_job_and_takes_its_id(store, state):
    old, _ = steps.put(store, state, id="a")

    (added,) = store.enqueue([new_job("other", id="a")], now_ms=NOW_MS + 9, on_conflict="replace")

    replaced = steps.job_of(store, old)
    assert added.created
    assert added.number != old
    assert (replaced.state, replaced.id, replaced.reason) == (State.CANCELLED, None, "replaced")
    assert steps.job_of(store, added.number).command == "other"
    assert store.job_by_id("a").number == added.number
    assert [event.event for event in store.events(limit=2)] == ["enqueue", "cancel"]
    steps.assert_figures_are_true(store)


@pytest.mark.parametrize("state", RUNS_OR_WAITS_NO_MORE)
def test_replace_leaves_a_final_job_what_it_is_but_for_its_id(store, state):
    old, _ = steps.put(store, state, id="a")
    before = steps.job_of(store, old)

    store.enqueue([new_job(id="a")], now_ms=NOW_MS + 9, on_conflict="replace")

    assert steps.job_of(store, old) == before._replace(id=None)
    steps.assert_figures_are_true(store)


def test_replace_refuses_while_the_old_job_runs(store):
    _, claim = steps.put(store, State.PROCESSING, id="a")
    before = steps.view(store)

    with pytest.raises(JobExists, match="runs"):
        store.enqueue([new_job(id="b"), new_job(id="a")], now_ms=NOW_MS, on_conflict="replace")

    assert steps.view(store) == before
    assert halves.finish(store, [completed(claim)], now_ms=NOW_MS) == [True]


def test_replace_writes_an_enqueue_event_only_for_new_jobs(store):
    store.enqueue([new_job(id="a"), new_job()], now_ms=NOW_MS)

    added = store.enqueue(
        [new_job(id="c"), new_job(id="a"), new_job()], now_ms=NOW_MS, on_conflict="replace"
    )

    born = [event.job for event in store.events(limit=99) if event.event == "enqueue"]
    assert len(born) == len(set(born)) == 5
    assert born[:3] == [one.number for one in reversed(added)]
    steps.assert_figures_are_true(store)


def test_an_id_is_free_again_only_for_replace(store):
    steps.put(store, State.COMPLETED, id="a")

    with pytest.raises(JobExists, match="completed"):
        store.enqueue([new_job(id="a")], now_ms=NOW_MS)


@pytest.mark.parametrize(
    "vary",
    [
        lambda _: {},
        lambda n: {"command": f'echo "{n}" ä\\'},
        lambda n: {"command": f"echo {n}", "priority": n % 10 + 1, "env": {"N": str(n)}},
        lambda n: {
            "command": f"echo {n}", "priority": n % 10 + 1, "queue": f"q{n % 3}",
            "max_retries": n, "cwd": f"/{n}", "run_at_ms": NOW_MS + n, "timeout_ms": n,
        },
        lambda n: {"argv": ("a", str(n)), "tags": (f"t{n % 2}",), "timeout_ms": n or None},
    ],
)  # fmt: skip
def test_many_jobs_at_once_are_what_they_are_one_by_one(store, open_another, vary):
    jobs = [new_job(**vary(n)) for n in range(250)]

    added = store.enqueue(jobs, now_ms=NOW_MS)

    assert [one.number for one in added] == list(range(1, 251))
    for one, asked in zip(added, jobs, strict=True):
        job = steps.job_of(store, one.number)
        moment_ms = NOW_MS if asked.run_at_ms is None else asked.run_at_ms
        wanted = asked._replace(run_at_ms=moment_ms)._asdict()
        del wanted["flow"]  # no job has it here
        assert {field: getattr(job, field) for field in wanted} == wanted
        assert (one.run_at_ms, one.created, job.created_at_ms) == (moment_ms, True, NOW_MS)
    steps.assert_figures_are_true(open_another())


def test_many_named_jobs_at_once_meet_conflicts_as_few_do(store):
    jobs = [new_job(f"echo {n}", id=f"job-{n}") for n in range(200)]
    assert [one.id for one in store.enqueue(jobs, now_ms=NOW_MS)] == [job.id for job in jobs]
    new = [new_job(id=f"new-{n}") for n in range(199)]

    with pytest.raises(JobExists):
        store.enqueue([*new, jobs[7]], now_ms=NOW_MS)
    with pytest.raises(JobExists):
        store.enqueue([*new, new[7]], now_ms=NOW_MS)
    skipped = store.enqueue([*new, jobs[7]], now_ms=NOW_MS, on_conflict="skip")

    assert [one.created for one in skipped] == [True] * 199 + [False]
    assert skipped[-1].number == 8
    assert store.count(Selection()) == 399
    steps.assert_figures_are_true(store)
