"""Broken limits that the suite must catch: by the model of test_flow_model.py, or by a test."""

from __future__ import annotations

import pytest
from hypothesis import Phase

from queuectl_core.errors import QueuectlError
from queuectl_core.storage.sqlite import engine as sqlite_engine
from queuectl_core.storage.sqlite import heads, horizon, intake, jobs, limits
from queuectl_core.storage.sqlite import statements as sql
from queuectl_core.storage.sqlite import statements_limits as limits_sql
from tests.conformance import test_flow_model, test_queue_limits
from tests.conformance.engines import SqliteEngine


def edit_statement(patch, module, name, old, new):
    text = getattr(module, name)
    assert old in text
    patch.setattr(module, name, text.replace(old, new))


def one_more_runs_than_the_limit_says(patch):
    edit_statement(patch, limits_sql, "STANDING", ", concurrency,", ", concurrency + 1,")


def no_queue_is_ever_shut(patch):
    patch.setattr(limits, "look_again", lambda _ledger, _queue: 0)


def the_starts_of_one_transaction_count_once(patch):
    note_start = limits.note_start
    seen = set()

    def note_once(ledger, queue):
        if (id(ledger), queue) not in seen:
            seen.add((id(ledger), queue))
            note_start(ledger, queue)

    patch.setattr(limits, "note_start", note_once)


def a_start_takes_no_token(patch):
    edit_statement(patch, limits_sql, "COUNT_START", "starts + 1", "starts")


def a_token_comes_back_too_early(patch):
    edit_statement(patch, limits_sql, "STANDING", "rate_ms,", "rate_ms - 1,")


def a_new_rate_forgets_the_starts(patch):
    edit_statement(patch, limits_sql, "PAST_STARTS", "WHERE", "WHERE 0 AND")


def a_new_rate_keeps_the_oldest_starts(patch):
    edit_statement(patch, limits_sql, "PAST_STARTS", "at_ms DESC", "at_ms")


def a_spent_queue_never_opens(patch):
    edit_statement(patch, sql, "BEFORE_CLAIM", "opens_at_ms <= :now_ms", "opens_at_ms < 0")


def a_place_is_free_for_the_next_transaction_only(patch):
    patch.setattr(sqlite_engine, "is_limited", lambda _ledger, _queue: False)


def an_idle_worker_sleeps_over_a_token(patch):
    patch.setattr(horizon, "_earliest_opening", lambda _ask, moment_ms: moment_ms)


def a_line_that_comes_back_is_not_found(patch):
    edit_statement(patch, sql, "LOWER_HEAD_TO", "WHERE number", "WHERE 0 AND number")


def a_new_job_does_not_lower_its_head(patch):
    edit_statement(patch, sql, "LOWER_HEAD", "WHERE (excluded", "WHERE 0 AND (excluded")


def a_head_that_is_too_low_is_believed(patch):
    edit_statement(patch, sql, "NEXT_JOB", "queue <> :queue", "queue <> :queue AND 0")


def a_new_line_of_a_shut_queue_is_open(patch):
    for name in ("LOWER_HEAD", "LOWER_HEAD_TO"):
        edit_statement(patch, sql, name, "SELECT shut FROM", "SELECT 0 FROM")


def a_bound_is_raised_above_jobs_that_are_not_due(patch):
    edit_statement(patch, sql, "FIRST_OF_LINE", "ORDER BY run_at_ms", "ORDER BY run_at_ms DESC")


def limited_jobs_are_claimed_ahead(patch):
    best = heads.best

    def unlimited(ledger, queues):
        row = best(ledger, queues)
        return row and (*row[:7], 0, *row[8:])

    patch.setattr(heads, "best", unlimited)


def a_free_place_is_silent(patch):
    look_again = limits.look_again

    def look_in_silence(ledger, queue):
        shut = look_again(ledger, queue)
        ledger.opened.clear()
        return shut

    patch.setattr(limits, "look_again", look_in_silence)


def a_place_that_is_taken_at_once_rings_too(patch):
    note_start = limits.note_start

    def note_and_ring(ledger, queue):
        note_start(ledger, queue)
        ledger.woke = True

    patch.setattr(limits, "note_start", note_and_ring)


def a_token_is_taken_at_the_word_of_somebody_else(patch):
    patch.setattr(jobs, "_is_open", lambda _ledger, _queue: True)


def many_jobs_come_in_whatever_waits(patch):
    patch.setattr(intake, "admit", lambda _ledger, _queues: None)


def what_runs_at_once_takes_no_token(patch):
    edit_statement(patch, limits_sql, "RATE", "WHERE", "WHERE 0 AND")


def a_clock_set_back_shuts_a_queue_for_long(patch):
    patch.setattr(limits, "CLOCK_MS", 10**12)


BY_CHECK = {
    a_new_job_does_not_lower_its_head: (
        test_queue_limits.test_a_line_is_found_again_after_all_that_stood_there_went
    ),
    limited_jobs_are_claimed_ahead: (
        test_queue_limits.test_jobs_of_limited_queues_are_not_claimed_ahead
    ),
    a_bound_is_raised_above_jobs_that_are_not_due: (
        test_queue_limits.test_a_line_of_jobs_to_come_is_found_when_the_first_of_them_is_due
    ),
    a_free_place_is_silent: (
        test_queue_limits.test_a_full_queue_says_no_moment_and_rings_when_a_place_is_free
    ),
    a_place_that_is_taken_at_once_rings_too: (
        test_queue_limits.test_nobody_is_rung_where_the_place_is_taken_at_once
    ),
    a_token_is_taken_at_the_word_of_somebody_else: (
        test_queue_limits.test_a_worker_that_waited_for_the_lock_takes_no_token_before_its_time
    ),
    many_jobs_come_in_whatever_waits: (
        test_queue_limits.test_jobs_that_do_not_all_fit_are_refused_all
    ),
    what_runs_at_once_takes_no_token: (
        test_queue_limits.test_a_job_that_is_to_run_at_once_takes_a_token_or_is_refused
    ),
    a_clock_set_back_shuts_a_queue_for_long: (
        test_queue_limits.test_a_clock_that_was_set_back_shuts_a_queue_for_a_period_at_most
    ),
}
BY_MACHINE = [
    value
    for name, value in list(globals().items())
    if getattr(value, "__module__", "") == __name__
    and not name.startswith("edit_")
    and value not in BY_CHECK
]


@pytest.mark.parametrize("plant", BY_CHECK, ids=lambda plant: plant.__name__)
def test_a_named_check_catches(plant, monkeypatch, store):
    bell = None
    if "bell" in BY_CHECK[plant].__code__.co_varnames:
        bell = store.bell(store.register(test_queue_limits.new_worker(), now_ms=0))
    plant(monkeypatch)

    with pytest.raises((AssertionError, QueuectlError, pytest.fail.Exception)):
        BY_CHECK[plant](store) if bell is None else BY_CHECK[plant](store, bell)
    if bell is not None:
        bell.close()


@pytest.mark.parametrize("plant", BY_MACHINE, ids=lambda plant: plant.__name__)
def test_the_model_catches(plant, monkeypatch, tmp_path):
    plant(monkeypatch)

    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever it finds first
        test_flow_model.run_machine(SqliteEngine, tmp_path, phases=[Phase.generate])
