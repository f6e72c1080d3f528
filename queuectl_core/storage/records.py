"""What storage takes and gives besides jobs."""

from __future__ import annotations

import os

from queuectl_core.job import name_of
from queuectl_core.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from queuectl_core.flow import Flow
    from queuectl_core.job import Job
    from queuectl_core.lifecycle import State
    from queuectl_core.limits import Limits
    from queuectl_core.retry import Verdict
    from queuectl_core.run import Attempt, Claim, Outcome

    class Bell(Protocol):
        """Rings when there may be work. Owned by the process that made it."""

        def fileno(self) -> int:
            """Return a descriptor that is readable once the bell has rung."""

        def clear(self) -> None:
            """Forget all rings so far."""

        def close(self) -> None:
            """Hang it off."""


class Result(Record):
    """One run that ended, and what follows."""

    claim: Claim
    outcome: Outcome
    verdict: Verdict


class Count(Record):
    """How many jobs of a queue are in a state."""

    queue: str
    state: State
    jobs: int


class JobEvent(Record):
    """Something that happened to a job. `event` is a lifecycle.Event, or "enqueue".

    Job 0 stands for a schedule, which `detail` names.
    """

    at_ms: int
    job: int
    id: str | None
    event: str
    duration_ms: int | None
    detail: str | None

    @property
    def name(self) -> str:
        """What people call the job."""
        return name_of(self.job, self.id) if self.job else "schedule"


class Pause(Record):
    """A queue whose jobs are not claimed; `queue` None: all queues. `by` is who asked for it."""

    queue: str | None
    at_ms: int
    by: str
    reason: str | None


class Standing(Record):
    """What somebody has said of a queue besides a pause, and how it stands.

    `shut` are the bits of limits.py that say why none of its jobs may start now, as far as a claim
    has looked; until `opens_at_ms` its rate is used up. `drained_by` wished that it takes no jobs.
    """

    queue: str
    limits: Limits
    draining_at_ms: int | None = None
    drained_by: str | None = None
    shut: int = 0
    opens_at_ms: int | None = None


class Removed(Record):
    """What a job was that is to be gone: it is, if that state is final. `starts`: as PrunedJob."""

    state: State
    starts: int


class History(Record):
    """A job as it was in another queue, with its attempts; their numbers mean nothing here.

    `origin` is the number that it had there, `flow` what it waits for: the job itself tells nothing
    of that.
    """

    job: Job
    attempts: Sequence[Attempt] = ()
    flow: Flow | None = None
    origin: int | None = None


class PrunedJob(Record):
    """A job that was forgotten; of its starts there may be output."""

    number: int
    starts: int


class Pruned(Record):
    """What one call of `prune` forgot. `more`: the next call may find more."""

    jobs: Sequence[PrunedJob]
    more: bool


class Relative(Record):
    """The job at the other end of a dependency. `state` is None where it is forgotten by now."""

    number: int
    id: str | None
    state: State | None
    condition: str

    @property
    def name(self) -> str:
        """What people call it."""
        return name_of(self.number, self.id)


class NewWorker(Record):
    """A worker that comes up. `queues` is None for all."""

    host: str
    pid_space: str
    supervisor_pid: int
    pool_pid: int
    threads: int
    queues: Sequence[str] | None
    version: str
    name: str | None = None


class WorkerRow(Record):
    """A known worker. `alive` is what the kernel says, not what the row claims."""

    id: int
    host: str
    pid_space: str
    supervisor_pid: int
    pool_pid: int
    threads: int
    queues: Sequence[str] | None
    version: str
    started_at_ms: int
    seen_at_ms: int
    stopping: bool
    name: str | None
    alive: bool
    running: Sequence[Job]

    @property
    def takes_jobs(self) -> bool:
        """Tell a worker from a `queuectl run`, which has no queue: it runs the job it came with."""
        return self.queues is None or bool(self.queues)

    @property
    def busy(self) -> int:
        """How many of its threads run a job; one more may be claimed ahead."""
        return min(len(self.running), self.threads)


class DeadWorker(Record):
    """A worker that died, with the claims it left.

    `hold` keeps others from rescuing it at the same time.
    """

    id: int
    claims: Sequence[Claim]
    hold: int

    def release(self) -> None:
        """Let others rescue it."""
        os.close(self.hold)


class Figure(Record):
    """How often an event happened in a queue, with the summed time of the runs that it ended."""

    queue: str
    event: str
    events: int
    duration_ms: int


class Burials(Record):
    """Dead jobs of one queue that ended alike. `number` is the one that died last."""

    queue: str
    error: str | None
    reason: str | None
    exit_code: int | None
    signal: int | None
    jobs: int
    last_at_ms: int
    number: int
