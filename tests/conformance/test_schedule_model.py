"""A model of schedules that knows nothing of tables, and broken engines that it must catch.

Two tickers, each with what it saw a while ago, race and die; the clock goes on and jumps, the
schedule is paused, changed and made anew. However that goes, no time has two jobs, and with `all`
none that a ticker could see is without one.
"""

from __future__ import annotations

import os
import tempfile
from inspect import signature

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from queuectl_core import schedule
from queuectl_core.errors import QueuectlError
from queuectl_core.schedule import Definition, NewSchedule
from queuectl_core.storage.sqlite import schedules as sqlite_schedules
from queuectl_core.storage.sqlite import statements
from queuectl_core.storage.sqlite import statements_schedules as sql
from tests.builders import NOW_MS, jobs_of, new_job
from tests.conformance import steps, test_schedules
from tests.conformance.engines import SqliteEngine

PERIOD_MS = 10_000
START_MS = NOW_MS - NOW_MS % PERIOD_MS


class Clockwork(RuleBasedStateMachine):
    """One schedule, two tickers, one clock."""

    engine_class = SqliteEngine

    def __init__(self):
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.engine = self.engine_class(self.directory.name)
        self.stores = [self.engine.open(), self.engine.open()]
        self.seen = [[], []]
        self.now_ms = START_MS
        self.since_ms = START_MS
        self.paused = False

    def teardown(self):
        self.engine.close()
        self.directory.cleanup()

    @initialize(overlap=st.sampled_from(["allow", "queue"]))
    def add(self, overlap):
        self.definition = Definition(
            "s", "every 10s", "UTC", new_job(), START_MS, overlap=overlap, catch_up="all"
        )
        self._put(replace=False)

    def _put(self, *, replace):
        due = self._due()
        self.stores[0].schedules().put(
            [NewSchedule(self.definition, due)], now_ms=self.now_ms, replace=replace
        )

    def _due(self):
        return schedule.upcoming(self.definition, self.now_ms, host="h", chance=lambda: 0.0)

    @rule(span_ms=st.sampled_from([1_000, 10_000, 25_000, 60_000]))
    def time_passes(self, span_ms):
        self.now_ms += span_ms

    @rule(span_ms=st.sampled_from([1_000, 10_000, 30_000]))
    def clock_is_set_back(self, span_ms):
        self.now_ms = max(START_MS, self.now_ms - span_ms)

    @rule(ticker=st.integers(0, 1))
    def ticker_looks(self, ticker):
        found = self.stores[ticker].schedules().due(now_ms=self.now_ms, limit=9)
        self.seen[ticker] = [
            (one, schedule.tick(one, now_ms=self.now_ms, host="h", chance=lambda: 0.0))
            for one in found
        ]

    @rule(ticker=st.integers(0, 1))
    def ticker_fires(self, ticker):
        self._fire(ticker)

    @rule()
    def both_look_and_fire(self):
        """The race, walked to directly; then each time has its job, unless it is paused."""
        while self.stores[0].schedules().due(now_ms=self.now_ms, limit=1):
            for ticker in (0, 1):
                self.ticker_looks(ticker)
            for ticker in (0, 1):
                self._fire(ticker)
        if not self.paused:
            times = {job.scheduled_at_ms for job in jobs_of(self.stores[0])}
            first = self.since_ms - (self.since_ms - START_MS) % PERIOD_MS + PERIOD_MS
            assert set(range(first, self.now_ms + 1, PERIOD_MS)) <= times

    @rule()
    def time_passes_and_both_fire(self):
        self.now_ms += PERIOD_MS
        self.both_look_and_fire()

    def _fire(self, ticker):
        planned, self.seen[ticker] = self.seen[ticker], []
        self.stores[ticker].schedules().fire(planned, max_retries=1, now_ms=self.now_ms)

    @precondition(lambda self: not self.paused)
    @rule()
    def pause(self):
        self.stores[0].schedules().pause("s", by="me", reason=None, now_ms=self.now_ms)
        self.paused = True

    @precondition(lambda self: self.paused)
    @rule()
    def resume(self):
        self.stores[0].schedules().resume("s", self._due(), now_ms=self.now_ms)
        self.paused = False
        self.since_ms = self.now_ms

    @rule()
    def made_anew(self):
        self.stores[0].schedules().remove("s")
        self.paused = False
        self._put(replace=False)
        self.since_ms = self.now_ms

    @rule(priority=st.integers(1, 10))
    def changed(self, priority):
        self.definition = self.definition._replace(job=new_job(priority=priority))
        self._put(replace=True)
        self.since_ms = self.now_ms

    @invariant()
    def no_time_has_two_jobs(self):
        times = [job.scheduled_at_ms for job in jobs_of(self.stores[0])]
        assert None not in times
        assert len(times) == len(set(times))
        assert all((at_ms - START_MS) % PERIOD_MS == 0 for at_ms in times)
        assert all(job.schedule == "s" for job in jobs_of(self.stores[0]))

    @invariant()
    def figures_are_true(self):
        steps.assert_figures_are_true(self.stores[0])


def run_machine(**options):
    run_state_machine_as_test(
        Clockwork, settings=settings(deadline=None, stateful_step_count=25, **options)
    )


def test_the_model_holds():
    run_machine(max_examples=60)


# --- broken engines ---


def edit(patch, name, old, new):
    text = getattr(sql, name)
    assert old in text
    patch.setattr(sql, name, text.replace(old, new))


def no_fence_and_no_look_for_a_job(patch):
    edit(patch, "FIRE", "AND next_at_ms IS :expected", "")
    edit(patch, "HAS_FIRED", "scheduled_at_ms = :at_ms", "FALSE")


def a_paused_schedule_fires(patch):
    edit(patch, "FIRE", "AND paused_at_ms IS NULL", "")
    edit(patch, "PAUSE", "due_at_ms = NULL,", "")
    edit(patch, "RESUME", "next_at_ms = :next_at_ms, due_at_ms = :due_at_ms, ", "")


def the_schedule_does_not_move_on(patch):
    edit(patch, "FIRE", "next_at_ms = :next_at_ms, due_at_ms = :due_at_ms,", "")


def a_time_is_not_noted_with_its_job(patch):
    edit(patch, "SET_SCHEDULE", "scheduled_at_ms = :at_ms", "scheduled_at_ms = NULL")


def the_name_is_not_noted_with_its_job(patch):
    edit(patch, "SET_SCHEDULE", "schedule = :name,", "")


def the_first_of_several_times_only(patch):
    make = sqlite_schedules.Maker.make
    patch.setattr(
        sqlite_schedules.Maker,
        "make",
        lambda self, at_ms: () if at_ms % (2 * PERIOD_MS) else make(self, at_ms),
    )


def a_replaced_schedule_forgets_its_next_time(patch):
    edit(patch, "REPLACE", "due_at_ms = iif(paused_at_ms IS NULL, :due_at_ms, NULL),", "")


def one_half_is_written(patch):
    """The schedule moves on in a transaction of its own, and its ticker dies before the jobs."""
    patch.setattr(sqlite_schedules.Maker, "make", lambda _self, _at_ms: ())


BROKEN = [
    no_fence_and_no_look_for_a_job, a_time_is_not_noted_with_its_job,
    the_name_is_not_noted_with_its_job, the_first_of_several_times_only, one_half_is_written,
]  # fmt: skip


@pytest.mark.parametrize("mutant", BROKEN, ids=lambda mutant: mutant.__name__)
def test_the_model_catches(monkeypatch, mutant):
    mutant(monkeypatch)

    with pytest.raises((AssertionError, QueuectlError, ExceptionGroup)):
        run_machine(max_examples=100, phases=[Phase.generate])


def checks_of(module, store_of, tmp_path):
    """Tell whether any check of a module fails; each on a queue of its own."""
    for name, check in vars(module).items():
        if name.startswith("test_") and list(signature(check).parameters) == ["store"]:
            engine = store_of(str(tmp_path / name))
            try:
                check(engine.open())
            except Exception:  # noqa: BLE001 - that is what is looked for
                return True
            finally:
                engine.close()
    return False


def a_success_is_not_noted(patch):
    patch.setattr(statements, "SCHEDULE_SUCCESS", "SELECT 1 WHERE :name = :now_ms")


def lateness_is_told_again(patch):
    edit(patch, "NOTE_LATE", "expect_at_ms = NULL", "expect_at_ms = expect_at_ms")


def a_changed_schedule_fires_as_it_was(patch):
    edit(patch, "FIRE", "AND definition = :definition", "")


def unfinished_jobs_are_overlooked(patch):
    edit(patch, "UNFINISHED", "WHERE schedule = :name", "WHERE FALSE AND schedule = :name")


def a_job_by_hand_takes_a_time(patch):
    patch.setattr(sqlite_schedules, "_free_moment", lambda ledger, _name: ledger.now_ms)


def a_late_schedule_stays_late(patch):
    patch.setattr(
        statements,
        "SCHEDULE_SUCCESS",
        statements.SCHEDULE_SUCCESS.replace("late_at_ms = NULL,", ""),
    )


BY_CHECK = [
    a_success_is_not_noted, lateness_is_told_again, a_changed_schedule_fires_as_it_was,
    unfinished_jobs_are_overlooked, a_job_by_hand_takes_a_time, a_late_schedule_stays_late,
    a_paused_schedule_fires, a_replaced_schedule_forgets_its_next_time,
    the_schedule_does_not_move_on,
]  # fmt: skip


@pytest.mark.parametrize("mutant", BY_CHECK, ids=lambda mutant: mutant.__name__)
def test_a_check_catches(monkeypatch, tmp_path, mutant):
    def fresh(directory):
        os.mkdir(directory)
        return SqliteEngine(directory)

    assert not checks_of(test_schedules, fresh, tmp_path)
    mutant(monkeypatch)
    (tmp_path / "broken").mkdir()
    assert checks_of(test_schedules, fresh, tmp_path / "broken")
