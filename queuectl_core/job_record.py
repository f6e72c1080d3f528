"""The one record of a job: what `--json`, the API and hooks tell of it, and `enqueue` takes back.

Pure. Each import in it is for few jobs, and costs a listing nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queuectl_core.job import Job, NewJob

_MOMENTS = ("run_at", "created_at", "started_at", "finished_at", "expires_at", "scheduled_at")


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
        "schedule": job.schedule,
        "worker": job.worker,
        "cpu": seconds(job.cpu_ms),
        "max_rss": job.max_rss_bytes,
        **option_fields(job),
    }


def option_fields(job: Job | NewJob) -> dict[str, object]:
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
    if not (job.after or job.unique_key or job.mutex or job.blocked):
        return dict.fromkeys(("after", "unique", "mutex", "hold"))
    from queuectl_core import flow  # noqa: PLC0415 - few jobs wait for others

    unique, mutex = job.unique_key, job.mutex
    if unique is not None and job.unique_scope not in {None, flow.FINISHED}:
        unique = flow.keyed(unique, job.unique_scope)
    if mutex is not None and job.mutex_slots != 1:
        mutex = flow.keyed(mutex, job.mutex_slots)
    after = [f"#{number}:{condition}" for number, condition in flow.read(job.after or "")]
    return {
        "after": after or None,
        "unique": unique,
        "mutex": mutex,
        "hold": True if (job.blocked or 0) & flow.HELD else None,
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
