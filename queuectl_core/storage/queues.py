"""The contract of the queues themselves: what is stopped, by whom and why, and what is limited.

Imported by type checkers alone, as storage/store.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from queuectl_core.limits import Rate
    from queuectl_core.storage.records import Pause, Standing


class Queues(Protocol):
    """One connection to the queues of a store. A queue need not have jobs to be paused."""

    def pause(self, queue: str | None, *, by: str, reason: str | None, now_ms: int) -> bool:
        """Let no job of a queue be claimed any more; None: of no queue, also of later ones.

        Jobs that run go on. False where it was paused: who, when and why are noted anew.
        """

    def resume(self, queue: str | None, *, now_ms: int) -> bool:
        """Let jobs of a queue be claimed and added again, wake idle workers; None: of all queues.

        False where it was neither paused nor drained. A queue stays paused as long as all queues
        are.
        """

    def pauses(self) -> Sequence[Pause]:
        """Return what is paused, all queues first, then by name."""

    def set_limits(
        self, queue: str, changes: Mapping[str, int | Rate | None], *, now_ms: int
    ) -> None:
        """Set limits by the names of limits.Limits, None: take one away; wake idle workers.

        What runs goes on, what waits stays. A new rate counts the starts that the old one knew.
        """

    def drain(self, queue: str, *, by: str, now_ms: int) -> bool:
        """Let no job be added to a queue until it is resumed; False where that was so before.

        Its jobs start, repeat and end as ever, and what was promised comes in: see limits.admit.
        """

    def standings(self) -> Sequence[Standing]:
        """Return the queues that have limits or are drained, by name."""

    def next_start_ms(self, *, queues: Sequence[str] | None = None) -> int | None:
        """Return when the next job may start: an idle worker's question.

        As Store.next_due_ms, but not before the rate of its queue allows it. None where that hangs
        on something else than time, which rings the bell: a place in a full queue, a pause, a job.
        """
