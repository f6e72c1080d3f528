"""How times and jobs read: relative on a terminal, exact in a pipe."""

from __future__ import annotations

from queuectl_core.cli.output import clean
from queuectl_core.durations import UNITS_MS, format_duration, format_moment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queuectl_core.cli.session import Session
    from queuectl_core.storage.records import Pause


def when(session: Session, at_ms: int | None) -> str:
    """Return a moment: "2m ago" on a terminal, RFC 3339 in a pipe, nothing for None."""
    if at_ms is None:
        return ""
    if not session.out.tty:
        return format_moment(at_ms)
    return relative(at_ms - session.clock.now_ms())


def exactly(session: Session, at_ms: int) -> str:
    """Return a moment in RFC 3339, on a terminal with how far it is from now."""
    text = format_moment(at_ms)
    if not session.out.tty:
        return text
    return f"{text} ({relative(at_ms - session.clock.now_ms())})"


def relative(span_ms: int) -> str:
    """Return how far a moment is from now: "in 5m", "2h3m ago", "12h ago", "now"."""
    if abs(span_ms) < 1000:  # noqa: PLR2004 - a second
        return "now"
    span = brief(abs(span_ms))
    return f"in {span}" if span_ms > 0 else f"{span} ago"


def brief(span_ms: int) -> str:
    """Return a span in whole seconds or, from ten minutes on, in the largest unit that has ten."""
    for unit_ms in (UNITS_MS["d"], UNITS_MS["h"], UNITS_MS["m"], UNITS_MS["s"]):
        if span_ms >= 10 * unit_ms:
            return format_duration(span_ms - span_ms % unit_ms)
    return format_duration(span_ms - span_ms % UNITS_MS["s"])


def queue_named(queue: str | None) -> str:
    """Return what people call a queue; None stands for all of them."""
    return "all queues" if queue is None else f"queue {queue}"


def pause_line(session: Session, one: Pause) -> str:
    """Return what people read of a pause: which, since when, by whom and why."""
    why = f": {one.reason}" if one.reason else ""
    return clean(f"{queue_named(one.queue)} ({when(session, one.at_ms)}, by {one.by}{why})")
