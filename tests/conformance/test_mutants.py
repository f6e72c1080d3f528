"""Broken engines that the suite must catch: what a test is worth shows when something is wrong.

Each mutant breaks one rule of the engine. The stateful model of test_stateful.py must fail on those
of BY_MACHINE; for those of BY_CHECK a test of this suite is named that must fail by itself.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import Phase

from queuectl_core import retry
from queuectl_core.errors import QueuectlError
from queuectl_core.job import Job
from queuectl_core.lifecycle import TRANSITIONS, Event, State
from queuectl_core.retry import Rescue
from queuectl_core.run import Ending
from queuectl_core.storage.sqlite import bell, heads, presence, rows
from queuectl_core.storage.sqlite import engine as sqlite_engine
from queuectl_core.storage.sqlite import jobs as steps_of_jobs
from queuectl_core.storage.sqlite import statements as sql
from queuectl_core.storage.sqlite import statements_heads as heads_sql
from queuectl_core.storage.sqlite.ledger import Ledger
from tests.builders import NOW_MS, new_worker
from tests.conformance import (
    test_cancel_revive,
    test_claim,
    test_enqueue,
    test_finish,
    test_on_crash,
    test_prune,
    test_stateful,
    test_suspects,
    test_workers,
)
from tests.conformance.engines import SqliteEngine

if TYPE_CHECKING:
    from collections.abc import Callable

FENCED = [Event.COMPLETE, Event.FAIL, Event.BURY, Event.STOP, Event.RELEASE, Event.RESCUE]


def edit(text, old, new):
    """Replace a part that must be there: a mutant that changes nothing proves nothing."""
    assert old in text
    return text.replace(old, new)


def edit_statement(patch, name, old, new, module=sql):
    patch.setattr(module, name, edit(getattr(module, name), old, new))


def edit_moves(patch, events, old, new):
    for event in events:
        patch.setitem(sql.MOVES, event, edit(sql.MOVES[event], old, new))


# --- the mutants ---


def finish_without_the_token_fence(patch):
    edit_moves(patch, FENCED, "AND token = :token", "")


def finish_fenced_by_the_worker_only(patch):
    edit_moves(patch, FENCED, "AND token = :token", "AND worker = 1")


def claim_gives_every_claim_the_same_token(patch):
    edit_moves(patch, [Event.CLAIM], "random()", "7")


def claim_ignores_run_at(patch):
    for name in ("BEST_HEAD", "BEST_HEAD_OF_QUEUE", "NEXT_JOB"):
        edit_statement(patch, name, "AND run_at_ms <= :now_ms", "")


def claim_takes_a_job_one_moment_late(patch):
    for name in ("BEST_HEAD", "BEST_HEAD_OF_QUEUE"):
        edit_statement(patch, name, "AND run_at_ms <= :now_ms", "AND run_at_ms < :now_ms")


def claim_ignores_priority(patch):
    edit_statement(patch, "BEST_HEAD", "priority = 10", "priority > 0")
    edit_statement(patch, "BEST_HEAD_OF_QUEUE", "priority DESC", "run_at_ms")


def claim_takes_the_newest_of_a_moment(patch):
    edit_statement(
        patch, "NEXT_JOB", "ORDER BY run_at_ms, number", "ORDER BY run_at_ms, number DESC"
    )


def claim_ignores_the_queues(patch):
    best = heads.best
    patch.setattr(heads, "best", lambda ledger, _queues: best(ledger, None))


def claim_forgets_failed_jobs(patch):
    edit_statement(patch, "NEXT_JOB", "'failed'", "'none'")


def claim_forgets_to_count_the_attempt(patch):
    edit_moves(patch, [Event.CLAIM], "attempts = attempts + 1,", "")


def claim_reuses_the_number_of_a_start(patch):
    edit_moves(patch, [Event.CLAIM], "starts = starts + 1", "starts = attempts + 1")


def finish_does_not_update_the_counts(patch):
    count = Ledger.count
    finals = (State.COMPLETED, State.DEAD)

    def count_but_finals(ledger, queue, state, jobs):
        if state not in finals:
            count(ledger, queue, state, jobs)

    patch.setattr(Ledger, "count", count_but_finals)


def finish_writes_no_attempt(patch):
    edit_statement(patch, "INSERT_ATTEMPT", "INSERT INTO", "INSERT OR IGNORE INTO")
    edit_statement(patch, "ATTEMPTS", "WHERE job = :number", "WHERE job = :number AND start > 1")


def finish_forgets_the_moment_of_the_retry(patch):
    edit_moves(patch, [Event.FAIL], "coalesce(:run_at_ms, run_at_ms)", "run_at_ms")


def finish_keeps_a_cancel_request(patch):
    edit_moves(patch, FENCED, "cancel_requested = 0,", "")
    edit_moves(patch, [Event.CLAIM], ", cancel_requested = 0", "")


def release_counts_the_attempt(patch):
    edit_moves(patch, [Event.RELEASE], "attempts - :uncounted", "attempts - 0 * :uncounted")


def rescue_does_not_count_the_crash(patch):
    edit_moves(patch, [Event.RESCUE], "crashes + :crashed", "crashes + 0 * :crashed")


def rescue_never_finds_poison(patch):
    patch.setattr("queuectl_core.retry.POISON_CRASHES", 99)


def rescue_forgets_that_a_cancel_was_wanted(patch):
    patch.setattr("queuectl_core.retry.after_crash", lambda _job: Rescue())


def rescue_runs_again_what_must_not_repeat(patch):
    patch.setattr("queuectl_core.retry._burial", lambda _job: None)


def enqueue_forgets_what_follows_a_crash(patch):
    new_job = rows.new_job
    patch.setattr(rows, "new_job", lambda new, now_ms: new_job(forgetful(new), now_ms))


def forgetful(new):
    return new._replace(on_crash="retry")


def rescue_does_not_count_the_attempt(patch):
    edit_moves(patch, [Event.RESCUE], "attempts - :uncounted", "attempts - 1 - :uncounted")


def enqueue_drops_the_event(patch):
    edit_statement(patch, "INSERT_ENQUEUE_EVENTS", "WHERE", "WHERE 0 AND")


def enqueue_writes_an_event_for_the_first_job_only(patch):
    edit_statement(patch, "INSERT_ENQUEUE_EVENTS", "AND :last", "AND :first + 0 * :last")


def enqueue_counts_each_batch_once(patch):
    count = Ledger.count

    def count_once(ledger, queue, state, jobs):
        key = (queue, state)
        if state is not State.PENDING or jobs < 0 or key not in ledger._counts:
            count(ledger, queue, state, jobs)

    patch.setattr(Ledger, "count", count_once)


def replace_leaves_the_old_job_waiting(patch):
    patch.setattr(steps_of_jobs, "CLAIMABLE", ())


def cancel_moves_a_running_job_directly(patch):
    edit_moves(patch, [Event.CANCEL], "state IN ('pending'", "state IN ('processing', 'pending'")
    ask = steps_of_jobs.cancel

    def cancel(ledger, number):
        place = steps_of_jobs._place(ledger, number)
        if place is None or place.state is not State.PROCESSING:
            return ask(ledger, number)
        ledger.move(Event.CANCEL, place, {"reason": "cancelled", "now_ms": ledger.now_ms})
        return State.CANCELLED

    patch.setattr(steps_of_jobs, "cancel", cancel)


def cancel_forgets_the_failed(patch):
    edit_moves(patch, [Event.CANCEL], ", 'failed'", "")


def cancel_requests_are_heard_by_every_worker(patch):
    edit_statement(patch, "CANCEL_REQUESTS", "AND worker = :worker", "")


def revive_keeps_the_attempts(patch):
    edit_moves(patch, [Event.REVIVE], "attempts = 0, crashes = 0,", "")


def revive_keeps_the_moment(patch):
    edit_moves(patch, [Event.REVIVE], "run_at_ms = :run_at_ms,", "")


def a_failed_transaction_is_committed(patch):
    leave = Ledger.__exit__

    def leave_and_keep(ledger, kind, error, trace):
        leave(ledger, None, None, None)

    patch.setattr(Ledger, "__exit__", leave_and_keep)


def register_takes_an_id_that_unrescued_jobs_name(patch):
    edit_statement(patch, "HAS_CLAIMS", "WHERE", "WHERE 0 AND")


def register_never_uses_an_id_again(patch):
    free_ids = presence.free_ids

    def new_ids(directory):
        used = {int(name.split(".")[0]) for name in os.listdir(directory)}
        return ((worker, hold) for worker, hold in free_ids(directory) if worker not in used)

    patch.setattr(presence, "free_ids", new_ids)


def a_worker_is_alive_as_long_as_its_row_is_there(patch):
    patch.setattr(presence, "is_alive", lambda _directory, _worker: True)


def a_dead_worker_is_taken_by_every_rescuer(patch):
    def hold_nothing(directory, worker):
        return os.open(os.devnull, os.O_RDONLY)

    patch.setattr(presence, "try_hold", hold_nothing)


def nobody_rings_the_bell(patch):
    patch.setattr(bell, "ring", lambda _directory: None)


def next_due_knows_pending_jobs_only(patch):
    edit_statement(patch, "FIRST_STARTABLE", "'failed'", "'none'", heads_sql)


def unsettled_forgets_retries(patch):
    edit_statement(patch, "IN_FLIGHT", "'failed'", "'none'", heads_sql)


def suspects_run_side_by_side(patch):
    edit_statement(patch, "SUSPECT_RUNS", "SELECT EXISTS", "SELECT 0 AND EXISTS")


def a_running_suspect_holds_up_all(patch):
    edit_statement(patch, "NEXT_CLEAR_JOB", "crashes < 2", "crashes < 0")


def rescue_blames_whoever_ran_beside_a_suspect(patch):
    patch.setattr(retry, "after_death", lambda jobs: [retry.after_crash(job) for job in jobs])


def next_due_tells_of_suspects_that_wait(patch):
    edit_statement(patch, "FIRST_STARTABLE", "crashes < 2 OR", "1 OR", heads_sql)


def unsettled_forgets_suspects_that_wait(patch):
    edit_statement(patch, "IS_DUE", ":now_ms", ":now_ms AND crashes < 2", heads_sql)


def the_end_of_a_suspect_is_silent(patch):
    patch.setattr(Job, "suspect", False)


def finish_and_claim_is_two_transactions(patch):
    whole = sqlite_engine.SqliteStore.finish_and_claim

    def finish_and_claim(store, results, *, limit, **rest):
        held = [whole(store, [result], limit=0, **rest)[0][0] for result in results]
        return held, whole(store, [], limit=limit, **rest)[1]

    patch.setattr(sqlite_engine.SqliteStore, "finish_and_claim", finish_and_claim)


def a_crash_looks_like_an_exit(patch):
    interrupted = steps_of_jobs.interrupted
    patch.setattr(
        steps_of_jobs,
        "interrupted",
        lambda job, now_ms: interrupted(job, now_ms)._replace(ending=Ending.EXIT),
    )


def prune_forgets_dead_jobs_too(patch):
    edit_statement(patch, "ENDED_JOB", "'completed'", "'completed', 'dead'")
    patch.setattr(sql, "ENDINGS", sql.ENDINGS | {Event.BURY})


def prune_leaves_the_counts(patch):
    count = Ledger.count

    def count_what_comes(ledger, queue, state, jobs):
        if state is not State.COMPLETED or jobs > 0:
            count(ledger, queue, state, jobs)

    patch.setattr(Ledger, "count", count_what_comes)


def prune_takes_a_revived_job_by_its_first_end(patch):
    edit_statement(patch, "ENDED_JOB", "finished_at_ms = :at_ms", "finished_at_ms >= :at_ms")


def prune_cuts_off_more_history_than_it_looked_at(patch):
    edit_statement(patch, "DELETE_EVENTS", "seq <= :last", "seq <= :last + 1")


def prune_drops_old_figures(patch):
    edit_statement(patch, "ADD_ROLLUP", "events = events + excluded.events", "events = events")


# --- who catches which ---


@dataclass(frozen=True)
class Check:
    """A mutant, and the test of the suite that must fail on it."""

    plant: Callable[[pytest.MonkeyPatch], None]
    test: Callable[..., None]
    fixtures: tuple[str, ...]

    def __str__(self):
        return self.plant.__name__


BY_MACHINE = [
    finish_without_the_token_fence,
    finish_fenced_by_the_worker_only,
    claim_gives_every_claim_the_same_token,
    claim_ignores_run_at,
    claim_takes_a_job_one_moment_late,
    claim_ignores_priority,
    claim_takes_the_newest_of_a_moment,
    claim_ignores_the_queues,
    claim_forgets_failed_jobs,
    claim_forgets_to_count_the_attempt,
    claim_reuses_the_number_of_a_start,
    finish_does_not_update_the_counts,
    finish_writes_no_attempt,
    finish_forgets_the_moment_of_the_retry,
    finish_keeps_a_cancel_request,
    release_counts_the_attempt,
    rescue_does_not_count_the_crash,
    rescue_never_finds_poison,
    rescue_forgets_that_a_cancel_was_wanted,
    rescue_runs_again_what_must_not_repeat,
    enqueue_forgets_what_follows_a_crash,
    rescue_does_not_count_the_attempt,
    enqueue_drops_the_event,
    enqueue_writes_an_event_for_the_first_job_only,
    enqueue_counts_each_batch_once,
    replace_leaves_the_old_job_waiting,
    cancel_moves_a_running_job_directly,
    cancel_forgets_the_failed,
    cancel_requests_are_heard_by_every_worker,
    revive_keeps_the_attempts,
    revive_keeps_the_moment,
    a_failed_transaction_is_committed,
    register_never_uses_an_id_again,
    a_crash_looks_like_an_exit,
    next_due_knows_pending_jobs_only,
    unsettled_forgets_retries,
    suspects_run_side_by_side,
    a_running_suspect_holds_up_all,
    rescue_blames_whoever_ran_beside_a_suspect,
    next_due_tells_of_suspects_that_wait,
    prune_forgets_dead_jobs_too,
    prune_leaves_the_counts,
    prune_takes_a_revived_job_by_its_first_end,
    prune_cuts_off_more_history_than_it_looked_at,
]
STORE = ("store",)
ENGINE = ("engine", "store")
SUSPECTS = ("store", "suspects")
CONNECTIONS = ("engine", "store", "open_another")
BY_CHECK = [
    Check(
        finish_without_the_token_fence,
        test_finish.test_the_new_claim_holds_after_a_late_result,
        ("store", "reclaimed"),
    ),
    Check(claim_ignores_run_at, test_claim.test_claim_skips_jobs_that_are_not_due_yet, STORE),
    Check(claim_ignores_priority, test_claim.test_claim_takes_the_highest_priority_first, STORE),
    Check(claim_ignores_the_queues, test_claim.test_claim_looks_into_the_queues_given_only, STORE),
    Check(
        finish_does_not_update_the_counts,
        test_finish.test_the_new_claim_holds_after_a_late_result,
        ("store", "reclaimed"),
    ),
    Check(
        a_failed_transaction_is_committed,
        test_enqueue.test_enqueue_adds_nothing_when_one_id_exists,
        STORE,
    ),
    Check(enqueue_drops_the_event, test_enqueue.test_enqueue_writes_one_event_for_each_job, STORE),
    Check(
        release_counts_the_attempt,
        test_finish.test_a_release_does_not_count_but_starts_keep_growing,
        STORE,
    ),
    Check(
        finish_and_claim_is_two_transactions,
        test_finish.test_finish_and_claim_is_all_or_nothing,
        STORE,
    ),
    Check(
        rescue_does_not_count_the_crash,
        test_workers.test_a_job_that_took_three_workers_down_is_poison,
        ENGINE,
    ),
    Check(
        rescue_never_finds_poison,
        test_workers.test_a_job_that_took_three_workers_down_is_poison,
        ENGINE,
    ),
    Check(
        rescue_runs_again_what_must_not_repeat,
        partial(
            test_on_crash.test_a_job_that_must_not_repeat_is_dead_after_one_crash, on_crash="fail"
        ),
        ENGINE,
    ),
    Check(
        enqueue_forgets_what_follows_a_crash,
        partial(test_on_crash.test_a_job_keeps_what_it_says_of_crashes, on_crash="hold"),
        STORE,
    ),
    Check(
        cancel_moves_a_running_job_directly,
        test_cancel_revive.test_cancel_of_a_running_job_asks_its_worker,
        STORE,
    ),
    Check(
        register_takes_an_id_that_unrescued_jobs_name,
        test_workers.test_an_id_is_not_used_again_while_a_job_still_names_it,
        ENGINE,
    ),
    Check(
        register_never_uses_an_id_again,
        test_workers.test_the_lowest_free_id_is_used_again,
        ("engine", "open_another"),
    ),
    Check(
        a_worker_is_alive_as_long_as_its_row_is_there,
        test_workers.test_a_worker_is_alive_only_while_its_store_is_open,
        CONNECTIONS,
    ),
    Check(
        a_dead_worker_is_taken_by_every_rescuer,
        test_workers.test_a_dead_worker_is_taken_by_one_rescuer_only,
        CONNECTIONS,
    ),
    Check(
        nobody_rings_the_bell,
        test_workers.test_the_bell_rings_when_a_job_is_added,
        ("bell", "open_another"),
    ),
    Check(
        prune_forgets_dead_jobs_too,
        test_prune.test_all_other_jobs_stay_with_their_attempts_whatever_their_age,
        STORE,
    ),
    Check(prune_leaves_the_counts, test_prune.test_counts_stay_true_in_each_queue, STORE),
    Check(
        prune_takes_a_revived_job_by_its_first_end,
        test_prune.test_a_revived_job_that_ended_again_is_not_among_the_oldest,
        STORE,
    ),
    Check(suspects_run_side_by_side, test_suspects.test_of_two_suspects_one_runs, SUSPECTS),
    Check(
        rescue_blames_whoever_ran_beside_a_suspect,
        test_suspects.test_the_third_death_is_laid_on_the_suspect_alone,
        ("engine", *SUSPECTS),
    ),
    Check(
        next_due_tells_of_suspects_that_wait,
        test_suspects.test_a_suspect_that_must_wait_is_not_the_next_to_come_due,
        SUSPECTS,
    ),
    Check(
        unsettled_forgets_suspects_that_wait,
        test_suspects.test_a_draining_worker_stays_for_a_suspect_that_waits_for_another_queue,
        ENGINE,
    ),
    Check(
        the_end_of_a_suspect_is_silent,
        test_suspects.test_the_bell_rings_when_a_suspect_ended,
        SUSPECTS,
    ),
    Check(prune_drops_old_figures, test_prune.test_totals_stay_true, STORE),
]


@pytest.fixture
def fixtures(tmp_path):
    """Return what a check asks for, of the SQLite engine."""
    engine = SqliteEngine(str(tmp_path))
    store = engine.open()

    def give(name):
        if name == "bell":
            return store.bell(store.register(new_worker(), now_ms=NOW_MS))
        if name == "suspects":
            return test_suspects.make_suspects(engine, store)
        if name == "reclaimed":
            return test_finish.lose_and_reclaim(engine, store)
        return {"engine": engine, "store": store, "open_another": engine.open}[name]

    yield give
    engine.close()


@pytest.mark.parametrize("plant", BY_MACHINE, ids=lambda plant: plant.__name__)
def test_the_stateful_model_catches(plant, monkeypatch, tmp_path):
    plant(monkeypatch)

    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever it finds first, a KeyError too
        test_stateful.run_machine(
            test_stateful.QueueMachine, SqliteEngine, tmp_path, phases=[Phase.generate]
        )


@pytest.mark.parametrize("check", BY_CHECK, ids=str)
def test_a_named_check_catches(check, monkeypatch, fixtures):
    given = {name: fixtures(name) for name in check.fixtures}
    check.plant(monkeypatch)

    with pytest.raises((AssertionError, QueuectlError, pytest.fail.Exception)):
        check.test(**given)


@pytest.mark.parametrize("check", BY_CHECK, ids=str)
def test_a_named_check_passes_on_the_true_engine(check, fixtures):
    check.test(**{name: fixtures(name) for name in check.fixtures})


@pytest.mark.parametrize("event", FENCED)
def test_every_move_out_of_processing_is_fenced(event):
    assert TRANSITIONS[event][0] == (State.PROCESSING,)
    assert "AND token = :token" in sql.MOVES[event]


def test_every_mutant_is_to_be_caught_by_something():
    planted = {
        name
        for name, value in globals().items()
        if callable(value) and getattr(value, "__code__", None) is not None
        if value.__code__.co_varnames[: value.__code__.co_argcount] == ("patch",)
    }
    caught = {plant.__name__ for plant in [*BY_MACHINE, *[check.plant for check in BY_CHECK]]}

    assert caught == planted
