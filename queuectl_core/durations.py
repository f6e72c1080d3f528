"""Spans ("90s", "1h30m") and moments ("tomorrow 03:00", RFC 3339) <-> milliseconds.

Pure but for the caller's time zone (TZ, /etc/localtime): the time itself is given as `now_ms`.
It must not know what a moment is for.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

from queuectl_core.errors import BadData

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import tzinfo
    from typing import Literal

    Naive = Literal["local", "utc"]

# From the largest to the smallest, as they are written.
UNITS_MS = {"w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
MAX_SPAN_MS = 36_525 * UNITS_MS["d"]
# 9999-12-31T23:59:59.999Z, the last moment that RFC 3339 can write.
LAST_MOMENT_MS = 253_402_300_799_999

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# No span within MAX_SPAN_MS needs more; int() refuses thousands of digits with an error of its own.
_MAX_SPAN_CHARACTERS = 64
_SHOWN_CHARACTERS = 80

_NUMBER = r"([0-9]+)(?:\.([0-9]+))?"
_SECONDS = re.compile(_NUMBER)
_SPAN = re.compile("".join(f"(?:{_NUMBER}{unit})?" for unit in UNITS_MS))
_TIME = (
    r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})"
    r"(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,9}))?)?"
)
_EPOCH_SECONDS = re.compile(r"@([0-9]{1,15})(?:\.([0-9]{1,9}))?")
_CALENDAR = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
    rf"(?:[T ]{_TIME}(?P<offset>Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])?)?",
    re.ASCII | re.IGNORECASE,
)
_NEAR = re.compile(rf"(?P<day>today|tomorrow)?(?:(?:^| +){_TIME})?", re.ASCII | re.IGNORECASE)

_SPAN_HINT = "examples: 90, 90s, 10m, 2h, 1h30m, 1.5h, 7d, 2w, 250ms; a bare number is seconds"
_MOMENT_HINT = (
    "accepted: 2024-12-31T23:59:00Z, 2024-12-31T23:59:00+01:00, '2024-12-31 23:59', 2024-12-31, "
    "23:59, 'today 18:00', 'tomorrow 03:00', tomorrow, now, +10m, @1700000000"
)
_ZONE_HINT = "the names are the files of /usr/share/zoneinfo; if that is empty, install tzdata"


def parse_duration_ms(text: str) -> int:
    """Read a span: units from large to small, each at most once; a bare number is seconds.

    Parts of a millisecond are rounded up, so that nothing but zero becomes zero. Raises BadData for
    anything else, negative spans and spans above 100 years among it.
    """
    written = text.strip()
    if _SECONDS.fullmatch(written):
        written += "s"
    match = _SPAN.fullmatch(written) if len(written) <= _MAX_SPAN_CHARACTERS else None
    if not written or match is None:
        raise _refusal("not a duration", text, _SPAN_HINT)
    numbers = match.groups(default="0")
    span_ms = sum(
        int(whole) * unit_ms + _part_ms(fraction, unit_ms)
        for whole, fraction, unit_ms in zip(
            numbers[::2], numbers[1::2], UNITS_MS.values(), strict=True
        )
    )
    if span_ms > MAX_SPAN_MS:
        raise _refusal("duration above 100 years", text, _SPAN_HINT)
    return span_ms


def format_duration(span_ms: int) -> str:
    """Write a span for people, cut off (never rounded up) to two units: `1.2s`, `3m20s`, `7d4h`."""
    if span_ms < 0:
        return "-" + format_duration(-span_ms)
    if UNITS_MS["s"] <= span_ms < UNITS_MS["m"]:
        tenths = span_ms // 100
        return f"{tenths // 10}.{tenths % 10}s" if tenths % 10 else f"{tenths // 10}s"
    for large, small in (("d", "h"), ("h", "m"), ("m", "s")):
        if span_ms >= UNITS_MS[large]:
            return duration_text(span_ms - span_ms % UNITS_MS[small])
    return duration_text(span_ms)


def duration_text(span_ms: int) -> str:
    """Write a span >= 0 without loss, as `parse_duration_ms` reads it: `1d2h`, `1s500ms`, `0s`."""
    parts = []
    for unit, unit_ms in UNITS_MS.items():
        if unit != "w" and span_ms >= unit_ms:
            parts.append(f"{span_ms // unit_ms}{unit}")
            span_ms %= unit_ms
    return "".join(parts) or "0s"


def parse_moment_ms(
    text: str, *, now_ms: int, zone: tzinfo | None = None, naive: Naive = "local"
) -> int:
    """Read a moment; without an offset it is a wall time in `zone`, by default the caller's (TZ).

    The offset is that of the date itself, summer or winter. A wall time that a clock change skips
    moves forward by the gap, one that comes twice means the first (PEP 495, fold=0). `HH:MM` is the
    next such time, today or tomorrow. Parts of a millisecond are rounded up: a job never starts
    early. `naive="utc"` reads wall times in UTC, whatever the zone. Raises BadData for anything
    else, also outside the years 1970 to 9999.
    """
    written = text.strip()
    try:
        moment_ms = _moment_ms(written, now_ms, UTC if naive == "utc" else zone)
    except (ValueError, OverflowError, OSError) as error:
        # Month 13, 25:00, and years that the C library or datetime can't count.
        reason = f"not a time ({error})"
        raise _refusal(reason, text, _MOMENT_HINT) from error
    if moment_ms is None:
        raise _refusal("not a time", text, _MOMENT_HINT)
    if not 0 <= moment_ms <= LAST_MOMENT_MS:
        raise _refusal("time outside the years 1970 to 9999", text, _MOMENT_HINT)
    return moment_ms


def format_moment(moment_ms: int, zone: tzinfo | None = None) -> str:
    """Write a moment in RFC 3339 with the local offset; milliseconds only where there are some.

    `parse_moment_ms` gives exactly `moment_ms` back. Raises BadData outside the years 1970 to 9999.
    """
    precision = "milliseconds" if moment_ms % 1000 else "seconds"
    return _local(moment_ms, zone).isoformat(timespec=precision)


def format_local(moment_ms: int, zone: tzinfo | None = None) -> str:
    """Write a moment as a wall time to the second, `2024-01-15 10:30:15`.

    Raises BadData outside the years 1970 to 9999.
    """
    return _local(moment_ms, zone).strftime("%Y-%m-%d %H:%M:%S")


def caller_zone() -> tzinfo | None:
    """Return the zone that TZ names, or None for the C library's own.

    None where TZ is not set, or holds a rule such as `CET-1CEST`. Raises BadData for a name that
    the system does not have: the C library would silently take it for UTC
    (https://man7.org/linux/man-pages/man3/tzset.3.html), and the job would start hours off.
    """
    name = os.environ.get("TZ", "").removeprefix(":")
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, ValueError, OSError) as error:
        if not re.fullmatch(r"[A-Za-z]+(?:[/_-][A-Za-z]+)*", name):
            return None
        raise _refusal("no such time zone in TZ", name, _ZONE_HINT) from error


def _moment_ms(written: str, now_ms: int, zone: tzinfo | None) -> int | None:
    """Return None when no form fits; raises ValueError and OverflowError where one fits in part."""
    if written.lower() == "now":
        return now_ms
    if written.startswith("+"):
        return now_ms + parse_duration_ms(written[1:])
    if match := _EPOCH_SECONDS.fullmatch(written):
        return int(match[1]) * 1000 + _part_ms(match[2] or "0", 1000)
    if match := _CALENDAR.fullmatch(written):
        return _calendar_ms(match, zone)
    if written and (match := _NEAR.fullmatch(written)):
        return _near_ms(match, now_ms, zone or caller_zone())
    return None


def _calendar_ms(match: re.Match[str], zone: tzinfo | None) -> int:
    """Return the moment of a full date; its own offset beats `zone`."""
    day = date(int(match["year"]), int(match["month"]), int(match["day"]))
    offset = match["offset"]
    return _instant_ms(day, match, _fixed_zone(offset) if offset else zone or caller_zone())


def _near_ms(match: re.Match[str], now_ms: int, zone: tzinfo | None) -> int:
    """Return the moment of a time today or tomorrow, as seen from `now_ms` in `zone`."""
    today = (_EPOCH + timedelta(milliseconds=now_ms)).astimezone(zone).date()
    tomorrow = today + timedelta(days=1)
    if match["day"]:
        return _instant_ms(today if match["day"].lower() == "today" else tomorrow, match, zone)
    moment_ms = _instant_ms(today, match, zone)
    return moment_ms if moment_ms >= now_ms else _instant_ms(tomorrow, match, zone)


def _instant_ms(day: date, match: re.Match[str], zone: tzinfo | None) -> int:
    """Return the moment when clocks in `zone` (None: the C library's) show the time in `match`."""
    hour, minute, second = (int(match[part] or 0) for part in ("hour", "minute", "second"))
    wall = datetime.combine(day, time(hour, minute, second))
    # Not wall.astimezone(): where the clocks skip an hour it goes back, timestamp() goes forward.
    aware = wall if zone is None else wall.replace(tzinfo=zone)
    return int(aware.timestamp()) * 1000 + _part_ms(match["fraction"] or "0", 1000)


def _fixed_zone(offset: str) -> timezone:
    """Return the zone of `Z` or `+HH:MM`."""
    if offset in {"Z", "z"}:
        return UTC
    span = timedelta(hours=int(offset[1:3]), minutes=int(offset[4:6]))
    return timezone(-span if offset[0] == "-" else span)


def _local(moment_ms: int, zone: tzinfo | None) -> datetime:
    """Return a moment in `zone` (None: the C library's); in UTC where RFC 3339 can't write that."""
    if not 0 <= moment_ms <= LAST_MOMENT_MS:
        raise _refusal("time outside the years 1970 to 9999", f"{moment_ms} ms", "")
    utc = _EPOCH + timedelta(milliseconds=moment_ms)
    try:
        local = utc.astimezone(zone)
    except (OverflowError, ValueError):  # The last hours of the year 9999, east of Greenwich.
        return utc
    # Liberia kept -00:44:30 until 1972; RFC 3339 has no seconds in an offset.
    offset = local.utcoffset() or timedelta()
    return utc if offset % timedelta(minutes=1) else local


def _part_ms(digits: str, unit_ms: int) -> int:
    """Return `0.digits` units in milliseconds, rounded up."""
    scale: int = 10 ** len(digits)
    return -(-int(digits) * unit_ms // scale)


def _refusal(reason: str, text: str, hint: str) -> BadData:
    """Return the error that names the value: quoted, escaped, and short whatever was given."""
    shown = text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "..."
    return BadData(f"{reason}: {shown!r}", hint=hint)
