"""Random lives of a queue against a model made from the one table of moves.

The model knows a job's state, its place in the order of claims and its counters; it is compared
with all that the store tells after every step.
"""

from __future__ import annotations

import tempfile
from collections import Counter
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
    precondition,
    rule,
    run_state_machine_as_test,
)

from queuectl_core.errors import JobExists
from queuectl_core.lifecycle import (
    CLAIMABLE,
    EVENTS,
    FINAL,
    STATES,
    TRANSITIONS,
    Event,
    State,
    allows,
)
from queuectl_core.retry import POISON_CRASHES, Bury, Complete, Release, Rescue, Retry, Stop
from queuectl_core.run import Claim
from tests import halves
from tests.builders import new_job, new_worker, result_for
from tests.clocks import ManualClock
from tests.conformance import steps
from tests.conformance.engines import ENGINES

EXAMPLES = 60
STEPS = 30
QUEUES = ("a", "b")
EVENT_OF = {
    Complete: Event.COMPLETE,
    Retry: Event.FAIL,
    Bury: Event.BURY,
    Stop: Event.STOP,
    Release: Event.RELEASE,
    Rescue: Event.RESCUE,
}

FORGETTABLE = {State.COMPLETED, State.CANCELLED}
ENDINGS = {event for event, (_, target) in TRANSITIONS.items() if target in FORGETTABLE}

some_queues = st.sampled_from([None, None, ("a",), ("b",), ("b", "a"), ("none",)])
delays_ms = st.sampled_from([0, 0, 1, 1_000, 60_000])
priorities = st.sampled_from([1, 5, 5, 10])
verdict_kinds = st.sampled_from([Complete, Retry, Bury, Stop, Release])
requests = st.builds(
    dict,
    queue=st.sampled_from(QUEUES),
    priority=priorities,
    delay_ms=delays_ms,
    on_crash=st.sampled_from(["retry", "retry", "fail", "hold"]),
)


@dataclass
class ModelJob:
    """What must be true of a job."""

    queue: str
    priority: int
    run_at_ms: int
    id: str | None = None
    on_crash: str = "retry"
    state: State = State.PENDING
    attempts: int = 0
    starts: int = 0
    crashes: int = 0
    token: int | None = None
    worker: int | None = None
    cancel_requested: bool = False
    ended_runs: int = 0
    ended_at_ms: int | None = None


@dataclass
class Model:
    """All jobs by number, what happened to them since the last cut, and how often each ever did."""

    clock: ManualClock
    jobs: dict[int, ModelJob] = field(default_factory=dict)
    history: list[tuple[int, int, str]] = field(default_factory=list)
    events: Counter[str] = field(default_factory=Counter)

    def add(self, number, **fields):
        """Note a new job."""
        self.jobs[number] = ModelJob(**fields)
        self.note(number, "enqueue")

    def note(self, number, event):
        """Write history."""
        self.history.append((self.clock.now_ms(), number, event))
        self.events[event] += 1

    def move(self, number, event):
        """Let an event happen that the table allows; return the job."""
        job = self.jobs[number]
        sources, target = TRANSITIONS[event]
        assert job.state in sources
        if job.state is State.PROCESSING:
            job.ended_runs += 1
            job.token, job.cancel_requested = None, False
        job.state = target
        job.ended_at_ms = self.clock.now_ms() if target in FORGETTABLE else None
        self.note(number, event)
        return job

    def prune(self, before_ms, keep):
        """Forget in the order of the ends, until neither rule wants more; return what went."""
        ended = sum(job.state in FORGETTABLE for job in self.jobs.values())
        surplus = 0 if keep is None else ended - keep
        forgotten = []
        while self.history:
            at_ms, number, event = self.history[0]
            if len(forgotten) >= surplus and (before_ms is None or at_ms >= before_ms):
                break
            del self.history[0]
            if event in ENDINGS and number in self.jobs and self.jobs[number].ended_at_ms == at_ms:
                forgotten.append((number, self.jobs.pop(number).starts))
        return forgotten

    def due(self, now_ms, queues, limit=None):
        """Return the numbers that may be claimed at once, in their order; one suspect at most."""
        waiting = [
            (-job.priority, job.run_at_ms, number)
            for number, job in self.jobs.items()
            if job.state in CLAIMABLE
            and job.run_at_ms <= now_ms
            and (queues is None or job.queue in queues)
        ]
        numbers = [number for _, _, number in sorted(waiting)]
        suspects = [number for number in numbers if self.suspected(number)]
        blocked = suspects if self.running_suspects() else suspects[1:]
        return [number for number in numbers if number not in blocked][:limit]

    def suspected(self, number):
        """Tell whether a job was there at so many deaths that one more makes it poison."""
        return self.jobs[number].crashes == POISON_CRASHES - 1

    def startable(self, job):
        """Tell whether nothing but the moment keeps a job from being claimed."""
        waits = job.crashes == POISON_CRASHES - 1 and self.running_suspects()
        return job.state in CLAIMABLE and not waits

    def running_suspects(self):
        """Return the numbers of the suspects that run: one at most, if all is well."""
        return [
            number
            for number, job in self.jobs.items()
            if job.state is State.PROCESSING and self.suspected(number)
        ]

    def running(self, worker):
        """Return the numbers of a worker's jobs."""
        return [
            number
            for number, job in self.jobs.items()
            if job.state is State.PROCESSING and job.worker == worker
        ]

    def number_of(self, job_id):
        """Return the number of the job with that id, or None."""
        return next((number for number, job in self.jobs.items() if job.id == job_id), None)


class QueueMachine(RuleBasedStateMachine):
    """One queue, two workers and somebody who looks on."""

    engine_class = ENGINES["sqlite"]
    root = None

    numbers = Bundle("numbers")
    claims = Bundle("claims")
    spent = Bundle("spent")

    @initialize()
    def begin(self):
        """Open an empty queue."""
        self.directory = tempfile.TemporaryDirectory(prefix="life-", dir=self.root)
        self.engine = self.engine_class(self.directory.name)
        self.clock = ManualClock()
        self.model = Model(self.clock)
        self.store = self.engine.open()
        self.workers = {}
        for _ in range(2):
            self.come_up()

    def teardown(self):
        """Leave nothing behind."""
        if hasattr(self, "engine"):
            self.engine.close()
            self.directory.cleanup()

    # --- rules: people ---

    @rule(target=numbers, wanted=st.lists(requests, min_size=1, max_size=4))
    def enqueue(self, wanted):
        """Add jobs without an id."""
        now_ms = self.clock.now_ms()
        jobs = [
            new_job(
                queue=one["queue"],
                priority=one["priority"],
                run_at_ms=now_ms + one["delay_ms"],
                on_crash=one["on_crash"],
            )
            for one in wanted
        ]
        added = self.store.enqueue(jobs, now_ms=now_ms)
        assert len(added) == len(jobs)
        for job, new in zip(jobs, added, strict=True):
            self.model.add(
                new.number,
                queue=job.queue,
                priority=job.priority,
                run_at_ms=job.run_at_ms,
                on_crash=job.on_crash,
            )
        return multiple(*[new.number for new in added])

    @rule(
        target=numbers,
        job_id=st.sampled_from(["x", "y"]),
        queue=st.sampled_from(QUEUES),
        on_conflict=st.sampled_from(["error", "skip", "replace"]),
    )
    def enqueue_named(self, job_id, queue, on_conflict):
        """Add an unnamed job and one with an id that may exist: both or none."""
        now_ms = self.clock.now_ms()
        old = self.model.number_of(job_id)
        busy = old is not None and self.model.jobs[old].state is State.PROCESSING
        jobs = [new_job(queue=queue), new_job(queue=queue, id=job_id)]
        if old is not None and (on_conflict == "error" or (on_conflict == "replace" and busy)):
            with pytest.raises(JobExists):
                self.store.enqueue(jobs, now_ms=now_ms, on_conflict=on_conflict)
            return multiple()
        added = self.store.enqueue(jobs, now_ms=now_ms, on_conflict=on_conflict)
        if old is not None and on_conflict == "replace":
            if allows(Event.CANCEL, self.model.jobs[old].state):
                self.model.move(old, Event.CANCEL)
            self.model.jobs[old].id = None
        assert [new.created for new in added] == [True, old is None or on_conflict == "replace"]
        for job, new in zip(jobs, added, strict=True):
            if new.created:
                self.model.add(new.number, queue=queue, priority=5, run_at_ms=now_ms, id=job.id)
        return multiple(*[new.number for new in added if new.created])

    @rule(number=numbers)
    def cancel(self, number):
        """Cancel a job in any state, or one that was forgotten."""
        if number not in self.model.jobs:
            assert self.store.cancel([number], now_ms=self.clock.now_ms()) == [None]
            return
        job = self.model.jobs[number]
        if allows(Event.CANCEL, job.state):
            self.model.move(number, Event.CANCEL)
        elif job.state is State.PROCESSING:
            job.cancel_requested = True
        assert self.store.cancel([number], now_ms=self.clock.now_ms()) == [job.state]

    @rule(number=numbers)
    def revive(self, number):
        """Revive a job in any state, or one that was forgotten."""
        if number not in self.model.jobs:
            assert self.store.revive([number], now_ms=self.clock.now_ms()) == [None]
            return
        job = self.model.jobs[number]
        before = job.state
        if allows(Event.REVIVE, before):
            self.model.move(number, Event.REVIVE)
            job.worker = None
            job.attempts = job.crashes = 0
            job.run_at_ms = self.clock.now_ms()
        assert self.store.revive([number], now_ms=self.clock.now_ms()) == [before]

    # --- rules: workers ---

    @rule(target=claims, place=st.integers(0, 1), limit=st.integers(1, 3), queues=some_queues)
    def claim(self, place, limit, queues):
        """Claim what is due. No claim is a result too, but not one for the bundle."""
        worker = self.worker(place)
        taken = halves.claim(
            self.workers[worker],
            worker=worker,
            limit=limit,
            now_ms=self.clock.now_ms(),
            queues=queues,
        )
        self.take(worker, taken, self.model.due(self.clock.now_ms(), queues, limit))
        return multiple(*taken)

    @rule(target=spent, claim=consumes(claims), kind=verdict_kinds, delay_ms=delays_ms)
    def finish(self, claim, kind, delay_ms):
        """Finish a claim; it holds unless its worker died."""
        result = self.result(claim, kind, delay_ms)
        expected = self.settle(result)
        assert halves.finish(self.store, [result], now_ms=self.clock.now_ms()) == [expected]
        return claim

    @rule(claim=spent, kind=verdict_kinds)
    def finish_again(self, claim, kind):
        """Finish a claim that ended before."""
        result = self.result(claim, kind, 0)
        assert self.settle(result) is False
        assert halves.finish(self.store, [result], now_ms=self.clock.now_ms()) == [False]

    @rule(target=claims, claim=consumes(claims), kind=verdict_kinds, delay_ms=delays_ms)
    def finish_and_claim(self, claim, kind, delay_ms):
        """Do both, for all queues, as the hot loop does."""
        worker = self.worker(0)
        result = self.result(claim, kind, delay_ms)
        expected = self.settle(result)
        held, taken = self.workers[worker].finish_and_claim(
            [result], worker=worker, limit=100, now_ms=self.clock.now_ms()
        )
        assert held == [expected]
        self.take(worker, taken, self.model.due(self.clock.now_ms(), None))
        return multiple(*taken)

    @rule(place=st.integers(0, 1))
    def crash(self, place):
        """Let a worker die, rescue its jobs, let another come up in its place."""
        self.die(self.worker(place))
        self.come_up()

    # --- rules: upkeep ---

    @rule(
        age_ms=st.sampled_from([None, -1, 0, 1, 1_000]),
        keep=st.sampled_from([None, 0, 1, 3]),
        limit=st.sampled_from([2, 1_000]),
    )
    def prune(self, age_ms, keep, limit):
        """Forget jobs that ended, slice by slice."""
        now_ms = self.clock.now_ms()
        before_ms = None if age_ms is None else now_ms - age_ms
        forgotten, more = [], True
        while more:
            pruned = self.store.prune(before_ms=before_ms, keep=keep, limit=limit, now_ms=now_ms)
            forgotten += [(job.number, job.starts) for job in pruned.jobs]
            more = pruned.more
        assert forgotten == self.model.prune(before_ms, keep)

    # --- rules: straight to each danger ---

    @rule(target=claims, queue=st.sampled_from(QUEUES), wanted=st.booleans(), kind=verdict_kinds)
    def lose_the_lease_and_see_the_job_reclaimed(self, queue, wanted, kind):
        """A worker dies, another runs its job, the dead one's result arrives."""
        late = self.start_urgent_job(queue)
        if wanted:
            self.cancel(late.job.number)
        self.die(late.job.worker)
        current = self.claim_best(self.worker(0))
        self.come_up()
        self.finish(late, kind, 0)
        return multiple(*current)

    @rule(target=numbers, queue=st.sampled_from(QUEUES))
    def take_three_workers_down(self, queue):
        """A job is poison."""
        number = self.start_urgent_job(queue).job.number
        for _ in range(3):
            self.die(self.worker(0))
            self.come_up()
            self.end_running_suspects()
            self.claim_best(self.worker(0))
        return number

    @rule(target=claims, queue=st.sampled_from(QUEUES), again=st.booleans())
    def run_suspects_and_their_like(self, queue, again):
        """Jobs that were there at two deaths run one by one; the third is laid on that one only."""
        for _ in range(2):
            self.add_urgent_job(queue)
        for _ in range(2):
            self.claim_all(self.worker(0))
            self.die(self.worker(0))
            self.come_up()
        self.end_running_suspects()
        taken = self.claim_all(self.worker(0))
        if not again:
            return multiple(*taken)
        self.die(self.worker(0))
        self.come_up()
        return multiple()

    @rule(
        target=numbers,
        queue=st.sampled_from(QUEUES),
        delay_ms=delays_ms,
        then=st.sampled_from(["nothing", "cancel", "revive", "run"]),
    )
    def fail_a_job(self, queue, delay_ms, then):
        """A job waits for its retry; its user may not want that."""
        claim = self.start_urgent_job(queue)
        self.finish(claim, Retry, delay_ms)
        self.the_store_knows_what_comes_next()
        if then == "run":
            self.let_time_pass(delay_ms)
            self.finish(self.start(claim.job.number), Complete, 0)
        elif then != "nothing":
            {"cancel": self.cancel, "revive": self.revive}[then](claim.job.number)
        return claim.job.number

    @rule(queue=st.sampled_from(QUEUES), keep=st.integers(0, 2))
    def forget_what_ended(self, queue, keep):
        """Two jobs end, and the first of them once more: now it is the younger one."""
        first, second = (self.add_urgent_job(queue) for _ in range(2))
        self.finish(self.start(first), Complete, 0)
        self.finish(self.start(second), Complete, 0)
        self.let_time_pass(1)
        self.revive(first)
        self.finish(self.start(first), Complete, 0)
        self.prune(None, keep, 1_000)

    @rule(target=claims, queue=st.sampled_from(QUEUES))
    def want_a_running_job_to_end(self, queue):
        """Its worker hears of it, and no other."""
        claim = self.start_urgent_job(queue)
        self.cancel(claim.job.number)
        return claim

    # --- rules: time ---

    @rule(span_ms=st.sampled_from([1, 999, 60_000]))
    def let_time_pass(self, span_ms):
        """Make jobs of the future due."""
        self.clock.advance(span_ms)

    @precondition(lambda self: self.clock.now_ms() > 60_000)
    @rule()
    def set_the_clock_back(self):
        """Jump, as a machine does that gets the right time."""
        self.clock.jump(-500)

    # --- what must hold ---

    @invariant()
    def the_store_tells_what_the_model_knows(self):
        """Compare jobs, counts, events and attempts."""
        seen = steps.view(self.store)
        told = {
            job.number: ModelJob(
                job.queue, job.priority, job.run_at_ms, job.id, job.on_crash, job.state,
                job.attempts, job.starts, job.crashes, job.token, job.worker, job.cancel_requested,
            )
            for job in seen.jobs
        }  # fmt: skip
        runs = Counter(attempt.job for attempt in seen.attempts)
        ended_at_ms = {
            job.number: job.finished_at_ms if job.state in FORGETTABLE else None
            for job in seen.jobs
        }
        for number, job in told.items():
            job.ended_runs = runs[number]
            job.ended_at_ms = ended_at_ms[number]
        assert told == self.model.jobs
        assert seen.counts == Counter((job.queue, job.state) for job in self.model.jobs.values())
        happened = [(event.at_ms, event.job, event.event) for event in reversed(seen.events)]
        assert happened == self.model.history
        assert {event: times for event, (times, _) in seen.totals.items()} == self.model.events

    @invariant()
    def the_store_knows_what_comes_next(self):
        """Compare what workers ask when they are idle."""
        jobs = self.model.jobs.values()
        now_ms = self.clock.now_ms()
        for queues in (None, ("a",)):
            mine = [job for job in jobs if queues is None or job.queue in queues]
            moments = [job.run_at_ms for job in mine if self.model.startable(job)]
            assert self.store.next_due_ms(queues=queues) == min(moments, default=None)
            assert self.store.unsettled(now_ms=now_ms, queues=queues) == any(
                job.state in {State.PROCESSING, State.FAILED}
                or (job.state is State.PENDING and job.run_at_ms <= now_ms)
                for job in mine
            )
        for worker in self.workers:
            assert sorted(self.store.cancel_requests(worker=worker)) == sorted(
                job.token for job in jobs if job.cancel_requested and job.worker == worker
            )

    # --- within ---

    def worker(self, place):
        """Return the id of the first or second worker."""
        return sorted(self.workers)[place]

    def start_urgent_job(self, queue):
        """Add a job that stands before all others but its like, claim it, and finish those."""
        return self.start(self.add_urgent_job(queue))

    def start(self, number):
        """Claim a job that is due and no suspect, and finish those that come before it."""
        while True:
            (claim,) = self.claim_best(self.worker(0))
            if claim.job.number == number:
                return claim
            self.finish(claim, Complete, 0)

    def add_urgent_job(self, queue):
        """Add a job that stands before all others but its like; return its number."""
        now_ms = self.clock.now_ms()
        (new,) = self.store.enqueue([new_job(queue=queue, priority=10, run_at_ms=0)], now_ms=now_ms)
        self.model.add(new.number, queue=queue, priority=10, run_at_ms=0)
        return new.number

    def end_running_suspects(self):
        """Clear the way for the next one."""
        for number in self.model.running_suspects():
            job = steps.job_of(self.store, number)
            self.finish(Claim(job, job.token), Complete, 0)

    def claim_all(self, worker):
        """Claim whatever may start."""
        now_ms = self.clock.now_ms()
        taken = halves.claim(self.workers[worker], worker=worker, limit=100, now_ms=now_ms)
        self.take(worker, taken, self.model.due(now_ms, None))
        return taken

    def claim_best(self, worker):
        """Claim one job, the best."""
        now_ms = self.clock.now_ms()
        taken = halves.claim(self.workers[worker], worker=worker, limit=1, now_ms=now_ms)
        self.take(worker, taken, self.model.due(now_ms, None, 1))
        return taken

    def come_up(self):
        """Start a worker; its id is the lowest that is free."""
        store = self.engine.open()
        worker = store.register(new_worker(), now_ms=self.clock.now_ms())
        assert worker == min({1, 2} - set(self.workers))
        self.workers[worker] = store

    def die(self, worker):
        """End a worker without a word, and rescue its jobs."""
        self.engine.shut(self.workers.pop(worker))
        results = self.store.rescue(
            steps.dead_worker(self.store, worker), now_ms=self.clock.now_ms()
        )
        numbers = self.model.running(worker)
        assert sorted(result.claim.job.number for result in results) == sorted(numbers)
        blamed = set(numbers) & set(self.model.running_suspects()) or numbers
        for number in numbers:
            job = self.model.jobs[number]
            # the count of a job that is buried or stopped is nobody's business any more
            job.crashes += number in blamed or job.cancel_requested or job.on_crash != "retry"
            if job.cancel_requested:
                self.model.move(number, Event.STOP)
            elif job.on_crash != "retry" or job.crashes >= POISON_CRASHES:
                self.model.move(number, Event.BURY)
            else:
                self.model.move(number, Event.RESCUE)

    def take(self, worker, taken, expected):
        """Note new claims, which must be those expected."""
        assert [claim.job.number for claim in taken] == expected
        live = {job.token for job in self.model.jobs.values()}
        for claim in taken:
            assert claim.token not in live
            job = self.model.move(claim.job.number, Event.CLAIM)
            job.attempts += 1
            job.starts += 1
            job.token, job.worker = claim.token, worker

    def result(self, claim, kind, delay_ms):
        """Return a result of that kind; a worker that heard of a cancel gives no job back."""
        job = self.model.jobs.get(claim.job.number)
        if job and job.cancel_requested and kind in {Retry, Release}:
            kind = Stop  # what follows when it did not hear: a check of its own in test_finish.py
        fields = {Retry: (self.clock.now_ms() + delay_ms,), Bury: ("exit",)}
        return result_for(claim, kind(*fields.get(kind, ())))

    def settle(self, result):
        """Note a result; return whether its claim holds."""
        number, token = result.claim.job.number, result.claim.token
        job = self.model.jobs.get(number)
        if job is None or job.state is not State.PROCESSING or job.token != token:
            return False
        self.model.move(number, EVENT_OF[type(result.verdict)])
        if isinstance(result.verdict, Retry):
            job.run_at_ms = result.verdict.run_at_ms
        if isinstance(result.verdict, Release):
            job.attempts -= 1
        return True


def run_machine(machine, engine_class, root, **more):
    """Let hypothesis search, always the same way; the long profile searches anew, and longer."""
    run_state_machine_as_test(
        type("Machine", (machine,), {"engine_class": engine_class, "root": str(root)}),
        settings=settings(
            settings(),
            max_examples=EXAMPLES if settings().derandomize else settings().max_examples,
            stateful_step_count=STEPS,
            suppress_health_check=list(HealthCheck),
            **more,
        ),
    )


@pytest.mark.parametrize("engine_class", ENGINES.values(), ids=ENGINES)
def test_a_queue_lives_as_the_model_says(engine_class, tmp_path):
    run_machine(QueueMachine, engine_class, tmp_path)


def test_the_model_knows_every_verdict():
    assert set(EVENT_OF.values()) | {Event.CLAIM, Event.CANCEL, Event.REVIVE} == set(
        EVENTS.values()
    )
    assert set(FINAL) | set(CLAIMABLE) | {State.PROCESSING} == set(STATES.values())
