"""What storage tells of the past; see storage/series.py."""

from __future__ import annotations

from queuectl_core.job import name_of
from queuectl_core.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class Flow(Record):
    """How often an event happened in a queue in the step that begins at `at_ms`."""

    at_ms: int
    queue: str
    event: str
    events: int
    duration_ms: int


class Run(Record):
    """The last run of a job that ended: when, how long it had been due, how long it took."""

    at_ms: int
    queue: str
    job: int
    good: bool
    wait_ms: int
    duration_ms: int


class PastEvent(Record):
    """An event with its number. `id` and `queue` are None where the job was forgotten."""

    seq: int
    at_ms: int
    job: int
    id: str | None
    queue: str | None
    event: str
    duration_ms: int | None
    detail: str | None

    @property
    def name(self) -> str:
        """What people call the job."""
        return name_of(self.job, self.id) if self.job else "schedule"


class EventPage(Record):
    """Some events. `below` leads to older ones; None: there are none."""

    events: Sequence[PastEvent]
    below: int | None
