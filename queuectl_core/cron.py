"""When a schedule comes due: cron expressions and `every SPAN`, made into moments.

Pure. The fields of an expression are cronsim's; what the clocks of a zone do to them is decided
here, since libraries differ there (docs/design/0017-schedules.md):

- An expression that names every hour goes by the time that passes: it comes due whenever the clock
  shows one of its times, in a repeated hour twice, in a skipped one not at all.
- Any other goes by the wall: each of its times comes due once a day. One that the clocks skip comes
  due right after the gap, one that they show twice the first time.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cronsim import CronSim, CronSimError

from queuectl_core import zones
from queuectl_core.durations import LAST_MOMENT_MS, UNITS_MS, duration_text, parse_duration_ms
from queuectl_core.errors import BadData
from queuectl_core.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Protocol
    from zoneinfo import ZoneInfo

    class Rule(Protocol):
        """When something comes due."""

        def after(self, moment_ms: int) -> Fire | None:
            """Return the first time after a moment; None: it never comes due again."""


NAMES: Mapping[str, str] = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
SKIPPED, REPEATED = "skipped", "repeated"
"""Notes on a time: the clocks skip it, and it comes right after the gap; they show it twice."""
MAX_CHARACTERS = 200
SHORTEST_MS = 1_000
_FIELDS, _FIELDS_WITH_SECONDS = 5, 6
_HOURS = frozenset(range(24))
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - walls are times without a zone
_STEP_S = 21_600
"""No zone changes its clocks twice in so short a time."""
_WIDEST_S = 60
_WIDENING = 4
_HINT = (
    "five fields: minute hour day month weekday, as in '30 3 * * 1-5'; six: seconds first; or"
    " @daily, @hourly, 'every 90s'"
)


class Fire(Record):
    """A time at which a schedule comes due; `note` is SKIPPED, REPEATED or None."""

    at_ms: int
    note: str | None = None


def parse(when: str, zone: str, *, anchor_ms: int) -> Rule:
    """Return the rule that a user wrote; spans of `every` are counted from `anchor_ms`.

    Raises BadData for what is no expression, never comes due, or names a zone that is not there.
    """
    words = when.split()
    if len(when) > MAX_CHARACTERS:
        raise BadData(f"an expression has {MAX_CHARACTERS} characters at most, not {len(when)}")
    if words and words[0].lower() == "every":
        return Every(_period_ms(when, "".join(words[1:])), anchor_ms)
    if len(words) == 1 and words[0].startswith("@"):
        words = _named(words[0]).split()
    if len(words) not in {_FIELDS, _FIELDS_WITH_SECONDS}:
        raise BadData(f"not a cron expression: {when!r} has {len(words)} fields", hint=_HINT)
    fields = words if len(words) == _FIELDS_WITH_SECONDS else ["0", *words]
    return WallClock(when, " ".join(fields), zones.zone(zone))


def written(when: str) -> str:
    """Return an expression with single blanks, as a listing shows it; `every` in its usual units.

    Call it with what `parse` took.
    """
    words = when.split()
    if words[0].lower() == "every":
        return f"every {duration_text(_period_ms(when, ''.join(words[1:])))}"
    return " ".join(words)


def fires(rule: Rule, after_ms: int, until_ms: int = LAST_MOMENT_MS) -> Iterator[Fire]:
    """Yield the times after one moment and up to another, in their order."""
    found = rule.after(after_ms)
    while found is not None and found.at_ms <= until_ms:
        yield found
        found = rule.after(found.at_ms)


def newest(rule: Rule, since_ms: int, until_ms: int) -> Fire | None:
    """Return the last time from `since_ms` to `until_ms`, both included; None without any.

    Looks at few of them, however many there are: windows before the end that grow by four.
    """
    span_ms = _WIDEST_S * 1_000
    while True:
        begin_ms = max(since_ms, until_ms - span_ms)
        found = list(fires(rule, begin_ms - 1, until_ms))
        if found or begin_ms == since_ms:
            return found[-1] if found else None
        span_ms *= _WIDENING


def _period_ms(when: str, text: str) -> int:
    try:
        period_ms = parse_duration_ms(text)
    except BadData as error:
        raise BadData(f"{when!r}: {error}", hint=error.hint) from error
    if period_ms < SHORTEST_MS or period_ms % UNITS_MS["s"]:
        raise BadData(
            f"{when!r}: the span must be whole seconds, from one on", hint="as in 'every 90s'"
        )
    return period_ms


def _named(word: str) -> str:
    if word.lower() == "@reboot":
        raise BadData(
            "@reboot is no time",
            hint="a worker that is a service starts with the machine: queuectl service install",
        )
    try:
        return NAMES[word.lower()]
    except KeyError:
        raise BadData(f"there is no {word!r}", hint="one of " + ", ".join(NAMES)) from None


class Every:
    """Comes due each `period_ms`, counted from an anchor, whatever the clocks show."""

    def __init__(self, period_ms: int, anchor_ms: int) -> None:
        self.period_ms = period_ms
        self._anchor_ms = anchor_ms - anchor_ms % 1_000

    def after(self, moment_ms: int) -> Fire | None:
        """Return the first multiple after a moment; the anchor itself is none."""
        periods = max((moment_ms - self._anchor_ms) // self.period_ms, 0) + 1
        at_ms = self._anchor_ms + periods * self.period_ms
        return Fire(at_ms) if at_ms <= LAST_MOMENT_MS else None


class WallClock:
    """Comes due when the clocks of a zone show times that fit a cron expression.

    `expression` has six fields. Moments are whole seconds here; a wall is what the clocks show, in
    seconds as if they were UTC.
    """

    def __init__(self, when: str, expression: str, zone: ZoneInfo) -> None:
        self._expression = expression
        self._zone = zone
        self.passes = self._fields(when).hours == _HOURS

    def after(self, moment_ms: int) -> Fire | None:
        """Return the first time after a moment; None: none in 50 years, or before the year 9999."""
        moment_s = moment_ms // 1_000
        try:
            return self._by_passing(moment_s + 1) if self.passes else self._by_wall(moment_s)
        except (OverflowError, ValueError):
            return None  # beyond the years that datetime can count

    def changes(self, after_ms: int, until_ms: int) -> Iterator[int]:
        """Yield the moments after one and up to another at which the clocks are changed."""
        change_s = self._change_s(after_ms // 1_000, until_ms // 1_000)
        while change_s is not None:
            yield change_s * 1_000
            change_s = self._change_s(change_s, until_ms // 1_000)

    def _fields(self, when: str) -> CronSim:
        try:
            return CronSim(self._expression, _EPOCH)
        except CronSimError as error:
            raise BadData(f"not a cron expression: {when!r} ({error})", hint=_HINT) from error

    def _by_passing(self, from_s: int) -> Fire | None:
        """Search between changes of the clocks: there, walls run like moments."""
        while True:
            offset_s = self._offset_s(from_s)
            wall_s = next(self._walls(from_s + offset_s - 1), None)
            if wall_s is None:
                return None
            change_s = self._change_s(from_s, wall_s - offset_s)
            if change_s is None:
                early_s, late_s = self._offsets_s(wall_s)
                return Fire((wall_s - offset_s) * 1_000, REPEATED if early_s > late_s else None)
            from_s = change_s

    def _by_wall(self, moment_s: int) -> Fire | None:
        """Search from wall to wall; those of a repeated hour or of a gap may be past, or equal."""
        for wall_s in self._walls(moment_s + self._offset_s(moment_s)):
            found = self._moment_of(wall_s)
            if found.at_ms > moment_s * 1_000:
                return found
        return None

    def _walls(self, after_s: int) -> Iterator[int]:
        """Yield what fits the expression."""
        for wall in CronSim(self._expression, _EPOCH + timedelta(seconds=after_s)):
            yield _seconds(wall - _EPOCH)

    def _moment_of(self, wall_s: int) -> Fire:
        """Return the moment when the clocks first show a wall, or the end of the gap around it."""
        early_s, late_s = self._offsets_s(wall_s)
        if early_s < late_s:
            change_s = self._change_s(wall_s - late_s, wall_s - early_s)
            return Fire((wall_s - early_s if change_s is None else change_s) * 1_000, SKIPPED)
        return Fire((wall_s - early_s) * 1_000, REPEATED if early_s > late_s else None)

    def _offsets_s(self, wall_s: int) -> tuple[int, int]:
        """Return the offsets of a wall by the clocks before a change near it and after (PEP 495).

        Equal where it comes once; the first is larger where it comes twice, and smaller in a gap.
        """
        wall = (_EPOCH + timedelta(seconds=wall_s)).replace(tzinfo=self._zone)
        return _offset(wall.replace(fold=0)), _offset(wall.replace(fold=1))

    def _offset_s(self, moment_s: int) -> int:
        """Return how far the clocks are ahead of UTC at a moment."""
        utc = (_EPOCH + timedelta(seconds=moment_s)).replace(tzinfo=UTC)
        return _offset(utc.astimezone(self._zone))

    def _change_s(self, after_s: int, until_s: int) -> int | None:
        """Return the first moment after one and up to another at which the offset is another."""
        offset_s = self._offset_s(after_s)
        while after_s < until_s:
            end_s = min(after_s + _STEP_S, until_s)
            if self._offset_s(end_s) != offset_s:
                return self._bisected(after_s, end_s, offset_s)
            after_s = end_s
        return None

    def _bisected(self, low_s: int, high_s: int, offset_s: int) -> int:
        while high_s - low_s > 1:
            middle_s = (low_s + high_s) // 2
            if self._offset_s(middle_s) == offset_s:
                low_s = middle_s
            else:
                high_s = middle_s
        return high_s


def _offset(aware: datetime) -> int:
    return _seconds(aware.utcoffset() or timedelta())


def _seconds(span: timedelta) -> int:
    return span // timedelta(seconds=1)
