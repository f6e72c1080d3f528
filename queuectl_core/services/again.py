"""A job that is to run once more as another one: what is copied of it, and what is not."""

from __future__ import annotations

from queuectl_core.flow import Flow, Mutex
from queuectl_core.job import NewJob

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queuectl_core.job import Job

_NOT_COPIED = ("id", "run_at_ms", "flow")


def copy_of(job: Job) -> NewJob:
    """Return a new job that does the same, due at once; its id stays with the old one.

    So does its unique key, and what it waited for. The mutex is copied: two of a kind at once are
    what the old one was kept from.
    """
    fields = {name: getattr(job, name) for name in NewJob._fields if name not in _NOT_COPIED}
    flow = None if job.mutex is None else Flow(mutex=Mutex(job.mutex, job.mutex_slots or 1))
    return NewJob(**fields, flow=flow)
