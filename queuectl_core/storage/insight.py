"""The contract of looking deeper: the questions that people ask and a worker never does.

Not among the verbs of a Store: they share its connection, and are loaded at the first question.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from queuectl_core.storage.series import Series

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl_core.job import Job
    from queuectl_core.storage.records import Burials, Figure


class Insight(Series, Protocol):
    """What can be asked of a store; see Store.insight."""

    def ahead(self, job: Job, *, queues: Sequence[str] | None, now_ms: int, most: int) -> int:
        """Count the due jobs of some queues that a worker claims before this waiting one.

        None stands for all queues. Stops counting at `most`.
        """

    def figures(self, *, since_ms: int, until_ms: int | None = None) -> list[Figure]:
        """Return how often each event happened in each queue, from that minute on.

        Up to the minute of `until_ms`, which does not count any more; None: up to now. Days that
        were pruned count as a whole, at their first minute.
        """

    def burials(self, *, queue: str | None = None) -> list[Burials]:
        """Return the dead jobs by how they ended, one entry for each distinct end."""
