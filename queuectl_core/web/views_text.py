"""Words, numbers and moments as pages show them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from bottle import html_escape as escape

from queuectl_core.flow import DEPENDENCY, HELD
from queuectl_core.lifecycle import CLAIMABLE, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from queuectl_core.job import Job

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND, _MINUTE, _HOUR, _DAY = 1_000, 60_000, 3_600_000, 86_400_000
WORDS: Mapping[str, str] = {"processing": "running", "failed": "to retry"}
"""States that people call by another word."""
_ICONS: Mapping[str, str] = {
    "pending": '<circle cx="8" cy="8" r="5.2"/>',
    "scheduled": '<circle cx="8" cy="8" r="5.6"/><path d="M8 4.8V8l2.2 1.6"/>',
    "processing": '<path d="M5 3.5v9l7.2-4.5z" class="full"/>',
    "completed": '<path d="M3.2 8.6l3.2 3.2 6.4-7"/>',
    "failed": '<path d="M12.8 8A4.8 4.8 0 1 1 11 4.2M11.3 1.6v3H8.4"/>',
    "dead": '<path d="M4 4l8 8M12 4l-8 8"/>',
    "cancelled": '<circle cx="8" cy="8" r="5.4"/><path d="M4.4 11.6l7.2-7.2"/>',
    "held": '<path d="M5.5 3.5v9M10.5 3.5v9"/>',
    "waits": '<path d="M4.5 2.5h7M4.5 13.5h7M5.5 2.5c0 4 5 4 5 5.5s-5 1.5-5 5.5"/>'
    '<path d="M10.5 2.5c0 4-5 4-5 5.5s5 1.5 5 5.5"/>',
    "enqueued": '<path d="M8 3v10M3 8h10"/>',
    "paused": '<path d="M5.5 3.5v9M10.5 3.5v9"/>',
    "search": '<circle cx="7" cy="7" r="4.2"/><path d="M10.2 10.2L13.5 13.5"/>',
    "alert": '<path d="M8 2.2l6.3 11.2H1.7zM8 6.4v3.2M8 11.4v.1"/>',
    "ok": '<circle cx="8" cy="8" r="6"/><path d="M5.2 8.2l2 2 3.6-4"/>',
    "copy": '<rect x="5.5" y="5.5" width="8" height="8" rx="1.5"/>'
    '<path d="M10.5 3.5V3A1.5 1.5 0 0 0 9 1.5H3.5A1.5 1.5 0 0 0 2 3v5.5A1.5 1.5 0 0 0 3.5 10H4"/>',
    "theme": '<circle cx="8" cy="8" r="5.5"/><path d="M8 2.5a5.5 5.5 0 0 1 0 11z" class="full"/>',
    "left": '<path d="M10 3L5 8l5 5"/>',
    "right": '<path d="M6 3l5 5-5 5"/>',
    "download": '<path d="M8 2.5v7.5M4.8 7L8 10.2 11.2 7M3 13.5h10"/>',
    "plus": '<path d="M8 3v10M3 8h10"/>',
}


def standing(job: Job, now_ms: int) -> tuple[str, str]:
    """Return the look and the word of where a job stands, finer than its state."""
    blocked = job.blocked or 0
    if job.state in CLAIMABLE and blocked:
        if blocked & HELD:
            return "held", "held"
        return ("waits", "waits for jobs") if blocked & DEPENDENCY else ("waits", "waits for mutex")
    if job.state is State.PENDING and job.run_at_ms > now_ms:
        return "scheduled", "scheduled"
    if job.state is State.PROCESSING and job.cancel_requested:
        return "processing", "stopping"
    if job.state is State.CANCELLED and job.reason in {"expired", "replaced"}:
        return "cancelled", job.reason
    return str(job.state), WORDS.get(job.state, str(job.state))


def icon(name: str) -> str:
    """Return a 16-pixel picture that says nothing by itself: a word stands beside it."""
    return f'<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">{_ICONS.get(name, "")}</svg>'


def count(number: float | None) -> str:
    """Return a number with thousands apart; a dash for None."""
    return "–" if number is None else f"{number:,}"  # noqa: RUF001 - a dash is meant


def plural(number: int, word: str, more: str = "") -> str:
    """Return "1 job", "2 jobs"."""
    return f"{number:,} {word if number == 1 else more or word + 's'}"


def short(text: str | None, characters: int = 200) -> str:
    """Return the first line of a text, cut off."""
    line = (text or "").strip().partition("\n")[0]
    cut = line[:characters]
    return cut + "…" if len(cut) < len((text or "").strip()) else cut


def span(span_ms: float | None) -> str:
    """Return a span as people read it: 850 ms, 4.3 s, 2 m 05 s, 3 h 20 m, 4 d 6 h."""
    if span_ms is None:
        return "–"  # noqa: RUF001 - a dash is meant
    if span_ms < _SECOND:
        return f"{span_ms:.0f} ms"
    if span_ms < _MINUTE:
        return f"{span_ms // 100 / 10:.1f} s"
    minutes, seconds = divmod(int(span_ms) // _SECOND, 60)
    if span_ms < _HOUR:
        return f"{minutes} m {seconds:02} s"
    hours, minutes = divmod(minutes, 60)
    if span_ms < _DAY:
        return f"{hours} h {minutes:02} m"
    return f"{hours // 24} d {hours % 24} h"


def utc(at_ms: int) -> str:
    """Return a moment in UTC to the second."""
    return _written(at_ms)[1]


@lru_cache(maxsize=1024)
def _written(at_ms: int) -> tuple[str, str]:
    """Return a moment by RFC 3339 and as people read it: a chart has the same 60 each time."""
    moment = _EPOCH + timedelta(milliseconds=at_ms)
    iso = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return iso, moment.strftime("%Y-%m-%d %H:%M:%S")


def time_tag(at_ms: int | None, now_ms: int | None, kind: str) -> str:
    """Return a <time>. `kind`: at (the moment), ago (how long since), since (how long by now)."""
    if at_ms is None:
        return '<span class="none">–</span>'  # noqa: RUF001 - a dash is meant
    iso, whole = _written(at_ms)
    text = whole if now_ms is None else relative(at_ms - now_ms, kind)
    return f'<time datetime="{iso}" data-time="{kind}" title="{whole} UTC">{escape(text)}</time>'


def relative(ahead_ms: int, kind: str) -> str:
    """Return "3 m ago" or "in 40 s"; of kind since only the span."""
    if kind == "since":
        return span(max(0, -ahead_ms))
    rough = _rough(abs(ahead_ms))
    if rough == "":
        return "now"
    return f"in {rough}" if ahead_ms > 0 else f"{rough} ago"


def _rough(span_ms: int) -> str:
    """Return a span in its largest unit."""
    for unit_ms, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "m"), (_SECOND, "s")):
        if span_ms >= unit_ms:
            return f"{span_ms // unit_ms} {name}"
    return ""
