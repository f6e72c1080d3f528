"""What a queue may be limited to: words and rules. Pure, and below the storage."""

from __future__ import annotations

from queuectl_core.errors import BadData
from queuectl_core.job import shown
from queuectl_core.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

PAUSED, FULL, SPENT = 1, 2, 4
"""The bits that say why none of a queue's jobs may start now."""
REASONS: Mapping[int, str] = {PAUSED: "paused", FULL: "concurrency", SPENT: "rate"}
PERIODS_MS: Mapping[str, int] = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
MAX_CONCURRENCY = 100_000
MAX_RATE_JOBS = 100_000
MAX_PERIOD_MS = 31 * PERIODS_MS["d"]
MAX_PENDING = 10**12
NONE = "none"
"""The word that takes a limit away."""
_DIGITS = 13
_RATE_HINT = "as in 10/m: 10 in a minute; the periods are s, m, h, d, or a span: 100/15m"


class Rate(Record):
    """At most so many starts in any period of that length."""

    jobs: int
    period_ms: int

    def __str__(self) -> str:
        """Return it as people write it: "10/m", "100/15m"."""
        for letter, unit_ms in PERIODS_MS.items():
            if self.period_ms == unit_ms:
                return f"{self.jobs}/{letter}"
        from queuectl_core.durations import format_duration  # noqa: PLC0415 - re, datetime: 12 ms

        return f"{self.jobs}/{format_duration(self.period_ms)}"


class Limits(Record):
    """The limits of a queue; None: it has none of the kind."""

    concurrency: int | None = None
    rate: Rate | None = None
    max_pending: int | None = None


def reason(shut: int) -> str | None:
    """Return the word for why a queue is shut, the strongest first; None where it is not."""
    return next((word for bit, word in REASONS.items() if shut & bit), None)


def concurrency(value: object) -> int | None:
    """Return the checked value of a queue's `concurrency`; "none" and None stand for no limit."""
    return _whole("concurrency", value, 1, MAX_CONCURRENCY)


def max_pending(value: object) -> int | None:
    """Return the checked value of a queue's `max_pending`."""
    return _whole("max_pending", value, 0, MAX_PENDING)


def rate(value: object) -> Rate | None:
    """Return the checked value of a queue's `rate`."""
    if _is_none(value):
        return None
    if not isinstance(value, str):
        raise BadData(f"rate must be text, not {shown(value)}", hint=_RATE_HINT)
    count, slash, period = value.strip().partition("/")
    if not slash or not _is_whole(count):
        raise BadData(f"rate must be a number and a period, not {shown(value)}", hint=_RATE_HINT)
    jobs, period_ms = int(count), _period_ms(value, period.strip())
    if not 1 <= jobs <= MAX_RATE_JOBS:
        raise BadData(
            f"rate must be from 1 to {MAX_RATE_JOBS:,} jobs a period, not {shown(value)}",
            hint="more fit when the period is shorter: 100/s in place of 360000/h",
        )
    return Rate(jobs, period_ms)


def _period_ms(value: str, period: str) -> int:
    period_ms = PERIODS_MS.get(period)
    if period_ms is None:
        from queuectl_core.durations import parse_duration_ms  # noqa: PLC0415 - re, datetime: 12 ms

        try:
            period_ms = parse_duration_ms(period)
        except BadData as error:
            raise BadData(f"rate: {error}", hint=_RATE_HINT) from error
    if not PERIODS_MS["s"] <= period_ms <= MAX_PERIOD_MS:
        raise BadData(
            f"rate must have a period from 1 second to 31 days, not {shown(value)}",
            hint=_RATE_HINT,
        )
    return period_ms


def _whole(name: str, value: object, low: int, high: int) -> int | None:
    if _is_none(value):
        return None
    number = int(value) if isinstance(value, str) and _is_whole(value) else value
    if isinstance(number, bool) or not isinstance(number, int) or not low <= number <= high:
        raise BadData(
            f'{name} must be a whole number from {low} to {high:,} or "none", not {shown(value)}'
        )
    return number


def _is_none(value: object) -> bool:
    return value is None or value == NONE


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _DIGITS
