"""What follows a run: done, again later, or dead.

Pure: no clock, no I/O, the randomness is given.
"""

from __future__ import annotations

from queuectl_core.errors import BadData
from queuectl_core.job import SUSPECT_CRASHES
from queuectl_core.lifecycle import Event
from queuectl_core.records import Record
from queuectl_core.run import Ending

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from queuectl_core.job import Job
    from queuectl_core.options import JobOptions
    from queuectl_core.run import Outcome

MAX_DELAY_MS = 366 * 24 * 3600 * 1000
MAX_BASE = 100
POISON_CRASHES = SUSPECT_CRASHES + 1
"""A job whose worker died this often while it ran is taken for the cause (docs/reliability.md)."""

HELD = "held"
"""Why a job is dead that was interrupted and waits for a person."""


class Complete(Record):
    """It ended well."""

    @property
    def event(self) -> Event:
        """What happens to the job."""
        return Event.COMPLETE


class Retry(Record):
    """It failed; it runs again at `run_at_ms` or soon after."""

    run_at_ms: int

    @property
    def event(self) -> Event:
        """What happens to the job."""
        return Event.FAIL


class Bury(Record):
    """It is dead: to the dead letters, with the reason."""

    reason: str

    @property
    def event(self) -> Event:
        """What happens to the job."""
        return Event.BURY


class Stop(Record):
    """A user cancelled it while it ran."""

    @property
    def event(self) -> Event:
        """What happens to the job."""
        return Event.STOP


class Release(Record):
    """A forced stop gave it back; this start does not count."""

    @property
    def event(self) -> Event:
        """What happens to the job."""
        return Event.RELEASE


class PutBack(Record):
    """It was claimed ahead of its first start and not started: nothing of the claim remains."""

    unused: bool = True

    @property
    def event(self) -> Event:
        """What happens to the job."""
        return Event.RELEASE


class Rescue(Record):
    """Its worker died; it runs again at once, and the start counts.

    `crashes` is 0 where another job is to blame for the death, else 1.
    """

    crashes: int = 1

    @property
    def event(self) -> Event:
        """What happens to the job."""
        return Event.RESCUE


if TYPE_CHECKING:
    Verdict = Complete | Retry | Bury | Stop | Release | PutBack | Rescue


class RetryPolicy(Record):
    """How long to wait before the next attempt.

    `steps_ms` are the delays after attempt 1, 2, ...; the last one repeats. For `exponential` the
    one step is multiplied by base^(attempt-1), for `linear` by the attempt. `jitter` is the share
    of the delay, from 0 to 1, that chance may take away, so that jobs that failed together do not
    come back together; it may add up to `jitter_ms`.
    """

    kind: str = "exponential"
    steps_ms: tuple[int, ...] = (1000,)
    base: float = 2.0
    cap_ms: int = MAX_DELAY_MS
    jitter: float = 0.0
    jitter_ms: int = 0

    def delay_ms(self, attempt: int, rng: Random) -> int:
        """Return the wait after the given failed attempt, the first being 1.

        At most `cap_ms`, and what `jitter_ms` adds.
        """
        delay_ms = min(self._full_delay_ms(attempt), self.cap_ms)
        if self.jitter:
            delay_ms -= int(delay_ms * self.jitter * rng.random())
        return delay_ms + int(self.jitter_ms * rng.random()) if self.jitter_ms else delay_ms

    def _full_delay_ms(self, attempt: int) -> int:
        if self.kind == "linear":
            return self.steps_ms[0] * attempt
        if self.kind == "exponential":
            try:
                return int(min(self.steps_ms[0] * self.base ** (attempt - 1), MAX_DELAY_MS))
            except OverflowError:
                return MAX_DELAY_MS
        return self.steps_ms[min(attempt, len(self.steps_ms)) - 1]


def parse_backoff(text: str, defaults: RetryPolicy) -> RetryPolicy:
    """Read `exp:2`, `linear:30`, `fixed:60` or `10,60,300` (seconds).

    Cap and jitter come from `defaults`.
    """
    kind, colon, value = text.partition(":")
    try:
        if not colon:
            steps_ms = tuple(_step_ms(step) for step in text.split(","))
            return defaults._replace(kind="list", steps_ms=steps_ms)
        if kind == "exp" and value.isascii() and 1 <= float(value) <= MAX_BASE:
            return defaults._replace(kind="exponential", steps_ms=(1000,), base=float(value))
        if kind in {"linear", "fixed"}:
            return defaults._replace(kind=kind, steps_ms=(_step_ms(value),))
    except ValueError:
        pass  # told below, with the forms that are right
    raise BadData(
        f'backoff "{text[:60]}" is not understood',
        hint="write exp:2, linear:30, fixed:60 or a list of seconds: 10,60,300",
    )


def _step_ms(text: str) -> int:
    step_ms = float(text) * 1000 if text.isascii() else -1.0
    if not 0 <= step_ms <= MAX_DELAY_MS:
        raise ValueError(text)
    return int(step_ms)


def verdict(
    job: Job, outcome: Outcome, *, policy: RetryPolicy, now_ms: int, rng: Random
) -> Verdict:
    """Decide what follows `outcome`; `policy` is the job's own or the worker's.

    A job has `max_retries` attempts in all. The wait before the next one starts now. A forced stop
    cuts a job off in its midst, as a crash does: one that must not repeat is not given back.
    """
    if outcome.ending is Ending.CANCELLED:
        return Stop()
    if outcome.ending is Ending.RELEASED:
        return _burial(job) or Release()
    if ended_well(outcome):
        return Complete()
    if job.options is not None and (end := _as_told(job.options, outcome)) is not None:
        return end
    if job.attempts >= job.max_retries:
        return Bury(outcome.ending)
    return Retry(now_ms + policy.delay_ms(max(job.attempts, 1), rng))


def _as_told(options: JobOptions, outcome: Outcome) -> Complete | Bury | None:
    """Return the end that a job's own lists of codes name; None: the usual follows."""
    from queuectl_core.option_checks import matches  # noqa: PLC0415 - few jobs have any

    if options.ok_codes is not None and matches(options.ok_codes, outcome):
        return Complete()
    wanted = options.retry_on is None or matches(options.retry_on, outcome)
    refused = options.no_retry_on is not None and matches(options.no_retry_on, outcome)
    return None if wanted and not refused else Bury(outcome.ending)


def ended_well(outcome: Outcome) -> bool:
    """Tell whether a run ended as programs do that had success."""
    return outcome.ending is Ending.EXIT and outcome.exit_code == 0


def after_crash(job: Job) -> Verdict:
    """Decide what follows the death of the worker that ran `job`.

    A job that must not repeat is dead after the first one, whatever `max_retries` says.
    """
    if job.cancel_requested:
        return Stop()
    if (burial := _burial(job)) is not None:
        return burial
    if job.crashes + 1 >= POISON_CRASHES:
        return Bury("poison")
    return Rescue()


def after_death(jobs: Sequence[Job]) -> list[Verdict]:
    """Decide what follows for each of the jobs that a dead worker left.

    Where a suspect is among them, the death counts against it alone.
    """
    verdicts = [after_crash(job) for job in jobs]
    if not any(job.suspect for job in jobs):
        return verdicts
    return [Rescue(crashes=0) if isinstance(one, Rescue) else one for one in verdicts]


def _burial(job: Job) -> Bury | None:
    """Return the burial of a job that must not repeat; None for one that may.

    Both are dead and wait for `dlq retry`; `held` ones are not taken along by `dlq retry --all`.
    """
    if job.on_crash == "fail":
        return Bury(Ending.INTERRUPTED)
    return Bury(HELD) if job.on_crash == "hold" else None
