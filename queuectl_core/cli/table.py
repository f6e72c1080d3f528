"""Aligned tables: plain and complete in a pipe, as wide as the screen on a terminal."""

from __future__ import annotations

import os

from queuectl_core.cli import widths
from queuectl_core.cli.output import clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl_core.cli.output import Output

_GAP = "  "
NARROWEST_LAST, LONG_CELL, NARROWEST_CELL = 20, 18, 12
"""What is left of the last column, and of the others, before columns are left out, and after."""


class Table:
    """Aligned columns, page by page: widths only grow, so that any listing can stream.

    On a terminal no row is wider than the screen: long cells are cut, and the columns named in
    `spare` are left out, in that order, where there is no room for them.
    """

    def __init__(self, output: Output, *columns: str, spare: Sequence[str] = ()) -> None:
        self._output = output
        self._columns = columns
        self._spare = spare
        self._widths = [widths.width(column) for column in columns]
        self._begun = False

    def rows(self, rows: Sequence[Sequence[str]]) -> None:
        """Write a page of rows, the first one under the head."""
        for line in self.lines(rows):
            self._output.line(line)

    def lines(self, rows: Sequence[Sequence[str]]) -> list[str]:
        """Return a page of rows as lines, the first one under the head."""
        cells = [[clean(cell) or "-" for cell in row] for row in rows]
        for row in cells:
            self._widths = [
                max(width, widths.width(cell))
                for width, cell in zip(self._widths, row, strict=True)
            ]
        layout = self._layout()
        head = [] if self._begun else [self._row(self._columns, layout)]
        self._begun = True
        return [*head, *(self._row(row, layout) for row in cells)]

    def _layout(self) -> list[int]:
        """Return how wide each column is now; 0: left out."""
        if not self._output.tty:
            return self._widths
        spare = [self._columns.index(name) for name in self._spare if name in self._columns]
        return fitted(self._widths, spare, room=screen_columns())

    def _row(self, row: Sequence[str], layout: Sequence[int]) -> str:
        """Return a row as a line. The last column is not padded."""
        *fixed, last = [pair for pair in zip(row, layout, strict=True) if pair[1]]
        parts = [
            self._output.paint(widths.pad(widths.cut(cell, width), width), cell)
            for cell, width in fixed
        ]
        text, width = last
        return _GAP.join([*parts, self._output.paint(widths.cut(text, width), text)])


def fitted(natural: Sequence[int], spare: Sequence[int], *, room: int) -> list[int]:
    """Return the widths of columns that fit into `room` with the gaps between them.

    The last column gives way first, then other long ones, then the columns in `spare`, which become
    0, then whichever is the widest.
    """
    layout = list(natural)
    _shrink(layout, [len(layout) - 1], NARROWEST_LAST, room)
    _shrink(layout, range(len(layout) - 1), LONG_CELL, room)
    for index in spare:
        if _excess(layout, room) <= 0:
            break
        layout[index] = 0
    # what a column left out gives back is the last one's
    layout[-1] = min(natural[-1], layout[-1] + max(0, -_excess(layout, room)))
    _shrink(layout, range(len(layout)), NARROWEST_CELL, room)
    _shrink(layout, range(len(layout)), 1, room)
    return layout


def _excess(layout: Sequence[int], room: int) -> int:
    shown = [width for width in layout if width]
    return sum(shown) + len(_GAP) * (len(shown) - 1) - room


def _shrink(layout: list[int], columns: Sequence[int], least: int, room: int) -> None:
    """Take what is too much from the widest of some columns, one by one, down to `least`."""
    while (excess := _excess(layout, room)) > 0:
        widest = max(columns, key=lambda index: layout[index])
        if layout[widest] <= least:
            return
        next_to_it = max((layout[index] for index in columns if index != widest), default=0)
        floor = min(max(least, next_to_it), layout[widest] - 1)
        layout[widest] -= min(excess, layout[widest] - floor)


def screen_columns() -> int:
    """Return how wide the terminal is; 80 where it does not say."""
    return screen_size()[0]


def screen_size() -> tuple[int, int]:
    """Return the columns and lines of the terminal; 80 by 24 where it does not say."""
    try:
        size = os.get_terminal_size(1)
    except OSError:
        return 80, 24
    return size.columns or 80, size.lines or 24
