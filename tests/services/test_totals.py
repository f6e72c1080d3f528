"""Sums since the queue began, which look at the last minutes only."""

from __future__ import annotations

from queuectl_core.services.totals import OPEN_MS, Totals
from tests import halves
from tests.builders import MINUTE_MS, NOW_MS, completed, new_job


def test_they_are_what_all_minutes_say(store):
    totals = Totals()
    seen = []

    for place in range(0, 40, 5):
        at_ms = NOW_MS + place * MINUTE_MS
        store.enqueue([new_job(queue="mail"), new_job()], now_ms=at_ms)
        (claim,) = halves.claim(store, worker=1, limit=1, now_ms=at_ms)
        halves.finish(store, [completed(claim)], now_ms=at_ms)
        found = totals.figures(store, now_ms=at_ms)
        seen.append(sorted(found) == sorted(store.insight().figures(since_ms=0)))

    assert all(seen)


def test_what_comes_late_into_an_open_minute_is_counted(store):
    totals = Totals()
    store.enqueue([new_job()], now_ms=NOW_MS)
    totals.figures(store, now_ms=NOW_MS + OPEN_MS)

    store.enqueue([new_job()], now_ms=NOW_MS + MINUTE_MS)

    (row,) = totals.figures(store, now_ms=NOW_MS + OPEN_MS)
    assert (row.event, row.events) == ("enqueue", 2)


def test_a_clock_that_goes_back_counts_nothing_twice(store):
    totals = Totals()
    store.enqueue([new_job()], now_ms=NOW_MS)
    totals.figures(store, now_ms=NOW_MS + 2 * OPEN_MS)

    (row,) = totals.figures(store, now_ms=NOW_MS - 2 * OPEN_MS)

    assert row.events == 1
