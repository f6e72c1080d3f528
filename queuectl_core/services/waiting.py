"""Why a job that is due does not start. Knows a Store and nothing of how it is shown."""

from __future__ import annotations

from queuectl_core.lifecycle import CLAIMABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queuectl_core.job import Job
    from queuectl_core.storage.store import Store


def suspicion(store: Store, job: Job) -> str | None:
    """Return why a suspect waits, for a person; None where nothing of the kind holds the job back.

    Of the jobs that were there at two deaths of a worker, one runs at a time
    (docs/design/0011-who-is-to-blame.md).
    """
    if job.state not in CLAIMABLE or not job.suspect:
        return None
    for worker in store.workers():
        for other in worker.running:
            if other.suspect:
                return f"until job {other.name} ends: both were there at two deaths of a worker"
    return None
