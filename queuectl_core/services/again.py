"""A job that is to run once more as another one: what is copied of it, and what is not."""

from __future__ import annotations

from queuectl_core.job import NewJob

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queuectl_core.job import Job

_NOT_COPIED = ("id", "run_at_ms")


def copy_of(job: Job) -> NewJob:
    """Return a new job that does the same, due at once; its id stays with the old one."""
    fields = {name: getattr(job, name) for name in NewJob._fields if name not in _NOT_COPIED}
    return NewJob(**fields)
