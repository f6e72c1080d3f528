"""Random lives of jobs that wait for each other, for mutexes, for people, against a model.

The model knows nothing of parking or chunks: a job may run when it is due and nothing blocks it,
and a claim takes the best of those. Everything it says of a job is compared after every step.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from queuectl_core.errors import JobExists
from queuectl_core.flow import After, Flow, Mutex, Unique
from queuectl_core.lifecycle import CLAIMABLE, FINAL, Event, State, allows
from queuectl_core.limits import Rate
from queuectl_core.retry import Bury, Complete, Release, Retry, Stop
from queuectl_core.storage.sqlite import waiting
from tests import halves
from tests.builders import jobs_of, new_job, new_worker, result_for
from tests.clocks import ManualClock
from tests.conformance import steps
from tests.conformance.engines import ENGINES

EXAMPLES = 80
STEPS = 40
QUEUES = ("a", "b")
SLOTS = {"one": 1, "two": 2}
ENDS = {"ok": {State.COMPLETED}, "fail": {State.DEAD, State.CANCELLED}, "any": set(FINAL)}
STATE_AFTER = {
    Complete: State.COMPLETED,
    Retry: State.FAILED,
    Bury: State.DEAD,
    Stop: State.CANCELLED,
    Release: State.PENDING,
}

delays_ms = st.sampled_from([0, 0, 0, 1, 1_000])
mutexes = st.sampled_from([None, "one", "one", "two"])
crowds = st.lists(
    st.tuples(st.sampled_from(QUEUES), st.sampled_from([1, 5, 10])), min_size=2, max_size=5
)
conditions = st.sampled_from(["ok", "fail", "any"])
rates = st.sampled_from([Rate(1, 1_000), Rate(2, 2_000), Rate(3, 2_000)])


@dataclass
class ModelJob:
    """What must be true of a job."""

    queue: str
    priority: int
    run_at_ms: int
    mutex: str | None = None
    unique: str | None = None
    after: list[tuple[int, str]] = field(default_factory=list)
    expires_at_ms: int | None = None
    held: bool = False
    state: State = State.PENDING
    starts: int = 0
    attempts: int = 0
    open: set[tuple[int, str]] = field(default_factory=set)  # the parents still waited for


class FlowMachine(RuleBasedStateMachine):
    """One queue and two workers."""

    engine_class = ENGINES["sqlite"]
    root = None

    numbers = Bundle("numbers")
    claims = Bundle("claims")

    @initialize()
    def begin(self):
        """Open an empty queue."""
        self.directory = tempfile.TemporaryDirectory(prefix="flow-", dir=self.root)
        self.engine = self.engine_class(self.directory.name)
        self.clock = ManualClock()
        self.jobs = {}
        self.paused = set()
        self.limits = dict.fromkeys(QUEUES, (None, None))
        self.tokens = {queue: [] for queue in QUEUES}  # when each was taken, as far as it counts
        self.started = {queue: [] for queue in QUEUES}  # since the limit was set
        self.store = self.engine.open()
        self.worker_store = self.engine.open()
        self.worker = self.worker_store.register(new_worker(), now_ms=self.now_ms)

    def teardown(self):
        """Leave nothing behind."""
        if hasattr(self, "engine"):
            self.engine.close()
            self.directory.cleanup()

    @property
    def now_ms(self):
        return self.clock.now_ms()

    # --- rules: people ---

    @rule(
        target=numbers,
        queue=st.sampled_from(QUEUES),
        priority=st.sampled_from([1, 5, 5, 10]),
        delay_ms=delays_ms,
        mutex=mutexes,
        hold=st.sampled_from([False, False, False, True]),
        expires_ms=st.sampled_from([None, None, 1_500]),
        parents=st.lists(st.tuples(numbers, conditions), max_size=3),
    )
    def enqueue(self, *, queue, priority, delay_ms, mutex, hold, expires_ms, parents):
        """Add a job with wishes."""
        run_at_ms = self.now_ms + delay_ms
        flow = Flow(
            after=tuple(After(f"#{number}", condition) for number, condition in parents),
            mutex=mutex and Mutex(mutex, SLOTS[mutex]),
            expires_at_ms=expires_ms and run_at_ms + expires_ms,
            hold=hold,
        )
        job = new_job(queue=queue, priority=priority, run_at_ms=run_at_ms, flow=flow)
        (added,) = self.store.enqueue([job], now_ms=self.now_ms)
        made = ModelJob(
            queue, priority, run_at_ms, mutex,
            after=parents, expires_at_ms=flow.expires_at_ms, held=hold,
        )  # fmt: skip
        self.jobs[added.number] = made
        self.wait_for_parents(added.number, judge=True)
        return added.number

    @rule(
        target=numbers,
        wanted=crowds,
        mutex=mutexes,
    )
    def enqueue_many(self, wanted, mutex):
        """Add jobs with one mutex at once."""
        flow = mutex and Flow(mutex=Mutex(mutex, SLOTS[mutex]))
        jobs = [
            new_job(queue=queue, priority=priority, run_at_ms=self.now_ms, flow=flow)
            for queue, priority in wanted
        ]
        added = self.store.enqueue(jobs, now_ms=self.now_ms)
        for one, (queue, priority) in zip(added, wanted, strict=True):
            self.jobs[one.number] = ModelJob(queue, priority, self.now_ms, mutex)
        return multiple(*[one.number for one in added])

    @rule(
        target=numbers,
        key=st.sampled_from(["k", "l"]),
        scope=st.sampled_from(["started", "finished"]),
        on_conflict=st.sampled_from(["error", "skip", "replace"]),
        mutex=mutexes,
    )
    def enqueue_unique(self, key, scope, on_conflict, mutex):
        """Add a job whose key may stand in its way."""
        flow = Flow(unique=Unique(key, scope), mutex=mutex and Mutex(mutex, SLOTS[mutex]))
        jobs = [new_job(queue="a", run_at_ms=self.now_ms, flow=flow)]
        twins = [number for number, job in self.jobs.items() if self.is_twin(job, key, scope)]
        running = [one for one in twins if self.jobs[one].state is State.PROCESSING]
        if twins and (on_conflict == "error" or (on_conflict == "replace" and running)):
            with pytest.raises(JobExists):
                self.store.enqueue(jobs, now_ms=self.now_ms, on_conflict=on_conflict)
            return multiple()
        (added,) = self.store.enqueue(jobs, now_ms=self.now_ms, on_conflict=on_conflict)
        if twins and on_conflict == "skip":
            assert (added.created, added.number in twins) == (False, True)
            return multiple()
        self.jobs[added.number] = ModelJob("a", 5, self.now_ms, mutex, unique=key)
        for number in twins:
            self.end(number, State.CANCELLED)
        return added.number

    def is_twin(self, job, key, scope):
        """Tell whether a job stands in the way of another with that key."""
        if job.unique != key:
            return False
        if scope == "started":
            return job.state is State.PENDING and job.attempts == 0
        return job.state not in FINAL

    @rule(number=numbers)
    def cancel(self, number):
        """Cancel a job that waits; a running one is cancelled by its result."""
        if allows(Event.CANCEL, self.jobs[number].state):
            self.store.cancel([number], now_ms=self.now_ms)
            self.end(number, State.CANCELLED)

    @rule(first=numbers, second=numbers)
    def revive_two(self, first, second):
        """Revive two jobs at once, in any order."""
        before = self.store.revive([first, second], now_ms=self.now_ms)
        told = dict(zip([first, second], before, strict=True))
        revived = [number for number in told if allows(Event.REVIVE, self.jobs[number].state)]
        for number in revived:
            job = self.jobs[number]
            job.state, job.run_at_ms, job.expires_at_ms = State.PENDING, self.now_ms, None
            job.held, job.attempts = False, 0
        for number in revived:
            self.wait_for_parents(number, judge=False)

    @rule(number=numbers)
    def hold(self, number):
        """Hold a job back that waits."""
        job = self.jobs[number]
        assert self.store.hold([number], now_ms=self.now_ms) == [job.state]
        job.held = job.held or job.state in CLAIMABLE

    @rule(number=numbers)
    def release(self, number):
        """Let a held job go."""
        job = self.jobs[number]
        assert self.store.unhold([number], now_ms=self.now_ms) == [job.held]
        job.held = False

    @rule(
        number=numbers,
        changes=st.fixed_dictionaries(
            {},
            optional={
                "priority": st.sampled_from([1, 10]),
                "queue": st.sampled_from(QUEUES),
                "run_at_ms": delays_ms,
            },
        ).filter(bool),
    )
    def edit(self, number, changes):
        """Give a job another place among those that wait."""
        job = self.jobs[number]
        if "run_at_ms" in changes:
            changes = changes | {"run_at_ms": changes["run_at_ms"] + self.now_ms}
        assert self.store.edit([number], changes, now_ms=self.now_ms) == [job.state]
        if job.state in CLAIMABLE:
            for name, value in changes.items():
                setattr(job, name, value)

    @rule(target=numbers, number=consumes(numbers))
    def remove(self, number):
        """Remove a job that has ended, whoever waited for it."""
        self.store.remove([number], now_ms=self.now_ms)
        if self.jobs[number].state not in FINAL:
            return number
        del self.jobs[number]
        return multiple()

    @rule(queue=st.sampled_from(QUEUES))
    def pause_or_resume(self, queue):
        """Let no job of a queue start, or let them start again."""
        if queue in self.paused:
            self.store.resume(queue, now_ms=self.now_ms)
        else:
            self.store.pause(queue, by="ann", reason=None, now_ms=self.now_ms)
        self.paused ^= {queue}

    # --- rules: workers ---

    @rule(target=claims, limit=st.integers(1, 4), queues=st.sampled_from([None, None, ("a",)]))
    def claim(self, limit, queues):
        """Claim the best that may run."""
        taken = halves.claim(
            self.worker_store, worker=self.worker, limit=limit, now_ms=self.now_ms, queues=queues
        )
        expected = self.take(limit, queues)
        assert [claim.job.number for claim in taken] == expected
        return multiple(*taken)

    @rule(
        claim=consumes(claims),
        kind=st.sampled_from([Complete, Complete, Retry, Bury, Stop, Release]),
        delay_ms=delays_ms,
    )
    def finish(self, claim, kind, delay_ms):
        """Finish a run."""
        job = self.jobs[claim.job.number]
        fields = {Retry: (self.now_ms + delay_ms,), Bury: ("exit",)}
        result = result_for(claim, kind(*fields.get(kind, ())))
        assert halves.finish(self.store, [result], now_ms=self.now_ms) == [True]
        if kind is Retry:
            job.run_at_ms = self.now_ms + delay_ms
        if kind is Release:
            job.attempts -= 1
        self.end(claim.job.number, STATE_AFTER[kind])

    @rule(target=numbers, wanted=crowds)
    def pass_a_mutex_on(self, wanted):
        """A crowd waits for one place; each that has it gives it on."""
        numbers = self.enqueue_many(wanted, "one")
        for _ in wanted:
            for claim in self.claim(1, None).values:
                self.finish(claim, Complete, 0)
        return numbers

    @rule(target=numbers, condition=conditions)
    def cancel_one_of_two_parents(self, condition):
        """A child waits for two; one of them goes."""
        first, second = self.enqueue_many([("a", 10), ("a", 10)], None).values
        wishes = {"delay_ms": 0, "mutex": None, "hold": False, "expires_ms": None}
        parents = [(first, "any"), (second, condition)]
        child = self.enqueue(queue="b", priority=5, parents=parents, **wishes)
        self.cancel(first)
        return multiple(first, second, child)

    @rule(
        queue=st.sampled_from(QUEUES),
        concurrency=st.sampled_from([None, 1, 2]),
        rate=st.sampled_from([None, None, Rate(1, 1_000), Rate(2, 2_000), Rate(3, 2_000)]),
    )
    def limit(self, queue, concurrency, rate):
        """Limit a queue anew; a new rate counts the starts that the old one knew."""
        changes = {"concurrency": concurrency, "rate": rate}
        self.store.set_limits(queue, changes, now_ms=self.now_ms)
        self.limits[queue] = (concurrency, rate)
        self.started[queue] = []
        self.tokens[queue] = self.tokens[queue][-rate.jobs :] if rate else []

    @rule(target=claims, queue=st.sampled_from(QUEUES), rate=rates, other=rates)
    def spend_a_rate(self, queue, rate, other):
        """A crowd wants more tokens than there are, of one rate and then of another."""
        self.limit(queue, None, rate)
        self.enqueue_many([(queue, 10)] * 6, None)
        taken = [*self.claim(2, None).values]
        self.clock.advance(rate.period_ms // 2)
        taken += self.claim(2, None).values
        self.limit(queue, None, other)
        for span_ms in (0, rate.period_ms // 2 - 1, 1, rate.period_ms // 2):
            self.clock.advance(span_ms)
            self.no_job_that_may_start_is_overlooked()
            taken += self.claim(3, None).values
        return multiple(*taken)

    @rule(target=claims, queue=st.sampled_from(QUEUES))
    def pass_a_place_on(self, queue):
        """Of a crowd in a full queue each gives its place to the next one in one transaction."""
        self.limit(queue, 1, None)
        self.enqueue_many([(queue, 10)] * 3, None)
        taken = self.claim(1, (queue,)).values
        for _ in range(3):
            results = [result_for(claim, Complete()) for claim in taken]
            held, following = self.worker_store.finish_and_claim(
                results, worker=self.worker, limit=2, now_ms=self.now_ms, queues=(queue,)
            )
            assert held == [True] * len(taken)
            for claim in taken:
                self.end(claim.job.number, State.COMPLETED)
            assert [claim.job.number for claim in following] == self.take(2, (queue,))
            taken = following
        return multiple(*taken)

    @rule(span_ms=st.sampled_from([1, 1_000, 2_000]))
    def let_time_pass(self, span_ms):
        """Make jobs due, and let some expire."""
        self.clock.advance(span_ms)

    @rule()
    def settle(self):
        """Do the chores of a worker."""
        while self.store.settle_waiting(now_ms=self.now_ms):
            pass
        for number, job in list(self.jobs.items()):
            self.expire(number, job)

    # --- what must hold ---

    @invariant()
    def the_store_tells_what_the_model_knows(self):
        """Compare every job."""
        told = {job.number: job for job in jobs_of(self.store)}
        assert {number: job.state for number, job in told.items()} == {
            number: job.state for number, job in self.jobs.items()
        }
        for number, job in self.jobs.items():
            blocked = told[number].blocked or 0
            assert bool(blocked & 1) == job.held, number
            assert bool(blocked & 2) == bool(job.open), number
            assert not blocked & 4 or (not job.held and not job.open and job.mutex), number
        steps.assert_figures_are_true(self.store)

    @invariant()
    def no_mutex_is_exceeded(self):
        """Count the runs."""
        for mutex, slots in SLOTS.items():
            running = [
                job for job in jobs_of(self.store, states=(State.PROCESSING,)) if job.mutex == mutex
            ]
            assert len(running) <= slots

    @invariant()
    def no_limit_is_exceeded(self):
        """Count the starts of each queue in each period since its limit was set."""
        for queue, (_, rate) in self.limits.items():
            moments = self.started[queue]
            for early, late in zip(moments, moments[rate.jobs :] if rate else [], strict=False):
                assert late - early >= rate.period_ms

    @invariant()
    def no_job_that_may_start_is_overlooked(self):
        """Ask as an idle worker does: were it told a later moment, it would sleep until then."""
        if any(self.could_run(job) for job in self.jobs.values()):
            start_ms = self.store.next_start_ms()
            assert start_ms is not None
            assert start_ms <= self.now_ms

    # --- within ---

    def could_run(self, job):
        return (
            job.state in CLAIMABLE and job.run_at_ms <= self.now_ms
            and not job.held and not job.open and job.queue not in self.paused
            and self.has_room(job)
        )  # fmt: skip

    def has_room(self, job):
        """Tell whether mutex, concurrency and rate let one more run."""
        running = [other for other in self.jobs.values() if other.state is State.PROCESSING]
        concurrency, rate = self.limits[job.queue]
        tokens = self.tokens[job.queue]
        return (
            (job.mutex is None or count(running, "mutex", job.mutex) < SLOTS[job.mutex])
            and (concurrency is None or count(running, "queue", job.queue) < concurrency)
            and (
                rate is None
                or len(tokens) < rate.jobs
                or tokens[-rate.jobs] + rate.period_ms <= self.now_ms
            )
        )

    def wait_for_parents(self, number, *, judge):
        """Let a job wait for the parents that have not ended; judge those that have, if new."""
        job = self.jobs[number]
        job.open = {
            (parent, condition)
            for parent, condition in job.after
            if parent in self.jobs and self.jobs[parent].state not in FINAL
        }
        for parent, condition in job.after if judge else ():
            state = self.jobs[parent].state
            if state in FINAL and state not in ENDS[condition]:
                self.end(number, State.CANCELLED)
                return

    def end(self, number, state):
        """Move a job, and all that follows from it."""
        todo = [(number, state)]
        while todo:
            number, state = todo.pop(0)
            job = self.jobs[number]
            job.state = state
            if state not in FINAL:
                continue
            job.held, job.open = False, set()
            for child, other in self.jobs.items():
                for parent, condition in sorted(other.open):
                    if parent == number and (parent, condition) in other.open:
                        other.open.discard((parent, condition))
                        if state not in ENDS[condition]:
                            other.open = set()
                            todo.append((child, State.CANCELLED))

    def expire(self, number, job):
        """Let a job expire where its time is over."""
        over = job.expires_at_ms is not None and job.expires_at_ms <= self.now_ms
        if over and job.state is State.PENDING and job.starts == 0:
            self.end(number, State.CANCELLED)
            return True
        return False

    def take(self, limit, queues):
        """Return the numbers of a claim, one by one the best that may run."""
        taken = []
        while len(taken) < limit:
            waiting_jobs = sorted(
                (-job.priority, job.run_at_ms, number)
                for number, job in self.jobs.items()
                if job.state in CLAIMABLE and job.run_at_ms <= self.now_ms
                and not job.held and not job.open
                and (queues is None or job.queue in queues) and job.queue not in self.paused
            )  # fmt: skip
            best = next((n for _, _, n in waiting_jobs if self.may_run(n)), None)
            if best is None:
                return taken
            job = self.jobs[best]
            job.state, job.starts, job.attempts = State.PROCESSING, job.starts + 1, job.attempts + 1
            rate = self.limits[job.queue][1]
            if rate is not None:
                self.tokens[job.queue] = [*self.tokens[job.queue], self.now_ms][-rate.jobs :]
            self.started[job.queue].append(self.now_ms)
            taken.append(best)
        return taken

    def may_run(self, number):
        """Tell whether a due job may run; expire it where it is too late for that."""
        job = self.jobs[number]
        if job.state not in CLAIMABLE or not self.queue_is_open(job):
            return False
        return not self.expire(number, job) and self.has_room(job)

    def queue_is_open(self, job):
        return self.has_room(ModelJob(job.queue, job.priority, job.run_at_ms))


def count(jobs, name, value):
    return sum(getattr(job, name) == value for job in jobs)


def run_machine(engine_class, root, **more):
    """Let hypothesis search, always the same way; the long profile searches anew, and longer."""
    run_state_machine_as_test(
        type("Machine", (FlowMachine,), {"engine_class": engine_class, "root": str(root)}),
        settings=settings(
            settings(),
            max_examples=EXAMPLES if settings().derandomize else settings().max_examples,
            stateful_step_count=STEPS,
            suppress_health_check=list(HealthCheck),
            **more,
        ),
    )


@pytest.mark.parametrize("engine_class", ENGINES.values(), ids=ENGINES)
def test_jobs_wait_as_the_model_says(engine_class, tmp_path):
    run_machine(engine_class, tmp_path)


@pytest.mark.parametrize("engine_class", ENGINES.values(), ids=ENGINES)
def test_jobs_wait_the_same_where_every_second_end_is_told_later(
    engine_class, tmp_path, monkeypatch
):
    monkeypatch.setattr(waiting, "CHUNK", 1)
    enqueue = engine_class.open

    def open_and_settle(engine):
        return SettlingStore(enqueue(engine))

    monkeypatch.setattr(engine_class, "open", open_and_settle)
    run_machine(engine_class, tmp_path)


class SettlingStore:
    """A store that does the chores of a worker after every verb that may need them."""

    def __init__(self, store):
        self._store = store

    def __getattr__(self, name):
        verb = getattr(self._store, name)
        if name not in {"enqueue", "cancel", "revive", "finish_and_claim"}:
            return verb

        def settled(*args, now_ms, **more):
            answer = verb(*args, now_ms=now_ms, **more)
            while self._store.settle_waiting(now_ms=0):
                pass
            return answer

        return settled
