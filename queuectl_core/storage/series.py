"""The contract of figures over time, and of the events one by one: part of Store.insight.

Imported by type checkers alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl_core.storage.series_records import EventPage, Flow, PastEvent, Run


class Series(Protocol):
    """Questions about the past. Each looks at a bounded number of rows, or at roll-ups only."""

    def flow(self, *, since_ms: int, step_ms: int) -> list[Flow]:
        """Return how often each event happened in each queue in each step of time.

        From the minute of `since_ms` on, the oldest first; `step_ms` is a whole number of minutes
        and steps begin at multiples of it. Days that were pruned count at their first minute.
        """

    def runs(self, *, since_ms: int, limit: int) -> list[Run]:
        """Return the last `limit` runs that ended for good since then.

        Where very much happened since, those instead that `limit` events name, spread evenly over
        the time. Runs of jobs that were forgotten or run again meanwhile are left out.
        """

    def history(
        self, *, below: int | None, limit: int, events: Sequence[str] = (), job: int | None = None
    ) -> EventPage:
        """Return events with numbers under `below` (None: the newest), the newest first.

        Those of some kinds and of one job, where asked for. Passes a bounded number of rows: a page
        may be short, even empty, and not be the last one.
        """

    def happened(self, *, after: int, limit: int) -> list[PastEvent]:
        """Return up to `limit` events with numbers above `after`, the oldest first."""
