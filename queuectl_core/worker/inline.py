"""Runs one job at once, in the foreground, in the process that adds it: `queuectl run`.

To all others that is a worker of one thread that takes no other job: when it is killed, any worker
ends what is left of the job and runs it again. It holds the job from its birth to its end, also
while it waits for a retry, so that no other worker runs it elsewhere in between.
"""

from __future__ import annotations

import logging
import os
import select
import signal

from queuectl_core import __version__, machine
from queuectl_core.errors import MutexHeld, QueuectlError, StorageDamaged
from queuectl_core.records import Record
from queuectl_core.retry import Release, Retry, Stop
from queuectl_core.run import Claim, Ending, Outcome
from queuectl_core.storage.records import NewWorker, Result
from queuectl_core.worker import environment, executor, frozen, processes, rescuer, worklog
from queuectl_core.worker.crew import Crew
from queuectl_core.worker.echo import Echo
from queuectl_core.worker.plan import Plan
from queuectl_core.worker.pruner import Pruner
from queuectl_core.worker.reserve import Reserve, path_beside
from queuectl_core.worker.turnstile import Turnstile
from queuectl_core.worker.worker import Worker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from queuectl_core.clock import Clock
    from queuectl_core.config import Settings
    from queuectl_core.home import Home
    from queuectl_core.job import Enqueued, Job, NewJob
    from queuectl_core.joblog import JobLogWriter
    from queuectl_core.storage.store import Store
    from queuectl_core.worker.executor import Command, Stopper
    from queuectl_core.worker.seams import Companion

    Tell = Callable[[str], None]

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
ECHO_MS = 1_000
"""One Ctrl-C reaches a frozen program twice: from the terminal, and passed on by its loader."""
TEND_EVERY_MS = 1_000
MUTEX_POLL_MS = 250
"""Who waits for a mutex here has no place in a queue that could be woken."""
HEARTBEAT_EVERY_MS = 10_000
PRUNE_MS = 100
STDIN = 0
log = logging.getLogger(__name__)


class Ran(Record):
    """A job that ran here, as it is now, and the signal that told us to end it, if one did.

    `job` None: the queue does not say any more.
    """

    job: Job | None
    signal: int | None


class Place(Record):
    """Where a job is to run: its queue, and how we speak while it does."""

    home: Home
    db_path: str
    settings: Settings
    clock: Clock
    tell: Tell


def run(
    store: Store, job: NewJob, place: Place, *, on_conflict: str, patience_ms: int = 0
) -> Ran | Enqueued:
    """Add a job and run it to its end; with `skip` where its id exists, tell of the old one.

    Where its mutex is held, look again for `patience_ms`; MutexHeld after that, and nothing was
    added.

    Makes this process the job's keeper: its signals, its orphans, its log are ours. Raises what the
    queue raises before the job was added; what goes wrong after that is told, and leaves the job to
    other workers.
    """
    processes.become_subreaper()
    heeded = [number for number in STOP_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    environment.isolate_jobs()
    worklog.start_quietly()
    rescuer.rescue_all(store, place.clock, Reserve(path_beside(place.db_path)))
    keeper = _Keeper(store, place)
    for number in heeded:
        signal.signal(number, keeper.heed)
    try:
        return keeper.keep(job, on_conflict, patience_ms)
    finally:
        keeper.close()


class _Runner(Worker):
    """The thread that runs the job, attempt by attempt."""

    def __init__(self, crew: Crew, claim: Claim, worker: int, tell: Tell) -> None:
        super().__init__(crew, slot=1)
        self.claim = claim
        self._id = worker
        self._tell = tell

    def end(self) -> None:
        """End the job; it is cancelled then. From any thread."""
        self._crew.stopping.set()
        if self.claim is not None:
            self.stopper.stop(self.claim.token, Ending.CANCELLED)

    def _work(self) -> None:
        while self.claim is not None:
            result = self._attempt(self.claim)
            if isinstance(result.verdict, Retry):
                self.claim = self._retry(result, result.verdict.run_at_ms)
            else:
                self._record(result)
                self.claim = None
                if isinstance(result.verdict, Release):
                    self._tell(f"{result.outcome.error}; the job is left to a worker")

    def _record(self, result: Result) -> None:
        """Record how the job ended, however long it takes."""
        self.owed.append(result)
        self._hand_in(wants=False)

    def _looks_ahead(self) -> int:
        return 0

    def _attempt(self, claim: Claim) -> Result:
        if self._crew.stopping.is_set():
            return Result(claim, Outcome(Ending.CANCELLED), Stop())
        return self._execute(claim)

    def _command(self, claim: Claim) -> Command:
        return super()._command(claim)._replace(stdin=STDIN)

    def _retry(self, result: Result, run_at_ms: int) -> Claim | None:
        """Record a failure, keep the job, and wait for its next attempt."""
        clock = self._crew.clock
        try:
            claim = self._store.finish_and_reclaim(result, worker=self._id, now_ms=clock.now_ms())
        except StorageDamaged:
            raise
        except QueuectlError as error:
            log.warning("storage: %s; the retry is left to a worker", error)
            self._record(result)
            return None
        if claim is not None:
            self._tell(_next_attempt(result, run_at_ms - clock.now_ms()))
            self.claim = claim
            while (left_ms := run_at_ms - clock.now_ms()) > 0:
                if clock.wait(self._crew.stopping, min(left_ms, TEND_EVERY_MS)):
                    break
        return claim


def _next_attempt(result: Result, wait_ms: int) -> str:
    job = result.claim.job
    how = f"attempt {job.attempts} of {job.max_retries} failed: {result.outcome.error}"
    return f"{how}; the next one starts in {max(0, -(-wait_ms // 100)) / 10:g} s"


class _Keeper:
    """What the main thread does meanwhile: signals, wishes to cancel, orphans, heartbeats."""

    def __init__(self, store: Store, place: Place) -> None:
        self._store = store
        self._place = place
        self._clock = place.clock
        self._environ = environment.of_worker(os.environ, place.home, place.db_path)
        self._plan = Plan(
            place.home, place.db_path, place.settings, 1, (), drain=False, environ=self._environ
        )
        self._id = store.register(_as_worker(), now_ms=self._clock.now_ms())
        worklog.write_to(f"{self._plan.logs_dir}/worker-{self._id}.log")
        self._bell = store.bell(self._id)
        self._reserve = Reserve(path_beside(place.db_path))
        self._orphans = processes.Orphans(strangers=processes.adopted())
        self._parent = frozen.parent()
        self._runner: _Runner | None = None
        self._signal: int | None = None
        self._signalled_ms = 0
        self._heartbeat_ms = self._clock.monotonic_ms()

    def keep(self, job: NewJob, on_conflict: str, patience_ms: int) -> Ran | Enqueued:
        """Add the job, and stay with it to its end."""
        found = self._begin(job, on_conflict, self._clock.monotonic_ms() + patience_ms)
        if not isinstance(found, Claim):
            return found or Ran(None, self._signal)
        crew = self._crew()
        self._runner = _Runner(crew, found, self._id, self._place.tell)
        if self._signal is not None:
            self._runner.end()
        self._runner.start()
        frozen.preload()
        frozen.hold_bundle()
        self._mind(crew, self._runner)
        if crew.failure is not None:  # no result can be recorded any more
            self._place.tell(f"{crew.failure}. {crew.failure.hint}")
            return Ran(None, self._signal)
        return Ran(self._look_back(found.job.number), self._signal)

    def _begin(self, job: NewJob, on_conflict: str, until_ms: int) -> Claim | Enqueued | None:
        """Add and claim the job as soon as its mutex is free; None: a signal came before."""
        told = False
        while self._signal is None:
            try:
                return self._store.enqueue_and_claim(
                    job, worker=self._id, now_ms=self._clock.now_ms(), on_conflict=on_conflict
                )
            except MutexHeld as held:
                if self._clock.monotonic_ms() >= until_ms:
                    raise
                if not told:
                    self._place.tell(f"{held}; waiting for it")
                told = True
            self._clock.pause(MUTEX_POLL_MS)
        return None

    def close(self) -> None:
        """Let go of the queue as a worker."""
        self._orphans.end_unowned(dict)
        self._bell.close()
        if self._runner is not None and self._runner.claim is not None:
            return  # others find us dead, and go on with the job
        try:
            self._store.retire(self._id)
        except QueuectlError as error:
            log.warning("keeper: %s", error)

    def heed(self, number: int, _frame: FrameType | None) -> None:
        """End the job at a signal; at another one a second later at once."""
        now_ms = self._clock.monotonic_ms()
        if self._signal is None:
            self._signal, self._signalled_ms = number, now_ms
            if self._runner is not None:
                self._runner.end()
        elif now_ms - self._signalled_ms > ECHO_MS:
            processes.kill_tokens(self._running())

    def _crew(self) -> Crew:
        turnstile = Turnstile(worker=self._id, queues=(), clock=self._clock, reserve=self._reserve)
        run_command = executor.Executor(self._environ, turnstile.shortage).run

        def execute(
            command: Command,
            output: JobLogWriter,
            stopper: Stopper,
            clock: Clock,
            _companion: Companion | None = None,
        ) -> Outcome:
            until_ms = clock.monotonic_ms() + command.timeout_ms

            def impatient() -> bool:
                late = bool(command.timeout_ms) and clock.monotonic_ms() > until_ms
                return late or crew.stopping.is_set()

            return run_command(command, Echo(output, impatient), stopper, clock)

        crew = Crew(self._plan, turnstile=turnstile, clock=self._clock, execute=execute)
        return crew

    def _mind(self, crew: Crew, runner: _Runner) -> None:
        poll = select.poll()
        for ear in (self._bell, crew.buzzer):
            poll.register(ear, select.POLLIN)
        while not runner.done.is_set():
            ready = {fd for fd, _ in poll.poll(TEND_EVERY_MS)}
            if self._bell.fileno() in ready:
                self._bell.clear()
            if crew.buzzer.fileno() in ready:
                crew.buzzer.clear()
            try:
                self._tend(runner)
            except QueuectlError as error:
                log.warning("keeper: %s", error)
        runner.join()

    def _tend(self, runner: _Runner) -> None:
        if self._store.cancel_requests(worker=self._id):
            runner.end()
        if frozen.is_frozen() and os.getppid() != self._parent:
            log.warning("the process that started us died; ending the job")
            runner.end()
        self._orphans.end_unowned(self._running)
        if self._reserve.disk_is_full:
            self._reserve.refill()
        now_ms = self._clock.monotonic_ms()
        if now_ms - self._heartbeat_ms >= HEARTBEAT_EVERY_MS and not self._reserve.disk_is_full:
            self._heartbeat_ms = now_ms
            self._store.heartbeat(self._id, stopping=False, now_ms=self._clock.now_ms())

    def _look_back(self, number: int) -> Job | None:
        """Return the job as it ended; then do what no worker does where only `run` is used."""
        try:
            job = self._store.job_by_number(number)
            if not any(row.alive and row.takes_jobs for row in self._store.workers()):
                self._prune()
        except QueuectlError as error:
            log.warning("keeper: %s", error)
            return None
        return job

    def _prune(self) -> None:
        """Forget old jobs and output, for a moment; the next `run` goes on with it."""
        pruner = Pruner(self._store, self._plan.logs_dir, self._clock)
        until_ms = self._clock.monotonic_ms() + PRUNE_MS
        while pruner.work(self._place.settings) and self._clock.monotonic_ms() < until_ms:
            continue

    def _running(self) -> dict[int, bool]:
        """Return the token of the job, and whether it may leave processes behind."""
        claim = None if self._runner is None else self._runner.claim
        if claim is None:
            return {}
        options = claim.job.options
        return {claim.token: bool(options and options.allow_background)}


def _as_worker() -> NewWorker:
    return NewWorker(
        host=machine.host(),
        pid_space=machine.pid_space(),
        supervisor_pid=os.getpid(),
        pool_pid=os.getpid(),
        threads=1,
        queues=(),
        version=__version__,
    )
