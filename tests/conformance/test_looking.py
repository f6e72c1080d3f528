from __future__ import annotations

from queuectl_core.lifecycle import State
from tests import halves
from tests.builders import NOW_MS, buried, completed, new_job
from tests.conformance import steps


def test_a_job_that_is_not_there_is_none(store):
    assert store.job_by_number(1) is None
    assert store.job_by_id("a") is None
    assert store.attempts(1) == []
    assert store.select() == ([], None)


def test_an_id_that_looks_like_a_number_is_an_id(store):
    steps.enqueue(store)
    (added,) = store.enqueue([new_job(id="1")], now_ms=NOW_MS)

    assert store.job_by_id("1").number == added.number != 1
    assert store.job_by_number(1).id is None


def test_jobs_come_the_newest_first_page_by_page(store):
    added = [one.number for one in store.enqueue([new_job()] * 5, now_ms=NOW_MS)]

    first = store.select(limit=2)
    second = store.select(limit=2, below=first.below)
    third = store.select(limit=2, below=second.below)

    pages = [[job.number for job in page.jobs] for page in (first, second, third)]
    newest = added[::-1]
    assert pages == [newest[:2], newest[2:4], newest[4:]]
    assert third.below is None


def test_events_come_the_newest_first_with_the_name_of_the_job(store):
    claim = steps.claimed(store, id="a")
    halves.finish(store, [buried(claim)], now_ms=NOW_MS + 5)

    last, *_ = store.events(limit=2)

    assert len(store.events(limit=2)) == 2
    assert (last.event, last.at_ms, last.duration_ms, last.detail) == (
        "bury", NOW_MS + 5, 7, "no such host",
    )  # fmt: skip
    assert last.name == "a"


def test_the_event_of_a_job_without_an_id_is_named_by_its_number(store):
    number = steps.enqueue(store)

    assert store.events(limit=1)[0].name == str(number)


def test_an_empty_queue_has_no_counts_and_no_totals(store):
    assert store.counts() == []
    assert steps.totals(store) == {}


def test_another_connection_sees_what_was_done_at_once(store, open_another):
    claim = steps.claimed(store)
    other = open_another()

    halves.finish(store, [completed(claim)], now_ms=NOW_MS)

    assert steps.view(other) == steps.view(store)
    assert steps.job_of(other, claim.job.number).state is State.COMPLETED
