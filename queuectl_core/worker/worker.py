"""One worker thread: claim, execute, decide, hand in. No SQL, no subprocess."""

from __future__ import annotations

import logging
import random
import threading
from functools import lru_cache

from queuectl_core import durations, joblog, retry
from queuectl_core.errors import (
    BadData,
    Exhausted,
    NewerVersion,
    QueuectlError,
    StorageBusy,
    StorageDamaged,
    StorageFull,
)
from queuectl_core.retry import Retry, RetryPolicy
from queuectl_core.run import Ending, Outcome
from queuectl_core.storage.records import Result
from queuectl_core.worker import environment, terms
from queuectl_core.worker.executor import Command, Stopper
from queuectl_core.worker.shelf import SHORT_MS, STREAK
from queuectl_core.worker.shortage import NotStarted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from queuectl_core.job import Job
    from queuectl_core.run import Claim
    from queuectl_core.storage.store import Store
    from queuectl_core.worker.crew import Crew
    from queuectl_core.worker.turnstile import Turn

STORAGE_PAUSE_MS = 1000
log = logging.getLogger(__name__)


def _scheduled_at_ms(job: Job) -> int:
    """Return the moment that a job is for, also when it runs again later."""
    return job.run_at_ms if job.scheduled_at_ms is None else job.scheduled_at_ms


# jobs that came in together share their moment; writing it out anew is 12 us
_moment = lru_cache(maxsize=64)(durations.format_moment)


class Worker(threading.Thread):
    """Slot `slot` of a pool. Its store is its own; `owed` is what a predecessor died with."""

    def __init__(self, crew: Crew, slot: int, owed: Sequence[Result] = ()) -> None:
        super().__init__(name=f"worker-{slot}", daemon=True)
        self.slot = slot
        self.stopper = Stopper()
        self.claim: Claim | None = None
        self.owed = list(owed)
        """Results to hand in, the oldest first."""
        self._left: list[Turn] = []
        self._short_runs = 0
        self.done = threading.Event()  # sooner than is_alive, and the caretaker is told
        self._crew = crew
        self._store: Store  # opened by the thread itself
        self._rng = random.Random()  # noqa: S311 - spreads retries, guards nothing

    def run(self) -> None:
        """Work until the crew says stop.

        Storage that is damaged ends the thread, and the pool with it.
        """
        try:
            store = self._open_store()
            if store is None:
                return
            self._store = store
            try:
                self._work()
            finally:
                store.close()
        except StorageDamaged as error:
            self._crew.fail(error)
        finally:
            self.done.set()
            self._crew.buzzer.press()

    def _open_store(self) -> Store | None:
        """Open it, however long that takes; None when the crew stops first."""
        while True:
            try:
                return self._crew.open_store()
            except (Exhausted, StorageBusy, StorageFull) as error:
                if self._crew.stopping.is_set() and not self.owed:
                    return None
                self._crew.said.warning("%s: %s; trying again", self.name, error)
                self._crew.clock.pause(STORAGE_PAUSE_MS)

    def _work(self) -> None:
        while True:
            rings = self._crew.room.rings()
            wants = not self._crew.stopping.is_set()
            self.claim = self._next(wants=wants)
            if self.claim is not None:
                result = self._execute(self.claim)  # hands in what is owed meanwhile
                self.owed.append(result)
                short = result.outcome.duration_ms <= SHORT_MS
                self._short_runs = self._short_runs + 1 if short else 0
            elif not wants:
                return
            else:
                self._crew.buzzer.press()
                self._crew.room.wait_beyond(rings)

    def _next(self, *, wants: bool) -> Claim | None:
        """Return the next claim: one made ahead, or one for which the results are handed in."""
        if not wants or self._crew.shortage.admits is not None:
            self.owed += put_back(self._crew.shelf.take_all())
        elif (claim := self._crew.shelf.take()) is not None:
            return claim
        return self._hand_in(wants=wants)

    def _hand_in(self, *, wants: bool) -> Claim | None:
        """Record the results and take the next claim, however long it takes."""
        while True:
            try:
                return self._swap(wants=wants, ahead=self._looks_ahead())
            except StorageDamaged:
                raise
            except NewerVersion as error:
                self._crew.fail(error)
                wants = False  # but what ran is recorded
            except QueuectlError as error:
                self._crew.said.warning("storage: %s; trying again", error)
                if not self.owed and self._crew.stopping.is_set():
                    return None
                self._crew.clock.pause(STORAGE_PAUSE_MS)
                wants = wants and not self._crew.stopping.is_set()

    def _swap(self, *, wants: bool, ahead: int) -> Claim | None:
        owed = self.owed
        held, claim = self._crew.turnstile.swap(self._store, owed, wants=wants, ahead=ahead)
        self.owed = []
        self._report(owed, held)
        self._look_back()
        return claim

    def _looks_ahead(self) -> int:
        """Return how many claims to make ahead: some if the last runs were very short.

        None where a thread lacks work, which would find it taken.
        """
        crew = self._crew
        if self._short_runs < STREAK or crew.room.waiting or crew.stopping.is_set():
            return 0
        return crew.shelf.lacks(crew.threads)

    def _look_back(self) -> None:
        """Note what became of results that were left; those that were not recorded are owed."""
        for turn in [turn for turn in self._left if turn.done]:
            self._left.remove(turn)
            if turn.error is None:
                self._report(turn.results, turn.held)
            else:
                self._crew.said.warning("storage: %s; trying again", turn.error)
                self.owed = [*turn.results, *self.owed]

    def unrecorded(self) -> list[Result]:
        """Return the results of which nobody can say that they are recorded."""
        return [result for turn in self._left for result in turn.results] + self.owed

    # --- the executor's companion ---

    def started(self) -> None:
        """Leave what the last run came to with whoever commits next, while this one runs."""
        if self.owed:
            ahead = self._looks_ahead()
            self._left.append(self._crew.turnstile.leave(self._store, self.owed, ahead=ahead))
            self.owed = []
            self._look_back()

    def lingers(self) -> bool:
        """Settle what waits for the end of a run that is not short; again while any is left."""
        stale = self._crew.shelf.take_stale(self._crew.clock.monotonic_ms())
        self.owed += put_back(stale)
        self._look_back()
        if self.owed or self._left:
            self._try_swap()
        return bool(self.owed or self._left or not self._crew.shelf.is_empty())

    def _try_swap(self) -> None:
        """Record the results if that can be done at once."""
        try:
            self._swap(wants=False, ahead=0)
        except QueuectlError as error:
            self._crew.said.warning("storage: %s; trying again", error)

    def _execute(self, claim: Claim) -> Result:
        """Run a claim.

        The one place where an unforeseen error is caught, since the job must get its end.
        """
        if self._crew.forced.is_set():  # since we claimed it
            return Result(claim, Outcome(Ending.RELEASED), retry.Release())
        try:
            outcome = self._run(claim)
        except NotStarted as error:  # so nothing was cut off, whatever `on_crash` says
            outcome = Outcome(Ending.RELEASED, error=f"not started: {error}")
            return Result(claim, outcome, retry.Release())
        except Exception as error:
            log.exception("job %s: a bug of queuectl", claim.job.name)
            outcome = Outcome(Ending.EXIT, exit_code=70, error=f"queuectl failed: {error!r}")
        verdict = retry.verdict(
            claim.job,
            outcome,
            policy=self._policy(claim.job),
            now_ms=self._crew.clock.now_ms(),
            rng=self._rng,
        )
        if claim.job.options is not None and isinstance(verdict, retry.Complete):
            outcome = outcome._replace(error=None)  # the code is ok, whatever it said on stderr
        elif outcome.ending is Ending.RELEASED and isinstance(verdict, retry.Bury):
            outcome = outcome._replace(error=outcome.error or "ended by the stop of its worker")
        return Result(claim, outcome, verdict)

    def _run(self, claim: Claim) -> Outcome:
        settings = self._crew.settings
        half = settings.output_limit // 2
        output = joblog.JobLogWriter(
            joblog.log_path(self._crew.logs_dir, claim.job.number, claim.job.starts),
            head_bytes=half,
            tail_bytes=half,
            check=self._crew.reserve.permit_output,
        )
        try:
            command, clock = self._command(claim), self._crew.clock
            if claim.job.options is None:
                return self._crew.execute(command, output, self.stopper, clock, self)
            return terms.run(
                claim.job.options,
                command,
                lambda command: self._crew.execute(command, output, self.stopper, clock, self),
                output,
                clock,
            )
        finally:
            output.close()
            if output.failed is not None:
                text = "job %s attempt %d: output was dropped: %s"
                log.warning(text, claim.job.name, claim.job.starts, output.failed)

    def _command(self, claim: Claim) -> Command:
        job, settings = claim.job, self._crew.settings
        timeout_ms = int(settings.job_timeout * 1000) if job.timeout_ms is None else job.timeout_ms
        return Command(
            argv=job.argv or (terms.SHELL, "-c", job.command or ""),
            cwd=job.cwd,
            env=environment.of_job(claim, self.slot, _moment(_scheduled_at_ms(job))),
            token=claim.token,
            timeout_ms=timeout_ms,
            grace_ms=int(settings.kill_grace * 1000),
        )

    def _policy(self, job: Job) -> RetryPolicy:
        settings = self._crew.settings
        policy = RetryPolicy(
            base=settings.backoff_base,
            cap_ms=int(settings.backoff_cap * 1000),
            jitter=settings.backoff_jitter,
        )
        if job.options is not None:
            policy = terms.policy(policy, job.options)
        if job.backoff is None:
            return policy
        try:
            return retry.parse_backoff(job.backoff, policy)
        except BadData:  # of a newer version; the job must not be lost over it
            log.warning("job %s: backoff %r is unknown here", job.name, job.backoff)
            return policy

    def _report(self, results: Sequence[Result], held: Sequence[bool]) -> None:
        for result, held_ in zip(results, held, strict=True):
            self._report_one(result, held=held_)

    def _report_one(self, result: Result, *, held: bool) -> None:
        job, verdict = result.claim.job, result.verdict
        if not held:
            log.warning("job %s attempt %d: claim lost, result not recorded", job.name, job.starts)
        elif isinstance(verdict, Retry):
            log.warning("job %s attempt %d failed: %s", job.name, job.starts, result.outcome.error)
            self._crew.buzzer.press()  # a new moment to wake at
        elif isinstance(verdict, retry.Bury):
            log.error("job %s attempt %d is dead: %s", job.name, job.starts, result.outcome.error)


def hired(crew: Crew, slot: int, owed: Sequence[Result] = ()) -> Worker:
    """Return a worker thread that runs; raise what the system refuses it with."""
    worker = Worker(crew, slot, owed)
    try:
        worker.start()
    except BaseException:
        worker.stopper.close()
        raise
    return worker


def put_back(claims: Iterable[Claim]) -> list[Result]:
    """Return the results of claims that were never started."""
    unused = Outcome(Ending.RELEASED, error="claimed ahead, not started")
    return [Result(claim, unused, retry.PutBack()) for claim in claims]
