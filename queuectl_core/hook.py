"""What a hook is, what it hears, and the job that tells its command of an event.

Pure. The fields of the JSON that a command reads are an interface: only added, never renamed.
"""

from __future__ import annotations

from queuectl_core import job_record
from queuectl_core.job import HOOKS_QUEUE, NewJob
from queuectl_core.lifecycle import TOLD
from queuectl_core.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from queuectl_core.job import Job
    from queuectl_core.options import JobOptions

LATE, SLOW, PAUSED, RESUMED = "late", "slow", "queue-paused", "queue-resumed"
EVENTS: Mapping[str, str] = {
    "completed": "a job has completed",
    "failed": "an attempt failed, and the job runs again",
    "dead": "a job failed for good",
    "cancelled": "a job was cancelled, has expired, or waited in vain",
    SLOW: "a job runs longer than --over",
    LATE: "a schedule had no success in the time that it expects",
    PAUSED: "a queue was paused, or all were",
    RESUMED: "they go on",
}
OF_JOBS = (*dict.fromkeys(TOLD.values()), SLOW)
"""Events that are about a job each."""
PRIORITY = 9
"""A hook goes before what waits already, or a backlog would keep its news for hours."""
RETRIES = 8
"""Attempts in all: with the usual waits, over two minutes."""
MOST_NAMED = 100
"""Events that a run about many of them lists; it counts all."""
_LEFT_OUT = ("input", "input_base64")
"""Fields of a job that are not told: what a job reads can be a megabyte."""


class Happening(Record):
    """Something that happened, as hooks hear it. `job` is None where it is about none.

    `hook`: it is for that one alone. `detail` is what else there is to say, as JSON has it.
    """

    event: str
    queue: str | None
    schedule: str | None = None
    job: Job | None = None
    detail: Mapping[str, object] | None = None
    hook: str | None = None


class NewHook(Record):
    """A hook as a user asks for it, checked.

    `run` is what it runs: a job with command, directory, variables, timeout, attempts and priority.
    `every_ms`: it runs once in so long a time at most, about all that happened.
    """

    event: str
    run: NewJob
    name: str | None = None  # None: after its event
    queue: str | None = None
    schedule: str | None = None
    over_ms: int | None = None
    every_ms: int | None = None
    paused: bool = False


class Hook(Record):
    """A hook as the queue keeps it. `told` is how many events it heard, the last one at that time.

    `run` as of NewHook. `batch` is the job that may still take further events; from `next_at_ms`
    on another one may start.
    """

    name: str
    event: str
    run: NewJob
    queue: str | None
    schedule: str | None
    over_ms: int | None
    every_ms: int | None
    created_at_ms: int
    created_by: str
    paused_at_ms: int | None
    told: int
    told_at_ms: int | None
    batch: int | None
    next_at_ms: int

    def hears(self, one: Happening) -> bool:
        """Tell whether it is about that. What is about all queues is about each of them."""
        return (
            self.event == one.event
            and self.paused_at_ms is None
            and one.hook in {None, self.name}
            and (self.queue is None or one.queue in {None, self.queue})
            and (self.schedule is None or one.schedule == self.schedule)
        )


def run_of(hook: Hook, told: Sequence[Happening], *, now_ms: int, test: bool = False) -> NewJob:
    """Return the job that tells a hook's command of events, at least one; due at once."""
    first = told[0]
    variables = {
        "QUEUECTL_EVENT": first.event,
        "QUEUECTL_EVENT_HOOK": hook.name,
        "QUEUECTL_EVENT_JOB": None if first.job is None else first.job.name,
        "QUEUECTL_EVENT_QUEUE": first.queue,
        "QUEUECTL_EVENT_SCHEDULE": first.schedule,
    }
    given = {name: text for name, text in variables.items() if text is not None}
    message = {
        "event": first.event,
        "hook": hook.name,
        "at": job_record.moment(now_ms),
        "queue": first.queue,
        "schedule": first.schedule,
        "attempt": None if first.job is None else first.job.starts,
        "job": None if first.job is None else _record(first.job),
        "detail": first.detail,
        "count": len(told),
        "events": _named(told, now_ms)[:MOST_NAMED],
        "test": test,
    }
    return hook.run._replace(
        queue=HOOKS_QUEUE,
        env={**(hook.run.env or {}), **given},
        options=_options(message),
        tags=(hook.name,),
    )


def joined(options: JobOptions, told: Sequence[Happening], *, now_ms: int) -> JobOptions:
    """Return what a run that has not started yet tells, with further events."""
    import json  # noqa: PLC0415 - `hook list` tells nobody

    message = json.loads(options.input or "{}")
    message["count"] += len(told)
    message["events"] = [*message["events"], *_named(told, now_ms)][:MOST_NAMED]
    return _options(message)


def _options(message: Mapping[str, object]) -> JobOptions:
    import json  # noqa: PLC0415 - `hook list` tells nobody

    from queuectl_core.options import JobOptions  # noqa: PLC0415 - the same; base64

    return JobOptions(input=json.dumps(message, ensure_ascii=False, separators=(",", ":")) + "\n")


def _record(job: Job) -> dict[str, object]:
    fields = job_record.record(job)
    return {name: value for name, value in fields.items() if name not in _LEFT_OUT}


def _named(told: Sequence[Happening], now_ms: int) -> list[dict[str, object]]:
    """Return each event in brief."""
    return [
        {
            "at": job_record.moment(now_ms),
            "queue": one.queue,
            "schedule": one.schedule,
            "job": None if one.job is None else one.job.name,
            "error": None if one.job is None else one.job.error,
        }
        for one in told[:MOST_NAMED]
    ]
