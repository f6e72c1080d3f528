from __future__ import annotations

from queuectl_core.lifecycle import EVENTS, STATES, State
from queuectl_core.services import stats
from tests import halves
from tests.builders import MINUTE_MS, NOW_MS, buried, completed, new_job, new_worker, retried


def test_an_empty_queue_has_zeros(store):
    found = stats.status(store, now_ms=NOW_MS)

    assert found.counts == dict.fromkeys(STATES.values(), 0)
    assert (found.workers, found.threads, found.busy, found.oldest_due_ms) == (0, 0, 0, None)
    assert stats.metrics(store, recent=5).average_ms is None


def test_counts_are_summed_over_queues(store):
    store.enqueue([new_job(queue="a"), new_job(queue="b")], now_ms=NOW_MS)

    assert stats.status(store, now_ms=NOW_MS).counts[State.PENDING] == 2


def test_live_workers_and_their_threads_are_counted(store):
    store.register(new_worker(threads=3), now_ms=NOW_MS)
    store.enqueue([new_job()], now_ms=NOW_MS)
    halves.claim(store, worker=1, limit=1, now_ms=NOW_MS)

    found = stats.status(store, now_ms=NOW_MS)

    assert (found.workers, found.threads, found.busy) == (1, 3, 1)


def test_the_oldest_due_age_ignores_jobs_of_the_future(store):
    store.enqueue([new_job(run_at_ms=NOW_MS + MINUTE_MS)], now_ms=NOW_MS)

    assert stats.status(store, now_ms=NOW_MS).oldest_due_ms is None
    assert stats.status(store, now_ms=NOW_MS + 2 * MINUTE_MS).oldest_due_ms == MINUTE_MS


def test_the_average_is_of_completed_runs_only(store):
    store.enqueue([new_job()] * 4, now_ms=NOW_MS)
    claims = halves.claim(store, worker=1, limit=4, now_ms=NOW_MS)
    results = [
        completed(claims[0], duration_ms=1_000),
        completed(claims[1], duration_ms=2_000),
        retried(claims[2], run_at_ms=NOW_MS, duration_ms=90_000),
        buried(claims[3], duration_ms=90_000),
    ]
    halves.finish(store, results, now_ms=NOW_MS)

    found = stats.metrics(store, recent=2)

    assert found.average_ms == 1_500
    assert (found.counts["failed"], found.counts["dlq"], found.counts["started"]) == (2, 1, 4)
    assert len(found.recent) == 2


def test_every_event_has_a_word_and_is_counted():
    events = {"enqueue", "edit", "import", "missed", "late", *(event for event in EVENTS.values())}

    assert set(stats.WORDS) == events
    assert {event for counted in stats.COUNTED.values() for event in counted} == events
