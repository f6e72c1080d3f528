"""What a button does to jobs, one or many: the words of forms, and the services that they mean."""

from __future__ import annotations

from queuectl_core.records import Record
from queuectl_core.services import changes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from queuectl_core.job import Job
    from queuectl_core.services.changes import Batch, Verb
    from queuectl_core.storage.store import Store

VERBS: Mapping[str, Verb] = {
    "retry": changes.RETRY,
    "now": changes.NOW,
    "hold": changes.HOLD,
    "release": changes.RELEASE,
    "cancel": changes.CANCEL,
    "priority": changes.EDIT,
    "queue": changes.EDIT,
    "start": changes.EDIT,
    "remove": changes.REMOVE,
}


class Deed(Record):
    """An action of VERBS; `fields` are the new values of one that edits."""

    action: str
    fields: Mapping[str, object] = {}

    @property
    def verb(self) -> Verb:
        """What it means."""
        return VERBS[self.action]


def act(deed: Deed, store: Store, jobs: Sequence[Job], *, now_ms: int, logs_dir: str) -> Batch:
    """Do it in one transaction; what can't be done to a job is told of it."""
    match deed.action:
        case "retry":
            return changes.retry(store, jobs, now_ms=now_ms)
        case "hold":
            return changes.hold(store, jobs, now_ms=now_ms)
        case "release":
            return changes.release(store, jobs, now_ms=now_ms)
        case "cancel":
            return changes.cancel(store, jobs, now_ms=now_ms)
        case "remove":
            return changes.remove(store, jobs, logs_dir=logs_dir, now_ms=now_ms)
    return changes.edit(store, jobs, deed.fields, now_ms=now_ms)
