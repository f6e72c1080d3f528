"""The contract of the ways to what few commands need: each is loaded when it is asked for.

Imported by type checkers alone, as storage/store.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from queuectl_core.storage.access import Access
    from queuectl_core.storage.hooks import Hooks
    from queuectl_core.storage.insight import Insight
    from queuectl_core.storage.schedules import Schedules


class Doors(Protocol):
    """One connection to a queue, and what else can be done over it."""

    def insight(self) -> Insight:
        """Return what answers the deeper questions, over this connection."""

    def access(self) -> Access:
        """Return who may use the dashboard and what was done through it, over this connection."""

    def hooks(self) -> Hooks:
        """Return the verbs on hooks, over this connection."""

    def schedule_states(self, *, now_ms: int) -> list[tuple[str, str]]:
        """Return the names of all schedules, each with active, late, paused or over."""

    def schedules(self) -> Schedules:
        """Return the recurring schedules, over this connection."""
