"""What people ask of jobs: find; and what the world sees of them, by job_record.py.

Knows a Store and nothing of how words came in or go out. On the path of a cold `enqueue`.
"""

from __future__ import annotations

from queuectl_core.errors import NotFound, WrongState
from queuectl_core.job import ID_LETTERS, number_in
from queuectl_core.job_record import (
    command_line,
    moment,
    option_fields,
    reason,
    record,
    seconds,
)
from queuectl_core.lifecycle import Event, State, allows

__all__ = [
    "attempt_record",
    "check_dead",
    "command_line",
    "draft_record",
    "find",
    "find_all",
    "moment",
    "reason",
    "record",
    "seconds",
]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from queuectl_core.job import Job, NewJob
    from queuectl_core.run import Attempt
    from queuectl_core.storage.store import Store


def find(store: Store, word: str) -> Job:
    """Return the job that `word` names: its text id, else its number; NotFound when there is none.

    `id:17` is always a text id, `#17` always a number.
    """
    if word.startswith("#"):
        job = _by_number(store, word[1:])
    elif word.startswith("id:"):
        job = _by_id(store, word) or _by_id(store, word[3:])
    else:
        job = _by_id(store, word) or _by_number(store, word)
    if job is None:
        raise NotFound(f'there is no job "{word[:130]}"', hint="queuectl list shows them")
    return job


def _by_id(store: Store, word: str) -> Job | None:
    return store.job_by_id(word) if ID_LETTERS.issuperset(word) else None


def _by_number(store: Store, digits: str) -> Job | None:
    number = number_in(digits)
    return None if number is None else store.job_by_number(number)


def find_all(store: Store, words: Iterable[str]) -> list[Job]:
    """Return the jobs that the words name, each once, in that order; NotFound when one is none."""
    found = {job.number: job for job in (find(store, word) for word in words)}
    return list(found.values())


def check_dead(jobs: Iterable[Job]) -> None:
    """Raise WrongState for the first job that is not among the dead letters."""
    for job in jobs:
        if job.state is not State.DEAD:
            raise WrongState(
                f"job {job.name} is not a dead letter: it is {job.state}",
                hint=f"queuectl retry {job.name}"
                if allows(Event.REVIVE, job.state)
                else "queuectl dlq list",
            )


def draft_record(job: NewJob) -> dict[str, object]:
    """Return a job that is not in the queue yet as `enqueue` would take it."""
    fields = job._asdict()
    fields["run_at"] = moment(fields.pop("run_at_ms"))
    fields["timeout"] = seconds(fields.pop("timeout_ms"))
    del fields["options"]
    fields |= option_fields(job)
    fields["tags"] = list(job.tags) or None
    if fields.pop("flow") is not None:
        from queuectl_core.services import waiting  # noqa: PLC0415 - few jobs wait for others

        fields |= waiting.draft_wishes(job)
    return {name: value for name, value in fields.items() if value is not None}


def attempt_record(attempt: Attempt) -> dict[str, object]:
    """Return what the world sees of one finished start of a job."""
    return {
        "attempt": attempt.start,
        "worker": attempt.worker,
        "started_at": moment(attempt.started_at_ms),
        "finished_at": moment(attempt.finished_at_ms),
        "ending": attempt.ending,
        "exit_code": attempt.exit_code,
        "signal": attempt.signal,
        "error": attempt.error,
        "duration": seconds(attempt.duration_ms),
        "cpu": seconds(attempt.cpu_ms),
        "max_rss": attempt.max_rss_bytes,
        "output_bytes": attempt.output_bytes,
    }
