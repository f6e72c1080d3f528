from __future__ import annotations

import pytest

from queuectl_core.lifecycle import State
from queuectl_core.storage.records import Pause
from tests import halves
from tests.builders import NOW_MS, completed, retried
from tests.conformance import steps


def pause(store, queue=None, **changes):
    return store.pause(queue, **({"by": "ann", "reason": None, "now_ms": NOW_MS} | changes))


def claims(store):
    return [claim.job.queue for claim in halves.claim(store, worker=1, limit=9, now_ms=NOW_MS)]


def test_jobs_of_a_paused_queue_are_not_claimed(store):
    steps.enqueue(store, queue="mail")
    steps.enqueue(store, queue="other")

    assert pause(store, "mail") is True

    assert claims(store) == ["other"]
    assert store.resume("mail", now_ms=NOW_MS) is True
    assert claims(store) == ["mail"]


def test_a_pause_of_all_holds_later_queues_too(store):
    pause(store)
    steps.enqueue(store, queue="new")

    assert claims(store) == []
    assert store.resume("new", now_ms=NOW_MS) is False
    assert claims(store) == []
    assert store.resume(None, now_ms=NOW_MS) is True
    assert claims(store) == ["new"]


def test_resuming_all_ends_every_pause(store):
    pause(store, "a")
    pause(store, "b")

    store.resume(None, now_ms=NOW_MS)

    assert store.pauses() == []
    assert store.resume(None, now_ms=NOW_MS) is False


def test_a_pause_says_who_when_and_why_and_the_last_word_counts(store, open_another):
    pause(store, "mail", reason="smtp is down")
    pause(store)
    assert pause(store, "mail", by="bob", now_ms=NOW_MS + 5) is False

    assert open_another().pauses() == [
        Pause(None, NOW_MS, "ann", None),
        Pause("mail", NOW_MS + 5, "bob", None),
    ]


def test_a_running_job_of_a_paused_queue_ends_as_any(store):
    claim = steps.claimed(store, queue="mail")
    pause(store, "mail")

    assert halves.finish(store, [completed(claim)], now_ms=NOW_MS) == [True]
    assert steps.job_of(store, claim.job.number).state is State.COMPLETED


def test_a_paused_queue_is_nothing_to_wait_for(store):
    steps.enqueue(store, queue="mail")
    pause(store, "mail")

    assert store.next_due_ms() is None
    assert store.unsettled(now_ms=NOW_MS) is False


@pytest.mark.parametrize("queue", ["mail", None])
def test_a_retry_in_a_paused_queue_does_not_keep_a_draining_worker(store, queue):
    claim = steps.claimed(store, queue="mail")
    pause(store, queue)
    assert store.unsettled(now_ms=NOW_MS) is True

    halves.finish(store, [retried(claim, run_at_ms=NOW_MS + 9)], now_ms=NOW_MS)

    assert store.unsettled(now_ms=NOW_MS) is False
    store.resume(queue, now_ms=NOW_MS)
    assert store.unsettled(now_ms=NOW_MS) is True
    assert store.next_due_ms() == NOW_MS + 9
