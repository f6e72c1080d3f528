"""The contract of the queues themselves: which are stopped, by whom, since when and why.

Imported by type checkers alone, as storage/store.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl_core.storage.records import Pause


class Queues(Protocol):
    """One connection to the queues of a store. A queue need not have jobs to be paused."""

    def pause(self, queue: str | None, *, by: str, reason: str | None, now_ms: int) -> bool:
        """Let no job of a queue be claimed any more; None: of no queue, also of later ones.

        Jobs that run go on. False where it was paused: who, when and why are noted anew.
        """

    def resume(self, queue: str | None, *, now_ms: int) -> bool:
        """Let jobs of a queue be claimed again and wake idle workers; None: of all queues.

        False where it was not paused. A queue stays paused as long as all queues are.
        """

    def pauses(self) -> Sequence[Pause]:
        """Return what is paused, all queues first, then by name."""
