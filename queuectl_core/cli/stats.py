"""`queuectl status` and `queuectl metrics`: the first lines word for word as they always were."""

from __future__ import annotations

from queuectl_core.cli.output import clean
from queuectl_core.cli.text import pause_line
from queuectl_core.durations import format_duration, format_local
from queuectl_core.lifecycle import State
from queuectl_core.services import queues, stats, workers
from queuectl_core.services.jobs import seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from queuectl_core.cli.parse import Args
    from queuectl_core.cli.session import Command, Session
    from queuectl_core.services.stats import QueueStatus
    from queuectl_core.storage.records import JobEvent

MOST_RECENT = 1_000_000
# Those that were there from the first day; all others are in --json.
_COUNTED = ("enqueued", "started", "completed", "failed", "dlq")
_LABELS = (
    ("Pending:", State.PENDING),
    ("Processing:", State.PROCESSING),
    ("Completed:", State.COMPLETED),
    ("Failed:", State.FAILED),
    ("Dead (DLQ):", State.DEAD),
    ("Cancelled:", State.CANCELLED),
)


def status(session: Session, _args: Args) -> int:
    """Print the counts by state, the workers, and how long the oldest due job waits."""
    now_ms = session.clock.now_ms()
    found = stats.status(session.store, now_ms=now_ms)
    if session.out.as_json:
        session.out.record(_status_record(session, found, now_ms))
        return 0
    out = session.out
    out.line("=== Queue Status ===")
    for label, state in _LABELS:
        out.line(f"{label:<12}{found.counts[state]}")
    busy = f" ({found.busy} of {found.threads} busy)" if found.workers else ""
    dead = f"; {found.dead_workers} dead: queuectl worker health" if found.dead_workers else ""
    out.line(f"{'Workers:':<12}{found.workers}{busy}{dead}")
    if found.oldest_due_ms is not None:
        out.line(f"{'Oldest due:':<12}{format_duration(found.oldest_due_ms)}")
    for one in found.paused:
        out.line(f"{'Paused:':<12}{pause_line(session, one)}")
    return 0


def _status_record(session: Session, found: QueueStatus, now_ms: int) -> dict[str, object]:
    return {
        **{str(state): jobs for state, jobs in found.counts.items()},
        "workers": [workers.record(row) for row in workers.health(session.store, now_ms=now_ms)],
        "oldest_due": seconds(found.oldest_due_ms),
        "paused": [queues.record(one) for one in found.paused],
    }


def metrics(session: Session, args: Args) -> int:
    """Print the sums, the average and the last events."""
    recent = args.whole("--recent", 10, low=0, high=MOST_RECENT)
    found = stats.metrics(session.store, recent=recent)
    out = session.out
    if out.as_json:
        average = None if found.average_ms is None else round(found.average_ms / 1000, 3)
        events = [stats.event_record(event) for event in found.recent]
        out.record({"events": dict(found.counts), "average_duration": average, "recent": events})
        return 0
    out.line("=== Job Metrics Summary ===")
    out.line("Event Counts:")
    for word in _COUNTED:
        out.line(f"  {word}: {found.counts[word]}")
    out.line()
    out.line(f"Average Duration: {_average(found.average_ms)}")
    out.line()
    out.line(f"Recent Events (last {recent}):")
    for event in found.recent:
        out.line(f"  {_event_line(event)}")
    return 0


def _average(span_ms: float | None) -> str:
    if span_ms is None:
        return "n/a (no run has completed yet)"
    return f"{span_ms / 1000:.2f} seconds"


def _event_line(event: JobEvent) -> str:
    """Return `[2024-01-15 10:29:45] job2: failed (0.5s) - Command not found`."""
    word = stats.WORDS.get(event.event, event.event)
    duration = "" if event.duration_ms is None else f" ({event.duration_ms / 1000:.1f}s)"
    detail = f" - {event.detail}" if event.detail else ""
    return clean(f"[{format_local(event.at_ms)}] {event.name}: {word}{duration}{detail}")


COMMANDS: Mapping[str, Command] = {"status": status, "metrics": metrics}
