"""The columns that `list` can show; they are called as the fields of --json."""

from __future__ import annotations

from queuectl_core.cli.text import when
from queuectl_core.durations import format_duration
from queuectl_core.errors import UsageError
from queuectl_core.services.jobs import command_line, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from queuectl_core.cli.session import Session
    from queuectl_core.job import Job

    Cell = Callable[["Session", Job], str]

USUAL = ("id", "state", "priority", "attempts", "queue", "run_at", "created_at", "command")
SPARE = ("CREATED", "PRI", "QUEUE", "RUN AT", "ATTEMPTS")
"""What a narrow terminal does without, in this order."""


def _span(span_ms: int | None) -> str:
    return "" if span_ms is None else format_duration(span_ms)


def _exit(_: Session, job: Job) -> str:
    if job.exit_code is not None:
        return str(job.exit_code)
    return "" if job.signal is None else f"signal {job.signal}"


_CELLS: Mapping[str, tuple[str, Cell]] = {
    "id": ("ID", lambda _, job: job.name),
    "number": ("NUMBER", lambda _, job: str(job.number)),
    "state": ("STATE", lambda _, job: job.state),
    "reason": ("REASON", lambda _, job: reason(job) or ""),
    "priority": ("PRI", lambda _, job: str(job.priority)),
    "attempts": ("ATTEMPTS", lambda _, job: f"{job.attempts}/{job.max_retries}"),
    "queue": ("QUEUE", lambda _, job: job.queue),
    "run_at": ("RUN AT", lambda session, job: when(session, job.run_at_ms)),
    "created_at": ("CREATED", lambda session, job: when(session, job.created_at_ms)),
    "started_at": ("STARTED", lambda session, job: when(session, job.started_at_ms)),
    "finished_at": ("FINISHED", lambda session, job: when(session, job.finished_at_ms)),
    "duration": ("DURATION", lambda _, job: _span(job.duration_ms)),
    "exit_code": ("EXIT", _exit),
    "error": ("ERROR", lambda _, job: job.error or ""),
    "worker": ("WORKER", lambda _, job: "" if job.worker is None else str(job.worker)),
    "cpu": ("CPU", lambda _, job: _span(job.cpu_ms)),
    "tags": ("TAGS", lambda _, job: ",".join(job.tags or ())),
    "cwd": ("CWD", lambda _, job: job.cwd or ""),
    "command": ("COMMAND", lambda _, job: command_line(job)),
}
NAMES = tuple(_CELLS)


def parse(text: str | None) -> tuple[str, ...]:
    """Return the columns that a list with commas names, the usual ones for None.

    UsageError with the nearest one for a name that is none.
    """
    if text is None:
        return USUAL
    names = tuple(dict.fromkeys(name.strip().lower().replace("-", "_") for name in text.split(",")))
    for name in names:
        if name not in _CELLS:
            raise UsageError(f'there is no column "{name[:60]}"', hint=_nearest(name))
    return names


def _nearest(name: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - 6 ms, for a typo only

    close = get_close_matches(name, _CELLS, n=1)
    return f"did you mean {close[0]}?" if close else f"there are {', '.join(_CELLS)}"


def heads(names: Sequence[str]) -> list[str]:
    """Return what stands above the columns."""
    return [_CELLS[name][0] for name in names]


def row(session: Session, job: Job, names: Sequence[str]) -> list[str]:
    """Return a job's cells."""
    return [_CELLS[name][1](session, job) for name in names]
