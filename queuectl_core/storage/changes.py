"""The contract of what people do to jobs that exist, beside cancel and revive in storage/store.py.

Each call is one transaction: give it some hundred jobs at a time, so that workers claim in between.
Imported by type checkers alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from queuectl_core.job import Enqueued
    from queuectl_core.lifecycle import State
    from queuectl_core.storage.records import History, Removed


class Changes(Protocol):
    """One connection to one queue, to change many of its jobs."""

    def edit(
        self, numbers: Sequence[int], fields: Mapping[str, object], *, now_ms: int
    ) -> list[State | None]:
        """Give fields of NewJob, checked, to jobs that wait; return the state of each before.

        Only `pending` and `failed` jobs are changed; None: no such job.
        """

    def remove(self, numbers: Sequence[int], *, now_ms: int) -> list[Removed | None]:
        """Forget final jobs with their attempts; tell of each what it was, None: no such job.

        Jobs that wait or run stay. What their events added to the totals stays too.
        """

    def adopt(
        self,
        jobs: Sequence[History],
        *,
        now_ms: int,
        on_conflict: str = "error",
        known: Callable[[int], int | None] | None = None,
    ) -> list[Enqueued]:
        """Add jobs in the states that they had elsewhere, with their attempts; all or none.

        They get numbers of this queue; `known` tells those that earlier calls gave, by the number
        elsewhere. Conflicts of ids, and of the unique keys of jobs that wait: as in `enqueue`.
        Raises NotFound where one waits for a job that did not come along.
        """
