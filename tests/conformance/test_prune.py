from __future__ import annotations

import os

import apsw
import pytest

from queuectl_core.lifecycle import State
from queuectl_core.storage.sqlite import statements as sql
from tests import halves
from tests.builders import MINUTE_MS, NOW_MS, buried, completed, jobs_of, new_job, released, retried
from tests.conformance import steps

DAY_MS = 24 * 60 * MINUTE_MS
LATER_MS = NOW_MS + 40 * DAY_MS
MANY = 1_000
KEPT = [State.PROCESSING, State.DEAD, State.FAILED, State.PENDING]


def prune(store, *, before_ms=None, keep=None, limit=MANY, now_ms=LATER_MS):
    pruned = store.prune(before_ms=before_ms, keep=keep, limit=limit, now_ms=now_ms)
    return [job.number for job in pruned.jobs]


def prune_all(store, **rules):
    """Prune until there is no more; return how many were forgotten by each call."""
    pruned = []
    while True:
        one = store.prune(now_ms=LATER_MS, **({"before_ms": None, "keep": None} | rules))
        pruned.append(len(one.jobs))
        if not one.more:
            return pruned


def completed_at(store, *moments_ms):
    """Complete a job at each of these moments, in this order; return their numbers."""
    numbers = []
    for now_ms in moments_ms:
        claim = steps.claimed(store, now_ms=now_ms)
        halves.finish(store, [completed(claim)], now_ms=now_ms)
        numbers.append(claim.job.number)
    return numbers


def numbers_of(store):
    return sorted(job.number for job in jobs_of(store))


def counted(store):
    return {(count.queue, count.state): count.jobs for count in store.counts()}


def test_completed_and_cancelled_jobs_that_are_old_are_forgotten(store):
    done, _ = steps.put(store, State.COMPLETED)
    cancelled, _ = steps.put(store, State.CANCELLED)

    assert prune(store, before_ms=NOW_MS + 1) == [done, cancelled]
    assert numbers_of(store) == []
    assert store.attempts(done) == []
    assert store.events(limit=MANY) == []
    assert store.counts() == []


def test_all_other_jobs_stay_with_their_attempts_whatever_their_age(store):
    numbers = [steps.put(store, state)[0] for state in KEPT]
    attempts = [store.attempts(number) for number in numbers]
    before = jobs_of(store)

    assert prune(store, before_ms=LATER_MS, keep=0) == []
    assert jobs_of(store) == before
    assert [store.attempts(number) for number in numbers] == attempts
    steps_counts = {("default", state): 1 for state in KEPT}
    assert counted(store) == steps_counts


def test_a_job_that_ended_at_the_very_moment_is_kept(store):
    old, young = completed_at(store, NOW_MS, NOW_MS + 1)

    assert prune(store, before_ms=NOW_MS + 1) == [old]
    assert numbers_of(store) == [young]


def test_what_counts_is_when_a_job_ended_not_when_it_was_added(store):
    first, second = (one.number for one in store.enqueue([new_job()] * 2, now_ms=NOW_MS))
    one, two = halves.claim(store, worker=1, limit=2, now_ms=NOW_MS)
    halves.finish(store, [completed(two)], now_ms=NOW_MS)
    halves.finish(store, [completed(one)], now_ms=NOW_MS + 5)

    assert prune(store, keep=1) == [second]
    assert prune(store, before_ms=NOW_MS + 6) == [first]


def test_the_newest_are_kept(store):
    numbers = completed_at(store, *range(NOW_MS, NOW_MS + 5))

    assert prune(store, keep=2) == numbers[:3]
    assert numbers_of(store) == numbers[3:]


def test_fewer_than_are_kept_stay(store):
    numbers = completed_at(store, NOW_MS, NOW_MS)

    assert prune(store, keep=2) == []
    assert numbers_of(store) == numbers


def test_without_a_rule_nothing_is_forgotten(store):
    numbers = completed_at(store, NOW_MS)
    events = store.events(limit=MANY)

    assert prune(store) == []
    assert numbers_of(store) == numbers
    assert store.events(limit=MANY) == events


def test_both_rules_count_together(store):
    numbers = completed_at(store, NOW_MS, NOW_MS + 1, NOW_MS + 2, NOW_MS + 3)

    assert prune(store, before_ms=NOW_MS + 1, keep=2) == numbers[:2]
    assert prune(store, before_ms=NOW_MS + 3, keep=2) == numbers[2:3]


def test_dead_jobs_do_not_count_as_kept(store):
    for _ in range(3):
        steps.put(store, State.DEAD)
    (number,) = completed_at(store, NOW_MS)

    assert prune(store, keep=1) == []
    assert number in numbers_of(store)


def test_a_revived_job_is_forgotten_only_after_its_last_end(store):
    (number,) = completed_at(store, NOW_MS)
    store.revive([number], now_ms=NOW_MS + 1)

    assert prune(store, before_ms=NOW_MS + 1, keep=0) == []

    halves.finish(store, [completed(steps.claim(store, now_ms=NOW_MS + 2))], now_ms=NOW_MS + 3)

    assert prune(store, before_ms=NOW_MS + 3) == []
    assert prune(store, before_ms=NOW_MS + 4) == [number]


def test_a_revived_job_that_ended_again_is_not_among_the_oldest(store):
    again, once = completed_at(store, NOW_MS, NOW_MS + 1)
    store.revive([again], now_ms=NOW_MS + 2)
    halves.finish(store, [completed(steps.claim(store, now_ms=NOW_MS + 2))], now_ms=NOW_MS + 3)

    assert prune(store, keep=1) == [once]
    assert numbers_of(store) == [again]


def test_the_starts_of_a_forgotten_job_are_told(store):
    claim = steps.claimed(store)
    halves.finish(store, [released(claim)], now_ms=NOW_MS)
    halves.finish(store, [retried(steps.claim(store), run_at_ms=NOW_MS)], now_ms=NOW_MS)
    halves.finish(store, [completed(steps.claim(store))], now_ms=NOW_MS)

    (job,) = store.prune(before_ms=LATER_MS, keep=None, limit=MANY, now_ms=LATER_MS).jobs

    assert (job.number, job.starts) == (claim.job.number, 3)
    assert store.attempts(claim.job.number) == []


def test_one_call_looks_at_no_more_than_its_limit(store):
    completed_at(store, *[NOW_MS] * 10)  # three events each

    forgotten = prune_all(store, before_ms=LATER_MS, limit=6)

    assert sum(forgotten) == 10
    assert max(forgotten) == 2
    assert numbers_of(store) == []


def test_counts_stay_true_in_each_queue(store):
    for queue in "aab":
        steps.put(store, State.COMPLETED, queue=queue)
    steps.put(store, State.CANCELLED, queue="b")

    prune(store, keep=1)

    assert counted(store) == {("b", State.CANCELLED): 1}


def test_totals_stay_true(store):
    for day in range(3):
        for minute in range(5):
            completed_at(store, NOW_MS + day * DAY_MS + minute * MINUTE_MS)
    before = steps.totals(store)

    prune_all(store, before_ms=NOW_MS + 2 * DAY_MS, limit=7)

    assert steps.totals(store) == before
    assert len(numbers_of(store)) == 5


def test_figures_that_come_after_a_fold_are_added(store):
    completed_at(store, NOW_MS)
    prune_all(store, before_ms=LATER_MS, limit=MANY)

    completed_at(store, NOW_MS, LATER_MS)
    prune_all(store, before_ms=LATER_MS + DAY_MS, limit=MANY)

    assert steps.totals(store) == {"enqueue": (3, 0), "claim": (3, 0), "complete": (3, 15)}


def test_a_forgotten_id_is_free(store):
    number, _ = steps.put(store, State.COMPLETED, id="a")

    prune(store, before_ms=LATER_MS)
    (again,) = store.enqueue([new_job(id="a")], now_ms=LATER_MS)

    assert again.created
    assert again.number > number


def test_the_number_of_a_forgotten_job_never_comes_back(store):
    (number,) = completed_at(store, NOW_MS)

    prune(store, keep=0)

    assert steps.enqueue(store) == number + 1


def test_a_late_result_of_a_forgotten_job_is_refused(engine, store):
    worker, late = steps.leave_behind(engine)
    store.rescue(steps.dead_worker(store, worker), now_ms=NOW_MS)
    halves.finish(store, [completed(steps.claim(store))], now_ms=NOW_MS)
    prune(store, keep=0)

    assert halves.finish(store, [buried(late)], now_ms=LATER_MS) == [False]
    assert counted(store) == {}


def test_old_history_of_kept_jobs_goes_and_young_history_stays(store):
    steps.put(store, State.DEAD)
    steps.enqueue(store, now_ms=NOW_MS + 5)

    prune(store, before_ms=NOW_MS + 5)

    assert [event.event for event in store.events(limit=MANY)] == ["enqueue"]


def test_a_moment_of_a_wrong_clock_keeps_what_came_after_it(store):
    completed_at(store, LATER_MS, NOW_MS)

    assert prune(store, before_ms=NOW_MS + 1) == []


# --- of SQLite only ---


@pytest.fixture
def rollups(engine):
    """Return (minute, events) of each figure that is kept."""

    def rollups():
        connection = apsw.Connection(engine.url)
        rows = connection.execute("SELECT minute, events FROM rollups ORDER BY minute").fetchall()
        connection.close()
        return rows

    return rollups


@pytest.mark.parametrize("limit", [1, 4, MANY])
def test_old_minutes_become_days(store, rollups, limit):
    for minute in range(4):
        steps.enqueue(store, now_ms=NOW_MS + minute * MINUTE_MS)
    steps.enqueue(store, now_ms=NOW_MS + DAY_MS)
    today = NOW_MS // DAY_MS * 24 * 60

    prune_all(store, before_ms=NOW_MS + DAY_MS, limit=limit)

    assert rollups() == [(today, 4), ((NOW_MS + DAY_MS) // MINUTE_MS, 1)]


def test_prune_reads_its_oldest_rows_and_sorts_nothing(store, engine):
    connection = apsw.Connection(engine.url)
    plans = {
        name: [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {text}", values)]
        for name, text, values in [
            ("events", sql.OLDEST_EVENTS, {"limit": 1}),
            ("rollups", sql.OLD_MINUTES, {"before": 1, "limit": 1}),
            ("job", sql.ENDED_JOB, {"number": 1, "at_ms": 1}),
            ("attempts", sql.DELETE_ATTEMPTS, {"number": 1}),
            ("cut", sql.DELETE_EVENTS, {"last": 1}),
        ]
    }
    connection.close()

    assert plans == {
        "events": ["SCAN events"],
        "rollups": ["SEARCH rollups USING PRIMARY KEY (minute<?)"],
        "job": ["SEARCH jobs USING INTEGER PRIMARY KEY (rowid=?)"],
        "attempts": ["SEARCH attempts USING PRIMARY KEY (job=?)"],
        "cut": ["SEARCH events USING INTEGER PRIMARY KEY (rowid<?)"],
    }


# --- the log of changes ---

BIG_COMMAND = "x" * 60_000


def log_bytes(engine):
    return os.stat(f"{engine.url}-wal").st_size


@pytest.fixture
def reader(engine):
    """Begin to read the queue from outside; whoever calls `reader.close()` ends it."""
    connection = apsw.Connection(engine.url)
    connection.execute("BEGIN")
    connection.execute("SELECT count(*) FROM jobs").fetchall()
    yield connection
    connection.close()


def grow_log(store, engine, size_bytes):
    """Fill the log in one transaction: after each one SQLite may begin it anew."""
    jobs = [new_job(BIG_COMMAND)] * (size_bytes // len(BIG_COMMAND) + 1)
    store.enqueue(jobs, now_ms=NOW_MS)
    assert log_bytes(engine) >= size_bytes


def test_a_log_that_nobody_reads_is_emptied(store, engine):
    grow_log(store, engine, 1_000_000)

    assert store.trim_log(above_bytes=500_000) == 0
    assert log_bytes(engine) == 0
    assert store.select(limit=1).jobs[0].command == BIG_COMMAND


def test_a_small_log_is_left_alone(store, engine):
    steps.enqueue(store)
    size_bytes = log_bytes(engine)

    assert store.trim_log(above_bytes=size_bytes) == size_bytes > 0


def test_a_log_that_a_reader_needs_stays_and_nobody_waits_for_him(store, engine, reader):
    grow_log(store, engine, 8_000_000)
    size_bytes = log_bytes(engine)

    assert store.trim_log(above_bytes=0) == size_bytes
    assert steps.claim(store).job.command == BIG_COMMAND

    reader.close()

    assert store.trim_log(above_bytes=0) == 0


def test_a_reader_of_the_newest_state_is_not_waited_for_either(store, engine, open_another):
    grow_log(store, engine, 1_000_000)
    other = open_another()
    steps.enqueue(other)  # not in the queue file yet, so that the reader needs the log
    late = apsw.Connection(engine.url)
    late.execute("BEGIN")
    late.execute("SELECT count(*) FROM jobs").fetchall()

    size_bytes = store.trim_log(above_bytes=0)
    late.close()

    assert size_bytes == log_bytes(engine) > 0
    steps.enqueue(other)
    assert store.trim_log(above_bytes=0) == 0
