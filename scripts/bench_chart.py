"""A picture of a part: bars of ratios, in SVG that reads on light and dark paper."""

from __future__ import annotations

import statistics
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING

from bench_rounds import number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench_rounds import Row

WIDTH = 840
LABELS = 340
FIGURES = 110
LINE = 20
HEAD = 30
STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #57606a }
.head { font-weight: 600; fill: #24292f }
.bar { fill: #8c959f }
.ours { fill: #0a7d33 }
.rule { stroke: #57606a; stroke-dasharray: 3 3 }
.whisker { stroke: #24292f }
@media (prefers-color-scheme: dark) {
  text { fill: #9ea7b3 }
  .head { fill: #e6edf3 }
  .bar { fill: #6e7681 }
  .ours { fill: #3fb950 }
  .whisker { stroke: #e6edf3 }
}"""


def chart(title: str, rows: Sequence[Row]) -> str:
    """Return the bars of all rows with ratios, group by group; a rule stands at 1."""
    shown = [row for row in rows if row.ratios and row.unit == "jobs/s"]
    most = max([1.0, *(max(row.ratios) for row in shown)])
    scale = (WIDTH - LABELS - FIGURES) / most
    parts: list[str] = []
    top = HEAD
    for group, members in groupby(shown, key=lambda row: row.group):
        of = next(row.of for row in shown if row.group == group)
        parts.append(_text(8, top + 14, f"{group}, of {of}", "head"))
        top += LINE + 4
        for row in members:
            parts += _bar(row, top, scale)
            top += LINE
        top += 8
    rule = LABELS + scale
    parts.append(f'<line class="rule" x1="{rule:.1f}" x2="{rule:.1f}" y1="{HEAD}" y2="{top}"/>')
    return _svg(title, top, parts)


def _svg(title: str, height: int, parts: Sequence[str]) -> str:
    body = "\n".join([_text(8, 18, title, "head"), *parts])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
        f' aria-label="{escape(title)}">\n<style>\n{STYLE}\n</style>\n{body}\n</svg>\n'
    )


def _bar(row: Row, top: int, scale: float) -> list[str]:
    middle = statistics.median(row.ratios)
    length = middle * scale
    low, high = (LABELS + scale * bound for bound in (min(row.ratios), max(row.ratios)))
    kind = "ours" if row.what.startswith("queuectl") else "bar"
    label = f"{row.what} ({row.durability})"
    height = LINE - 6
    line = top + height / 2
    return [
        _text(16, top + 12, label),
        f'<rect class="{kind}" x="{LABELS}" y="{top}" width="{length:.1f}" height="{height}"/>',
        f'<line class="whisker" x1="{low:.1f}" x2="{high:.1f}" y1="{line}" y2="{line}"/>',
        _text(WIDTH - FIGURES + 12, top + 12, number(middle)),
    ]


def _text(left: float, top: float, words: str, kind: str = "") -> str:
    name = f' class="{kind}"' if kind else ""
    return f'<text{name} x="{left}" y="{top}">{escape(words)}</text>'
