"""What people ask of jobs: find. Makes the one record of a job.

Knows a Store and nothing of how words came in or go out. On the path of a cold `enqueue`.
"""

from __future__ import annotations

from queuectl_core.errors import NotFound, WrongState
from queuectl_core.job import ID_LETTERS, number_in
from queuectl_core.lifecycle import Event, State, allows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from queuectl_core.job import Job, NewJob
    from queuectl_core.run import Attempt
    from queuectl_core.storage.store import Store

_MOMENTS = ("run_at", "created_at", "started_at", "finished_at", "expires_at")


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


def record(job: Job) -> dict[str, object]:
    """Return what the world sees of a job: `--json`, the API, and what `enqueue` takes back.

    Times are RFC 3339 with the local offset, spans seconds. Fields are only ever added.
    """
    return {
        "id": job.name,
        "number": job.number,
        "queue": job.queue,
        "command": command_line(job),
        "argv": None if job.argv is None else list(job.argv),
        "state": job.state,
        "reason": reason(job),
        "priority": job.priority,
        "attempts": job.attempts,
        "max_retries": job.max_retries,
        **{name: moment(getattr(job, f"{name}_ms")) for name in _MOMENTS},
        "exit_code": job.exit_code,
        "signal": job.signal,
        "error": job.error,
        "duration": seconds(job.duration_ms),
        "timeout": seconds(job.timeout_ms),
        "backoff": job.backoff,
        "on_crash": job.on_crash,
        **_wishes(job),
        "cwd": job.cwd,
        "env": None if job.env is None else dict(job.env),
        "tags": list(job.tags),
        "worker": job.worker,
        "cpu": seconds(job.cpu_ms),
        "max_rss": job.max_rss_bytes,
        **_option_fields(job),
    }


def _option_fields(job: Job | NewJob) -> dict[str, object]:
    """Return the options that were given; most jobs have none, and their records no such field."""
    if job.options is None:
        return {}
    from queuectl_core.options import to_fields  # noqa: PLC0415 - json, signal: 9 ms

    return to_fields(job.options)


def reason(job: Job) -> str | None:
    """Return why a job waits, or how it ended."""
    if not job.blocked:
        return job.reason
    from queuectl_core import flow  # noqa: PLC0415 - few jobs wait for others

    return flow.reason(job.blocked)


def _wishes(job: Job) -> dict[str, object]:
    """Return what a job waits for, or waited for, as `enqueue` takes it."""
    names = ("after", "unique", "mutex", "hold")
    if not (job.after or job.unique_key or job.mutex or job.blocked):
        return dict.fromkeys(names)
    from queuectl_core.services import waiting  # noqa: PLC0415 - few jobs wait for others

    return waiting.wishes(job)


def draft_record(job: NewJob) -> dict[str, object]:
    """Return a job that is not in the queue yet as `enqueue` would take it."""
    fields = job._asdict()
    fields["run_at"] = moment(fields.pop("run_at_ms"))
    fields["timeout"] = seconds(fields.pop("timeout_ms"))
    del fields["options"]
    fields |= _option_fields(job)
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


def command_line(job: Job) -> str:
    """Return the shell line, or the words of argv quoted as a shell would read them."""
    if job.argv is None:
        return job.command or ""
    from shlex import join  # noqa: PLC0415 - re: 4 ms, not for an enqueue

    return join(job.argv)


def moment(at_ms: int | None) -> str | None:
    """Return a moment in RFC 3339 with the local offset; None stays None."""
    from queuectl_core.durations import format_moment  # noqa: PLC0415 - re, datetime: 12 ms

    return None if at_ms is None else format_moment(at_ms)


def seconds(span_ms: int | None) -> float | int | None:
    """Return a span in seconds, whole ones without a fraction; None stays None."""
    if span_ms is None:
        return None
    return span_ms / 1000 if span_ms % 1000 else span_ms // 1000
