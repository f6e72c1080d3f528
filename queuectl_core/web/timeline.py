"""The life of a job as a list of steps, the oldest first: what its page draws."""

from __future__ import annotations

from queuectl_core.lifecycle import CLAIMABLE, State
from queuectl_core.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from queuectl_core.job import Job
    from queuectl_core.run import Attempt

_GOOD = ("exit", 0)


class Step(Record):
    """One thing that happened. `kind` picks mark and colour; `gap_ms` is the wait before it."""

    kind: str
    title: str
    at_ms: int | None
    gap_ms: int | None = None
    gap: str = ""
    span_ms: int | None = None
    share: int = 0
    note: str = ""
    error: str = ""
    attempt: int | None = None


def steps(job: Job, attempts: Sequence[Attempt]) -> list[Step]:
    """Return what happened to a job, and what is to come."""
    found = [Step("enqueued", "Enqueued", job.created_at_ms)]
    longest = max((attempt.duration_ms for attempt in attempts), default=0) or 1
    last_ms = job.created_at_ms
    for attempt in attempts:
        found.append(_ended(attempt, last_ms, longest))
        last_ms = attempt.finished_at_ms
    found += _now(job, last_ms)
    return found


def ending(attempt: Attempt) -> str:
    """Say in a few words how a start ended."""
    if attempt.ending == "exit":
        return f"exit {attempt.exit_code}"
    if attempt.ending == "signal":
        return f"signal {attempt.signal}"
    return {"timeout": "timed out", "interrupted": "worker died", "released": "given back"}.get(
        attempt.ending, attempt.ending
    )


def _ended(attempt: Attempt, last_ms: int, longest_ms: int) -> Step:
    good = (attempt.ending, attempt.exit_code) == _GOOD
    kind = "completed" if good else "cancelled" if attempt.ending == "cancelled" else "dead"
    first = attempt.start == 1
    return Step(
        kind=kind,
        title=f"Attempt {attempt.start}",
        at_ms=attempt.started_at_ms,
        gap_ms=max(0, attempt.started_at_ms - last_ms),
        gap="waited" if first else "then waited",
        span_ms=attempt.duration_ms,
        share=max(1, round(10 * attempt.duration_ms / longest_ms)),
        note=ending(attempt) + ("" if attempt.worker is None else f", worker {attempt.worker}"),
        error="" if good else attempt.error or "",
        attempt=attempt.start,
    )


def _now(job: Job, last_ms: int) -> Iterator[Step]:
    if job.state is State.PROCESSING:
        gap_ms = None if job.started_at_ms is None else max(0, job.started_at_ms - last_ms)
        yield Step(
            kind="processing",
            title=f"Attempt {job.starts}",
            at_ms=job.started_at_ms,
            gap_ms=gap_ms,
            gap="waited" if job.starts == 1 else "then waited",
            note="being stopped" if job.cancel_requested else f"running on worker {job.worker}",
            attempt=job.starts,
        )
    elif job.state in CLAIMABLE:
        yield Step(kind=str(job.state), title="Next attempt", at_ms=job.run_at_ms, note=_retry(job))
    else:
        yield Step(kind=str(job.state), title=str(job.state).capitalize(), at_ms=job.finished_at_ms)


def _retry(job: Job) -> str:
    left = max(job.max_retries, 1) - job.attempts
    return f"attempt {job.attempts + 1} of {max(job.max_retries, 1)}" if left > 0 else ""
