"""What people ask of queues: stop them, let them go on, see which are stopped."""

from __future__ import annotations

from queuectl_core.errors import BadData, WrongState
from queuectl_core.job import HOOKS_QUEUE, check_queue, is_encodable
from queuectl_core.services.jobs import moment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl_core.storage.records import Pause
    from queuectl_core.storage.store import Store

MAX_REASON_CHARACTERS = 500


def pause(store: Store, queue: str | None, *, by: str, reason: str | None, now_ms: int) -> bool:
    """Let no job of a queue start any more, None: of no queue; tell whether that is new.

    Raises BadData for what is no name of a queue, and for an endless reason.
    """
    name = None if queue is None else check_queue(queue)
    if reason is not None and not is_encodable(reason):
        raise BadData("the reason is not valid UTF-8")
    if reason is not None and len(reason) > MAX_REASON_CHARACTERS:
        raise BadData(f"the reason has {len(reason):,} characters; {MAX_REASON_CHARACTERS} fit")
    return store.pause(name, by=by, reason=reason or None, now_ms=now_ms)


def resume(store: Store, queue: str | None, *, now_ms: int) -> bool:
    """Let jobs of a queue start again, None: of all queues; tell whether it was paused.

    Raises WrongState where all queues are paused and one alone can't go on.
    """
    name = None if queue is None else check_queue(queue)
    changed = store.resume(name, now_ms=now_ms)
    if name not in {None, HOOKS_QUEUE} and any(one.queue is None for one in store.pauses()):
        raise WrongState(
            f"queue {name} stays paused: all queues are", hint="queuectl resume, without a name"
        )
    return changed


def pauses_of(store: Store, queue: str | None) -> Sequence[Pause]:
    """Return what pauses a queue, None: any queue. Hooks go on while all queues are paused."""
    names = {queue} if queue == HOOKS_QUEUE else {queue, None}
    return [one for one in store.pauses() if queue is None or one.queue in names]


def record(one: Pause) -> dict[str, object]:
    """Return what the world sees of a pause; `queue` None: all queues."""
    return {
        "queue": one.queue,
        "paused_at": moment(one.at_ms),
        "by": one.by,
        "reason": one.reason,
    }
