"""`queuectl status` and `queuectl metrics`: the first lines word for word as they always were."""

from __future__ import annotations

from queuectl_core.cli import output
from queuectl_core.cli.output import clean
from queuectl_core.cli.text import pause_line
from queuectl_core.durations import format_duration, format_local
from queuectl_core.errors import UsageError
from queuectl_core.lifecycle import State
from queuectl_core.services import queues, stats, workers
from queuectl_core.services.jobs import seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from queuectl_core.cli.parse import Args
    from queuectl_core.cli.session import Command, Session
    from queuectl_core.services.stats import Metrics, QueueStatus
    from queuectl_core.storage.records import JobEvent

MOST_RECENT = 1_000_000
MINUTE_MS = 60_000
_NAMED = 5
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

_HOOKS_LEFT = (State.PENDING, State.PROCESSING, State.FAILED, State.DEAD)


def status(session: Session, args: Args) -> int:
    """Print how the queue stands; with --check also what is not well, and return 1 for that."""
    now_ms = session.clock.now_ms()
    limits = _limits(args)
    found = stats.status(session.looking, now_ms=now_ms)
    problems = None if limits is None else _problems(session, limits, now_ms)
    if session.out.as_json:
        session.out.record(_status_record(session, found, problems, now_ms))
    else:
        _print_status(session, found)
        for problem in problems or ():
            session.out.line(f"Not well: {problem}")
    return int(bool(problems))


def _limits(args: Args) -> tuple[int | None, int | None] | None:
    """Return the limits on age (ms) and dead jobs; None where no check is asked for."""
    age_ms, dead = args.span_ms("--max-age"), args.text("--max-dead")
    if not args.flag("--check"):
        if age_ms is None and dead is None:
            return None
        raise UsageError("--max-age and --max-dead are for --check", hint="queuectl help status")
    most = args.whole("--max-dead", 0, low=0, high=MOST_RECENT)
    return age_ms, None if dead is None else most


def _problems(
    session: Session, limits: tuple[int | None, int | None], now_ms: int
) -> Sequence[str]:
    from queuectl_core.services import alarms  # noqa: PLC0415 - a plain status does not need it

    return alarms.problems(session.looking, alarms.Limits(*limits), now_ms=now_ms)


def _print_status(session: Session, found: QueueStatus) -> None:
    out = session.out
    out.line("=== Queue Status ===")
    for label, state in _LABELS:
        count = f"{label:<12}{found.counts[state]}"
        out.line(out.paint(count, state) if found.counts[state] else count)
    busy = f" ({found.busy} of {found.threads} busy)" if found.workers else ""
    dead = f"; {found.dead_workers} dead: queuectl worker health" if found.dead_workers else ""
    out.line(f"{'Workers:':<12}{found.workers}{busy}{dead}")
    if found.oldest_due_ms is not None:
        out.line(f"{'Oldest due:':<12}{format_duration(found.oldest_due_ms)}")
    for one in found.paused:
        out.line(f"{'Paused:':<12}{pause_line(session, one)}")
    left = {state: found.hooks[state] for state in _HOOKS_LEFT if found.hooks[state]}
    if left:
        told = ", ".join(f"{runs:,} {state}" for state, runs in left.items())
        out.line(f"{'Hooks:':<12}{told}: queuectl hook list")
    if found.schedules:
        _print_schedules(session, found)


def _print_schedules(session: Session, found: QueueStatus) -> None:
    paused, late = len(found.scheduled("paused")), found.scheduled("late")
    parts = [str(len(found.schedules))]
    if paused:
        parts.append(f"{paused} paused")
    if not found.workers:
        parts.append("none makes jobs: no worker runs")
    session.out.line(f"{'Schedules:':<12}{'; '.join(parts)}")
    if late:
        names = ", ".join(late[:_NAMED]) + (
            f" and {len(late) - _NAMED} more" * (len(late) > _NAMED)
        )
        session.out.line(session.out.paint(f"{'Late:':<12}{names}", "dead"))


def _status_record(
    session: Session, found: QueueStatus, problems: Sequence[str] | None, now_ms: int
) -> dict[str, object]:
    rows = workers.health(session.looking, now_ms=now_ms)
    checked = {} if problems is None else {"healthy": not problems, "problems": problems}
    return {
        **{str(state): jobs for state, jobs in found.counts.items()},
        "workers": [workers.record(row) for row in rows],
        "oldest_due": seconds(found.oldest_due_ms),
        "paused": [queues.record(one) for one in found.paused],
        "hooks": {str(state): runs for state, runs in found.hooks.items()},
        "schedules": {
            "active": len(found.scheduled("active")),
            "paused": len(found.scheduled("paused")),
            "over": len(found.scheduled("over")),
            "late": found.scheduled("late"),
        },
        **checked,
    }


def metrics(session: Session, args: Args) -> int:
    """Print the sums, the average and the last events; or all figures for Prometheus."""
    if args.flag("--prometheus"):
        return _prometheus(session)
    recent = args.whole("--recent", 10, low=0, high=MOST_RECENT)
    window_ms = _window_ms(args)
    since_ms = None if window_ms is None else session.clock.now_ms() - window_ms
    found = stats.metrics(session.looking, recent=recent, since_ms=since_ms)
    if session.out.as_json:
        session.out.record(_metrics_record(found, window_ms))
    else:
        _print_metrics(session, found, recent, window_ms)
    return 0


def _prometheus(session: Session) -> int:
    from queuectl_core.services import prometheus  # noqa: PLC0415 - status does not need it

    text = prometheus.exposition(session.looking, now_ms=session.clock.now_ms())
    if session.out.as_json:
        session.out.record({"content_type": prometheus.CONTENT_TYPE, "text": text})
    else:
        output.write(text)
    return 0


def _window_ms(args: Args) -> int | None:
    window_ms = args.span_ms("--window")
    if window_ms is not None and window_ms < MINUTE_MS:
        raise UsageError(
            f"--window {args.text('--window')} is too short: figures are kept by the minute",
            hint="--window 1m",
        )
    return window_ms


def _metrics_record(found: Metrics, window_ms: int | None) -> dict[str, object]:
    average = None if found.average_ms is None else round(found.average_ms / 1000, 3)
    window = {} if window_ms is None else {"window": seconds(window_ms)}
    return {
        "events": dict(found.counts),
        "average_duration": average,
        "recent": [stats.event_record(event) for event in found.recent],
        **window,
    }


def _print_metrics(session: Session, found: Metrics, recent: int, window_ms: int | None) -> None:
    out = session.out
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
    if window_ms is not None:
        out.line()
        rate = found.counts["completed"] * MINUTE_MS / window_ms
        out.line(f"Window: the last {format_duration(window_ms)}; {rate:.3g} completed a minute")


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
