from __future__ import annotations

import pytest

from queuectl_core.lifecycle import State
from queuectl_core.selection import ORDERS, Selection
from queuectl_core.storage.sqlite import selecting
from tests import halves
from tests.builders import NOW_MS, buried, completed, jobs_of, new_job
from tests.conformance import steps


def numbers(store, **fields):
    return [job.number for job in jobs_of(store, **fields)]


def test_jobs_are_selected_by_state_and_queue(store):
    dead, _ = steps.put(store, State.DEAD, queue="a")
    other, _ = steps.put(store, State.DEAD, queue="b")
    done, _ = steps.put(store, State.COMPLETED, queue="b")
    waiting, _ = steps.put(store, State.PENDING, queue="a")

    assert numbers(store, states=(State.DEAD,), queue="a") == [dead]
    assert numbers(store, states=(State.DEAD, State.COMPLETED)) == [done, other, dead]
    assert numbers(store, queue="a") == [waiting, dead]
    assert numbers(store, queue="none") == []


def test_jobs_are_selected_by_tag_with_any_other_field(store):
    both = steps.enqueue(store, tags=("night", "mail"), queue="a")
    steps.enqueue(store, tags=("mail",), queue="a")
    other = steps.enqueue(store, tags=("night",), queue="b")
    steps.enqueue(store)

    assert numbers(store, tag="night") == [other, both]
    assert numbers(store, tag="night", queue="a", states=(State.PENDING,)) == [both]
    assert numbers(store, tag="nigh") == []
    assert store.job_by_number(both).tags == ("night", "mail")
    assert store.job_by_number(4).tags == ()


def test_a_pruned_job_is_not_found_by_its_tag(store):
    claim = steps.claimed(store, tags=("night",))
    halves.finish(store, [completed(claim)], now_ms=NOW_MS)

    store.prune(before_ms=NOW_MS + 1, keep=None, limit=100, now_ms=NOW_MS + 1)

    assert numbers(store, tag="night") == []


def test_age_is_that_of_the_end_or_else_of_the_birth(store):
    claim = steps.claimed(store)
    halves.finish(store, [completed(claim)], now_ms=NOW_MS + 50)
    waiting = steps.enqueue(store, now_ms=NOW_MS + 20)

    assert numbers(store, before_ms=NOW_MS + 20) == []
    assert numbers(store, before_ms=NOW_MS + 21) == [waiting]
    assert numbers(store, before_ms=NOW_MS + 51) == [waiting, claim.job.number]


def test_since_is_included_and_until_is_not(store):
    first, second, _ = [steps.enqueue(store, now_ms=NOW_MS + at) for at in (0, 10, 20)]

    assert numbers(store, since_ms=NOW_MS + 10, until_ms=NOW_MS + 20) == [second]
    assert numbers(store, until_ms=NOW_MS + 10) == [first]


def test_grep_looks_into_command_id_argv_and_error(store):
    claim = steps.claimed(store, command="rsync -a src/ dst/")
    halves.finish(store, [buried(claim, error="No Space Left")], now_ms=NOW_MS)
    words = steps.enqueue(store, argv=("rsync", "-a", "Müll"))
    named = steps.enqueue(store, command="true", id="nightly_1")

    assert numbers(store, grep="RSYNC -a") == [words, claim.job.number]
    assert numbers(store, grep="no space") == [claim.job.number]
    assert numbers(store, grep="a Müll") == [words]
    assert numbers(store, grep="NIGHTLY") == [named]


@pytest.mark.parametrize("special", ["%", "_", "\\", '"', "'"])
def test_grep_takes_its_text_literally(store, special):
    steps.enqueue(store, command="echo ab")
    found = steps.enqueue(store, command=f"echo a{special}b")

    assert numbers(store, grep=f"a{special}b") == [found]


def test_jobs_asked_for_by_number_come_in_that_order(store):
    steps.enqueue(store, queue="a")
    steps.enqueue(store, queue="b")
    steps.enqueue(store, queue="a")

    assert numbers(store, numbers=(3, 99, 1)) == [3, 1]
    assert numbers(store, numbers=(3, 2, 1), queue="b") == [2]


def test_a_look_for_something_rare_ends_and_goes_on(store, monkeypatch):
    monkeypatch.setattr(selecting, "REACH", 10)
    wanted = steps.enqueue(store, command="needle")
    store.enqueue([new_job()] * 25, now_ms=NOW_MS)

    first = store.select(Selection(grep="needle"), limit=5)
    second = store.select(Selection(grep="needle"), below=first.below, limit=5)
    third = store.select(Selection(grep="needle"), below=second.below, limit=5)

    assert [list(first.jobs), list(second.jobs)] == [[], []]
    assert [job.number for job in third.jobs] == [wanted]
    assert third.below is None


@pytest.mark.parametrize("reach", [1, 3, 20_000])
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"states": (State.DEAD,)},
        {"states": (State.COMPLETED, State.PENDING)},
        {"queue": "a"},
        {"tag": "t"},
        {"tag": "t", "states": (State.DEAD, State.COMPLETED), "queue": "b"},
        {"grep": "5", "queue": "a"},
    ],
)
def test_every_way_to_page_finds_the_same(store, monkeypatch, reach, fields):
    for place in range(24):
        state = [State.DEAD, State.COMPLETED, State.CANCELLED][place % 3]
        tags = ("t",) if place % 4 == 0 else ()
        steps.put(store, state, queue="ab"[place % 2], tags=tags, command=f"echo {place}")
    steps.put(store, State.PENDING, queue="a")
    wanted = [
        job.number
        for job in jobs_of(store)
        if job.state in (fields.get("states") or [job.state])
        and job.queue == fields.get("queue", job.queue)
        and ("tag" not in fields or job.tags)
        and fields.get("grep", "") in (job.command or "")
    ]
    monkeypatch.setattr(selecting, "REACH", reach)

    for limit in (1, 2, 500):
        found, below, pages = [], None, 0
        while pages == 0 or below is not None:
            jobs, below = store.select(Selection(**fields), below=below, limit=limit)
            found += [job.number for job in jobs]
            pages += 1
        assert found == wanted


def test_a_ranking_sorts_all_and_puts_what_has_no_value_last(store):
    low = steps.enqueue(store, priority=1, run_at_ms=NOW_MS + 5)
    high = steps.enqueue(store, priority=9, run_at_ms=NOW_MS + 1)
    claim = steps.claimed(store, priority=5, run_at_ms=NOW_MS)
    done = claim.job.number
    halves.finish(store, [completed(claim, duration_ms=7)], now_ms=NOW_MS + 2)

    def ranking(order, **options):
        return list(store.ranking(Selection(), order=order, **options))

    assert ranking("priority") == [high, done, low]
    assert ranking("run_at", descending=False) == [done, high, low]
    assert ranking("number", limit=2) == [done, high]
    assert ranking("duration") == ranking("finished_at") == [done, high, low]
    assert ranking("duration", descending=False)[0] == done
    assert list(store.ranking(Selection(states=(State.COMPLETED,)), order="priority")) == [done]


def test_every_order_has_a_statement(store):
    steps.enqueue(store)

    for order in ORDERS:
        assert list(store.ranking(Selection(), order=order)) == [1]
