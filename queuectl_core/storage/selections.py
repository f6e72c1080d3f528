"""The contract of finding jobs by what they are.

Imported by type checkers alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from queuectl_core.selection import EVERY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl_core.selection import Page, Selection


class Selections(Protocol):
    """One connection to one queue, to find its jobs."""

    def select(
        self, selection: Selection = EVERY, *, below: int | None = None, limit: int = 500
    ) -> Page:
        """Return up to `limit` of the selected jobs, the newest first, with numbers under `below`.

        Looks at a bounded number of rows: see Page. Jobs that are asked for by `numbers` come all
        at once, in that order, and `below` is nothing to them.
        """

    def ranking(
        self, selection: Selection, *, order: str, descending: bool = True, limit: int | None = None
    ) -> Sequence[int]:
        """Return the numbers of all selected jobs, sorted by one of selection.ORDERS.

        Jobs that have no such value come last; what is equal is in the order of numbers. Looks at
        all of them at once, and holds 8 bytes for each.
        """

    def count(self, selection: Selection) -> int:
        """Return how many jobs are selected; looks at all that its narrowest index finds."""
