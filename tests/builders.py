"""Build the values that tests need: a test says what matters to it, the rest is unremarkable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from queuectl_core.job import Job, NewJob
from queuectl_core.lifecycle import State
from queuectl_core.retry import Bury, Complete, Release, Rescue, Retry, Stop
from queuectl_core.run import Claim, Ending, Outcome
from queuectl_core.selection import Selection
from queuectl_core.services.listing import pages
from queuectl_core.storage.records import NewWorker, Result

if TYPE_CHECKING:
    from queuectl_core.retry import Verdict
    from queuectl_core.storage.store import Store

NOW_MS = 1_700_000_000_000
"""A moment like any other: 2023-11-14T22:13:20Z."""
MINUTE_MS = 60_000


def new_job(command: str = "true", **fields: Any) -> NewJob:
    """Return a job as a user asks for it; `argv` takes the place of the command."""
    shell_line = None if "argv" in fields else command
    return NewJob(**({"command": shell_line, "argv": None, "max_retries": 3} | fields))


def new_worker(**fields: Any) -> NewWorker:
    """Return a worker that comes up, for all queues unless told."""
    usual = {
        "host": "host-a",
        "pid_space": "boot-1",
        "supervisor_pid": 100,
        "pool_pid": 101,
        "threads": 2,
        "queues": None,
        "version": "0.1.0",
    }
    return NewWorker(**(usual | fields))


def job(**fields: Any) -> Job:
    """Return a job as the queue keeps it: running for the first time unless told otherwise."""
    usual = dict.fromkeys(Job._fields) | {
        "number": 1,
        "queue": "default",
        "state": State.PROCESSING,
        "priority": 5,
        "run_at_ms": NOW_MS,
        "attempts": 1,
        "starts": 1,
        "crashes": 0,
        "max_retries": 3,
        "command": "true",
        "created_at_ms": NOW_MS,
        "started_at_ms": NOW_MS,
        "worker": 1,
        "token": 77,
        "cancel_requested": False,
        "on_crash": "retry",
        "tags": (),
    }
    return Job(**(usual | fields))


def success(**fields: Any) -> Outcome:
    """Return the outcome of a run that exited 0."""
    return Outcome(**({"ending": Ending.EXIT, "exit_code": 0, "duration_ms": 5} | fields))


def failure(**fields: Any) -> Outcome:
    """Return the outcome of a run that exited 1 with a word on stderr."""
    usual = {"ending": Ending.EXIT, "exit_code": 1, "error": "no such host", "duration_ms": 7}
    return Outcome(**(usual | fields))


def completed(claim: Claim, **outcome: Any) -> Result:
    """Return the result of a run that ended well."""
    return Result(claim, success(**outcome), Complete())


def retried(claim: Claim, *, run_at_ms: int, **outcome: Any) -> Result:
    """Return the result of a run that failed and is to run again."""
    return Result(claim, failure(**outcome), Retry(run_at_ms))


def buried(claim: Claim, *, reason: str = "exit", **outcome: Any) -> Result:
    """Return the result of a run that failed for good."""
    return Result(claim, failure(**outcome), Bury(reason))


def stopped(claim: Claim) -> Result:
    """Return the result of a run that its user cancelled."""
    return Result(claim, Outcome(Ending.CANCELLED, signal=15, duration_ms=9), Stop())


def released(claim: Claim) -> Result:
    """Return the result of a run that a forced stop of its worker gave back."""
    return Result(claim, Outcome(Ending.RELEASED, signal=9, duration_ms=11), Release())


def result_for(claim: Claim, verdict: Verdict) -> Result:
    """Return a result with an outcome that goes with the verdict."""
    match verdict:
        case Complete():
            return completed(claim)
        case Retry(run_at_ms):
            return retried(claim, run_at_ms=run_at_ms)
        case Bury(reason):
            return buried(claim, reason=reason)
        case Stop():
            return stopped(claim)
        case Release():
            return released(claim)
        case Rescue():
            return Result(claim, Outcome(Ending.INTERRUPTED, duration_ms=13), Rescue())


def jobs_of(store: Store, **fields: Any) -> list[Job]:
    """Return all jobs of a queue that fit these fields of a Selection, the newest first."""
    return [job for page in pages(store, Selection(**fields)) for job in page]
