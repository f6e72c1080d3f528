"""What scripts/bench measures by: rounds that take turns, and the rows that come of them.

Absolute times of a shared machine mean little; a ratio is of two runs of the same round.
"""

from __future__ import annotations

import random
import statistics
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class Sample(NamedTuple):
    """One run: the figure, and the CPU of it in milliseconds a job where that is known."""

    figure: float
    cpu_ms: float | None = None


class Row(NamedTuple):
    """A line of a table. `ratios` are to the row named `of`, round by round.

    `goal` is a bound like `>= 0.85`: on the ratios where there are any, else on the figures.
    """

    group: str
    what: str
    durability: str
    unit: str
    figures: list[float]
    of: str = ""
    ratios: list[float] = []  # noqa: RUF012 - never changed
    cpu_ms: list[float] = []  # noqa: RUF012 - never changed
    goal: str = ""
    note: str = ""

    def middle(self) -> float:
        """Return what the goal is about."""
        return statistics.median(self.ratios or self.figures)

    def reached(self) -> bool | None:
        """Tell whether the median keeps the goal; None where there is none."""
        if not self.goal:
            return None
        sign, bound = self.goal.split()
        limit = float(bound.replace(",", ""))
        return self.middle() >= limit if sign == ">=" else self.middle() <= limit


Column = list[Sample]


class Plan:
    """How much to measure, and in which order."""

    def __init__(self, seed: str, *, quick: bool) -> None:
        self._rng = random.Random(seed)
        self.quick = quick
        self.left_out: list[str] = []

    def pick(self, quick: int, full: int) -> int:
        """Return the size for this run."""
        return quick if self.quick else full

    def leave_out(self, what: str, why: str) -> None:
        """Note a row that there is not."""
        self.left_out.append(f"{what}: {why}")
        print(f"  left out: {what}: {why}", flush=True)

    def rounds(
        self, count: int, measures: Mapping[str, Callable[[], Sample | float]]
    ) -> dict[str, Column]:
        """Take each measurement once per round, in an order that is drawn anew for each."""
        columns: dict[str, Column] = {name: [] for name in measures}
        for _ in range(count):
            order = list(measures)
            self._rng.shuffle(order)
            for name in order:
                found = measures[name]()
                columns[name].append(found if isinstance(found, Sample) else Sample(found))
        return columns


def figures(column: Sequence[Sample], unit: float = 1.0) -> list[float]:
    """Return the figures of a column, in another unit."""
    return [sample.figure * unit for sample in column]


def cpu_ms(column: Sequence[Sample]) -> list[float]:
    """Return what is known of the CPU."""
    return [sample.cpu_ms for sample in column if sample.cpu_ms is not None]


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Return the ratio of each round."""
    return [a / b for a, b in zip(ours, theirs, strict=True)]


def number(value: float) -> str:
    """Return a figure with the digits that mean something."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3f}" if abs(value) < 1 else f"{value:.2f}"


def spread(values: Sequence[float]) -> str:
    """Return the median with the lowest and the highest; nothing for nothing."""
    if not values:
        return ""
    middle = number(statistics.median(values))
    if len(values) == 1:
        return middle
    return f"{middle} ({number(min(values))}-{number(max(values))})"


def told(row: Row) -> str:
    """Return a row as a line for a terminal."""
    parts = [f"{' '.join(filter(None, (row.group, row.what))):<52}", f"{row.durability:<8}"]
    parts.append(f"{spread(row.figures):>24} {row.unit:<7}")
    if row.ratios:
        parts.append(f"{spread(row.ratios)} of {row.of}")
    if row.cpu_ms:
        parts.append(f"cpu {spread(row.cpu_ms)} ms")
    if row.goal:
        parts.append(f"goal {row.goal}: {'reached' if row.reached() else 'MISSED'}")
    if row.note:
        parts.append(row.note)
    return "  ".join(parts)
