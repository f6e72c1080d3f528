"""Broken ways to tell hooks that the checks of test_hooks.py must catch."""

from __future__ import annotations

from functools import partial

import pytest

from queuectl_core.errors import QueuectlError
from queuectl_core.hook import Hook
from queuectl_core.lifecycle import TOLD, Event
from queuectl_core.storage.sqlite import hooks, intake, jobs, ledger, queues
from queuectl_core.storage.sqlite import statements_hooks as sql
from queuectl_core.storage.sqlite import statements_select as select_sql
from queuectl_core.storage.sqlite.ledger import Ledger
from tests.builders import buried, completed
from tests.conformance import test_hooks


def edit_statement(patch, name, old, new, module=sql):
    text = getattr(module, name)
    assert old in text
    patch.setattr(module, name, text.replace(old, new))


def hooks_hear_of_hooks(patch):
    patch.setattr(ledger, "HOOKS_QUEUE", "?")


def a_rescue_or_end_is_not_noted(patch):
    patch.setattr(ledger, "TOLD", {})


def the_event_is_told_after_its_step(patch):
    take_effect = intake._take_effect

    def later(made):
        moved, made.moved = made.moved, []
        take_effect(made)
        made.moved = moved

    patch.setattr(intake, "_take_effect", later)


def an_event_is_told_at_each_look(patch):
    tell = hooks.tell

    def tell_and_keep(made, add):
        tell(made, add)
        tell(made, add)

    patch.setattr(hooks, "tell", tell_and_keep)


def a_stop_is_a_completion(patch):
    patch.setitem(TOLD, Event.STOP, "completed")


def a_hook_hears_of_all_queues(patch):
    hears = Hook.hears
    patch.setattr(Hook, "hears", lambda self, one: hears(self._replace(queue=None), one))


def a_hook_hears_of_all_schedules(patch):
    hears = Hook.hears
    patch.setattr(Hook, "hears", lambda self, one: hears(self._replace(schedule=None), one))


def a_paused_hook_hears(patch):
    edit_statement(patch, "LISTENING", "WHERE paused_at_ms IS NULL", "")
    hears = Hook.hears
    patch.setattr(Hook, "hears", lambda self, one: hears(self._replace(paused_at_ms=None), one))


def a_slow_run_is_told_of_at_each_look(patch):
    edit_statement(patch, "NEWLY_SLOW", "AND NOT EXISTS", "AND 1 OR EXISTS")
    patch.setattr(hooks, "_is_news", lambda *_: True)


def a_slow_run_is_told_of_at_its_end_again(patch):
    patch.setattr(hooks, "_is_news", lambda *_: True)


def only_the_first_start_can_be_slow(patch):
    edit_statement(patch, "NEWLY_SLOW", "AND start = jobs.starts", "")
    edit_statement(patch, "FORGET_RUN", "job = :job", "job = -:job")


def a_run_that_started_takes_more_events(patch):
    edit_statement(patch, "OPEN_BATCH", "AND state = 'pending' AND starts = 0", "")


def events_do_not_join(patch):
    patch.setattr(hooks, "_join", lambda *_: False)


def a_hook_that_collects_runs_whenever(patch):
    edit_statement(patch, "NOTE_BATCH", "next_at_ms = :next_at_ms", "next_at_ms = 0")


def a_pause_of_all_holds_hooks(patch):
    patch.setattr(jobs, "HOOKS_QUEUE", "none")


def a_second_pause_is_told_too(patch):
    edit_statement(patch, "STOPPED", "paused_at_ms IS NOT NULL", "TRUE", queues.sql)


def a_selection_finds_the_runs_of_hooks(patch):
    patch.setattr(select_sql, "hides_hooks", lambda _: False)


def the_next_attempt_is_told_in_the_place_of_the_failure(patch):
    take_effect = Ledger.take_effect
    settled = []

    def late(self):
        if self.moved and not settled:
            settled.append(1)  # the call between the failure and the claim
            return
        take_effect(self)

    patch.setattr(Ledger, "take_effect", late)


CAUGHT_BY = {
    hooks_hear_of_hooks: test_hooks.test_what_happens_to_the_runs_of_hooks_is_told_to_none,
    a_rescue_or_end_is_not_noted: partial(
        test_hooks.test_each_end_of_a_run_is_told_to_those_who_listen_to_it,
        event="dead", end=buried,
    ),
    the_event_is_told_after_its_step: (
        test_hooks.test_the_run_of_a_hook_can_be_claimed_in_the_step_of_its_event
    ),
    an_event_is_told_at_each_look: partial(
        test_hooks.test_each_end_of_a_run_is_told_to_those_who_listen_to_it,
        event="completed", end=completed,
    ),
    a_stop_is_a_completion: partial(
        test_hooks.test_each_end_of_a_run_is_told_to_those_who_listen_to_it,
        event="cancelled", end=test_hooks.stopped,
    ),
    a_hook_hears_of_all_queues: test_hooks.test_a_hook_of_a_queue_hears_of_that_queue_alone,
    a_hook_hears_of_all_schedules: (
        test_hooks.test_events_of_a_schedule_go_to_those_who_listen_to_it
    ),
    a_paused_hook_hears: (
        test_hooks.test_a_paused_hook_hears_nothing_and_later_does_not_catch_up
    ),
    a_slow_run_is_told_of_at_each_look: (
        test_hooks.test_a_job_that_takes_long_is_told_of_while_it_runs_and_once
    ),
    a_slow_run_is_told_of_at_its_end_again: (
        test_hooks.test_a_job_that_takes_long_is_told_of_while_it_runs_and_once
    ),
    only_the_first_start_can_be_slow: test_hooks.test_each_start_that_takes_long_is_told_of,
    a_run_that_started_takes_more_events: (
        test_hooks.test_a_run_that_has_started_takes_nothing_more
    ),
    events_do_not_join: (
        test_hooks.test_a_run_that_waits_for_a_worker_takes_what_comes_meanwhile
    ),
    a_hook_that_collects_runs_whenever: (
        test_hooks.test_a_hook_that_collects_runs_at_once_and_then_once_in_its_span
    ),
    a_pause_of_all_holds_hooks: (
        test_hooks.test_the_pause_of_all_queues_concerns_each_and_does_not_stop_hooks
    ),
    a_second_pause_is_told_too: (
        test_hooks.test_a_pause_is_told_with_who_and_why_and_so_is_its_end
    ),
    a_selection_finds_the_runs_of_hooks: (
        test_hooks.test_the_runs_of_hooks_are_selected_only_by_name
    ),
    the_next_attempt_is_told_in_the_place_of_the_failure: (
        test_hooks.test_a_failure_is_told_as_it_was_also_where_the_next_attempt_follows_in_the_same_step
    ),
}  # fmt: skip


@pytest.mark.parametrize("plant", CAUGHT_BY, ids=lambda plant: plant.__name__)
def test_a_check_catches(plant, monkeypatch, store):
    plant(monkeypatch)

    with pytest.raises((AssertionError, QueuectlError, ValueError, TypeError)):
        CAUGHT_BY[plant](store)
