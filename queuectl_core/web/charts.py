"""Charts drawn on the server: SVG without text, since text in a stretched SVG shrinks with it.

Labels are HTML around it (templates/chart.html), the values stand in a table below it.
"""

from __future__ import annotations

from bottle import html_escape as escape

from queuectl_core.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

WIDTH, HEIGHT = 600, 120
_STEPS = (2, 4, 6, 8, 10, 12, 16, 20, 24, 30, 40, 50, 60, 80, 100)


class Line(Record):
    """One series. `look` names its colour in app.css; a None is a gap."""

    name: str
    look: str
    values: Sequence[int | None]


class Chart(Record):
    """One picture: bars that stand on each other, or lines. `show` writes a value with its unit."""

    key: str
    title: str
    sentence: str
    at_ms: Sequence[int]
    step_ms: int
    lines: Sequence[Line]
    stacked: bool
    show: Callable[[int | None], str]

    @property
    def top(self) -> int:
        """What the upper edge stands for."""
        if self.stacked:
            columns = zip(*(line.values for line in self.lines), strict=True)
            return nice(max((sum(value or 0 for value in column) for column in columns), default=0))
        return nice(max((value or 0 for line in self.lines for value in line.values), default=0))

    @property
    def empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not any(value for line in self.lines for value in line.values)

    @property
    def svg(self) -> str:
        """The picture, as markup."""
        top = self.top
        if self.stacked:
            drawn = _bars(self, top)
        else:
            drawn = "".join(_line(line, top) for line in self.lines)
        return (
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img"'
            f' aria-label="{escape(f"{self.title}: {self.sentence}")}">'
            f'{_hatch(self.key)}<path class="grid" d="M0 .5H{WIDTH}M0 {HEIGHT / 2:g}H{WIDTH}"/>'
            f'{drawn}<path class="axis" d="M0 {HEIGHT - 0.5:g}H{WIDTH}"/></svg>'
        )


def nice(value: int) -> int:
    """Return a round number from `value` on, at least 2: half of it is a whole number too."""
    power = 1
    while power * 100 <= value:
        power *= 10
    return next(step * power for step in _STEPS if step * power >= value)


def sparkline(values: Sequence[int]) -> str:
    """Return a line without axes; it says nothing to who can't see it, the numbers beside do."""
    top = max(values, default=0) or 1
    step = 100 / max(1, len(values) - 1)
    points = [
        f"{place * step:.1f} {19 - 17 * value / top:.1f}" for place, value in enumerate(values)
    ]
    if not points:
        return ""
    line = "M" + "L".join(points)
    return (
        '<svg class="spark" viewBox="0 0 100 20" preserveAspectRatio="none" aria-hidden="true">'
        f'<path class="area" d="{line}L100 20L0 20Z"/><path class="edge" d="{line}"/></svg>'
    )


def _bars(chart: Chart, top: int) -> str:
    """Draw the first series at the bottom; one unit of air between the bars."""
    width = WIDTH / max(1, len(chart.at_ms))
    wide = width - min(1.5, width / 4)
    feet = [float(HEIGHT)] * len(chart.at_ms)
    parts = []
    for line in chart.lines:
        path = []
        for place, value in enumerate(line.values):
            if not value:
                continue
            height = max(1.5, value * (HEIGHT - 2) / top)
            feet[place] -= height
            path.append(
                f"M{place * width:.1f} {feet[place]:.1f}h{wide:.1f}v{height:.1f}h-{wide:.1f}z"
            )
        hatched = f' fill="url(#hatch-{chart.key})"' if line.look == "dead" else ""
        parts.append(f'<path class="bar {line.look}" d="{"".join(path)}"/>')
        if hatched:
            parts.append(f'<path{hatched} d="{"".join(path)}"/>')
    return "".join(parts)


def _line(line: Line, top: int) -> str:
    """Draw a line, broken where nothing is known; a value alone is a short dash."""
    step = WIDTH / max(1, len(line.values) - 1)
    path, pen = [], "M"
    for place, value in enumerate(line.values):
        if value is None:
            pen = "M"
            continue
        height = HEIGHT - 1.5 - value * (HEIGHT - 4) / top
        path.append(f"{pen}{place * step:.1f} {height:.1f}")
        if pen == "M":
            path.append("h.1")
        pen = "L"
    return f'<path class="line {line.look}" d="{"".join(path)}"/>'


def _hatch(key: str) -> str:
    return (
        f'<defs><pattern id="hatch-{key}" width="5" height="5" patternUnits="userSpaceOnUse"'
        ' patternTransform="rotate(45)"><path class="hatch" d="M0 0V5"/></pattern></defs>'
    )
