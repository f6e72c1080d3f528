"""Broken ways to wait that the model of test_flow_model.py must catch."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import Phase

from queuectl_core.errors import QueuectlError
from queuectl_core.flow import ENDS
from queuectl_core.lifecycle import Event, State
from queuectl_core.storage.sqlite import changes, mutexes, waiting
from queuectl_core.storage.sqlite import jobs as steps_of_jobs
from queuectl_core.storage.sqlite import statements as plain_sql
from queuectl_core.storage.sqlite import statements_flow as sql
from queuectl_core.storage.sqlite.ledger import Ledger
from tests.builders import buried, released, stopped
from tests.conformance import test_flow, test_flow_changes, test_flow_model
from tests.conformance.engines import SqliteEngine


def edit_statement(patch, name, old, new):
    text = getattr(sql, name)
    assert old in text
    patch.setattr(sql, name, text.replace(old, new))


def edit_move(patch, event, old, new):
    assert old in plain_sql.MOVES[event]
    patch.setitem(plain_sql.MOVES, event, plain_sql.MOVES[event].replace(old, new))


def a_full_mutex_lets_one_more_in(patch):
    edit_statement(patch, "IS_FULL", "mutex_slots <=", "mutex_slots <")


def the_claim_does_not_ask_for_the_mutex(patch):
    patch.setattr(mutexes, "is_full", lambda _ledger, _place: False)


def the_end_of_a_holder_wakes_nobody(patch):
    patch.setattr(mutexes, "wake", lambda _ledger, _mutex: None)


def a_mutex_wakes_the_newest(patch):
    edit_statement(patch, "BEST_PARKED", "run_at_ms, number\n", "run_at_ms DESC, number DESC\n")


def a_mutex_wakes_whatever_its_priority(patch):
    edit_statement(patch, "BEST_PARKED", "priority DESC", "priority")


def a_mutex_wakes_one_queue_only(patch):
    edit_statement(patch, "NEXT_PARKED_QUEUE", "queue > :queue", ":queue = ''")


def a_better_job_stands_behind_those_that_came_before(patch):
    edit_statement(patch, "AHEAD", "priority > :priority", "priority < :priority")


def a_job_that_does_not_fit_is_parked_at_once_whatever_its_rank(patch):
    edit_statement(
        patch, "AHEAD", "(run_at_ms, number) < (:run_at_ms, :number)", "number <> :number"
    )


def a_cancelled_front_runner_leaves_those_behind_it_parked(patch):
    move = Ledger.move

    def move_and_keep(ledger, event, job, *rest):
        return move(ledger, event, job._replace(mutex=None) if event == "cancel" else job, *rest)

    patch.setattr(Ledger, "move", move_and_keep)


def a_child_goes_when_its_first_parent_ends(patch):
    edit_statement(patch, "HAS_PARENTS", "EXISTS", "0 AND EXISTS")


def a_child_goes_whatever_the_end(patch):
    patch.setitem(ENDS, "ok", ENDS["any"])


def a_cancelled_parent_did_not_fail(patch):
    patch.setitem(ENDS, "fail", (State.DEAD,))


def a_child_in_vain_waits_for_ever(patch):
    patch.setattr(waiting, "give_up", lambda *_: None)


def a_cancelled_child_still_waits_for_its_parents(patch):
    edit_statement(patch, "DELETE_PARENTS", "child = :child", "child = -:child")
    edit_move(patch, Event.CANCEL, ", blocked = NULL", "")


def a_revived_job_forgets_its_parents(patch):
    patch.setattr(waiting, "_rejoin", lambda _ledger, _number: None)


def a_released_job_forgets_its_parents(patch):
    unblock = waiting.unblock
    patch.setattr(waiting, "unblock", lambda ledger, number, _bit: unblock(ledger, number, 7))


def a_held_job_is_claimed(patch):
    text = plain_sql.NEXT_JOB
    assert " AND blocked IS NULL" in text
    without = text.replace(" AND blocked IS NULL", "")
    patch.setattr(plain_sql, "NEXT_JOB", without)


def an_expired_job_is_claimed(patch):
    may_start = waiting.may_start
    patch.setattr(
        steps_of_jobs.waiting, "may_start", lambda ledger, place, _: may_start(ledger, place, None)
    )


def a_retry_expires(patch):
    edit_statement(patch, "EXPIRED", "AND starts = 0", "AND starts >= 0")
    edit_statement(patch, "EXPIRED", "INDEXED BY jobs_expiry", "")
    edit_statement(patch, "ANY_LEFT", "AND starts = 0", "AND starts >= 0")
    edit_statement(patch, "ANY_LEFT", "INDEXED BY jobs_expiry", "")


def a_revived_job_expires_again(patch):
    edit_move(patch, Event.REVIVE, "expires_at_ms = NULL, ", "")


def a_key_is_free_once_its_job_runs(patch):
    edit_statement(patch, "NOT_FINISHED", "'processing', ", "")


def a_key_is_kept_while_its_job_runs(patch):
    edit_statement(patch, "NOT_STARTED", "state = 'pending' AND attempts = 0", "state <> 'dead'")


def replace_cancels_no_twin(patch):
    edit_statement(patch, "NOT_STARTED", "LIMIT 1", "LIMIT 0")


def claims_ahead_whatever_it_may_hold(patch):
    text = plain_sql.NEXT_JOB
    assert " AND mutex IS NULL" in text
    patch.setattr(plain_sql, "NEXT_JOB", text.replace(" AND mutex IS NULL", ""))


def an_edited_job_keeps_its_place_in_the_line(patch):
    patch.setattr(changes, "IN_LINE", frozenset())


BY_CHECK = {
    an_edited_job_keeps_its_place_in_the_line: (
        test_flow_changes.test_a_job_that_gets_a_lower_priority_lets_the_next_go_first
    ),
    claims_ahead_whatever_it_may_hold: partial(
        test_flow.test_only_jobs_that_wait_for_nothing_are_claimed_ahead, ahead=3
    ),
    a_mutex_wakes_whatever_its_priority: (
        test_flow.test_the_best_that_is_parked_goes_first_in_every_queue
    ),
    a_mutex_wakes_the_newest: test_flow.test_of_those_that_are_parked_the_oldest_goes_first,
    a_mutex_wakes_one_queue_only: (
        test_flow.test_the_best_that_is_parked_goes_first_in_every_queue
    ),
    a_better_job_stands_behind_those_that_came_before: (
        test_flow.test_a_better_job_goes_before_those_that_wait_longer
    ),
    a_job_that_does_not_fit_is_parked_at_once_whatever_its_rank: (
        test_flow.test_one_that_waited_longer_in_vain_goes_before_those_that_stand_in_line
    ),
    a_cancelled_front_runner_leaves_those_behind_it_parked: partial(
        test_flow.test_a_front_runner_that_goes_makes_way, way="cancel"
    ),
    a_revived_job_forgets_its_parents: (
        test_flow.test_retry_of_parent_and_child_lets_the_child_wait_again
    ),
    a_released_job_forgets_its_parents: test_flow.test_a_released_job_waits_on_for_others,
    a_cancelled_child_still_waits_for_its_parents: (
        test_flow.test_a_cancelled_child_is_nobodys_child
    ),
    an_expired_job_is_claimed: test_flow.test_an_expired_job_is_never_claimed,
    a_retry_expires: partial(test_flow.test_a_job_that_was_started_does_not_expire, how=released),
    a_revived_job_expires_again: test_flow.test_a_revived_job_does_not_expire_again,
    a_key_is_free_once_its_job_runs: partial(
        test_flow.test_a_key_is_taken_until_its_job_has_finished, state=State.PROCESSING
    ),
    a_key_is_kept_while_its_job_runs: partial(
        test_flow.test_a_key_until_started_is_free_once_its_job_runs, state=State.PROCESSING
    ),
    replace_cancels_no_twin: test_flow.test_a_twin_that_waits_is_replaced_when_told,
    a_child_goes_whatever_the_end: partial(
        test_flow.test_of_ok_and_fail_exactly_one_runs,
        how=buried,
        ended=State.DEAD,
        late=False,
    ),
    a_cancelled_parent_did_not_fail: partial(
        test_flow.test_of_ok_and_fail_exactly_one_runs,
        how=stopped,
        ended=State.CANCELLED,
        late=False,
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
    plant(monkeypatch)

    with pytest.raises((AssertionError, QueuectlError, pytest.fail.Exception)):
        BY_CHECK[plant](store)


@pytest.mark.parametrize("plant", BY_MACHINE, ids=lambda plant: plant.__name__)
def test_the_model_catches(plant, monkeypatch, tmp_path):
    plant(monkeypatch)

    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever it finds first
        test_flow_model.run_machine(SqliteEngine, tmp_path, phases=[Phase.generate])
