"""What jobs wait for besides their time: written as people write it, explained, and let go."""

from __future__ import annotations

from queuectl_core import flow
from queuectl_core.durations import format_moment
from queuectl_core.errors import WrongState
from queuectl_core.flow import DEPENDENCY, HELD, keyed
from queuectl_core.lifecycle import CLAIMABLE, State
from queuectl_core.records import Record
from queuectl_core.selection import Selection
from queuectl_core.storage.records import Relative

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl_core.job import Job, NewJob
    from queuectl_core.storage.store import Store

SHOWN = 3
MOST_RELATIVES = 20
_END = {"ok": "completes", "fail": "fails", "any": "ends"}


def awaited(store: Store, job: Job) -> list[str]:
    """Return the jobs that one still waits for, as `enqueue` takes them."""
    parents = store.parents(job.number, limit=flow.MAX_AFTER)
    return [f"#{parent.number}:{parent.condition}" for parent in parents]


def draft_wishes(new: NewJob) -> dict[str, object]:
    """Return those fields of a job that is not in the queue yet."""
    wished = new.flow or flow.Flow()
    unique, mutex = wished.unique, wished.mutex
    return {
        "after": [f"{job}:{condition}" for job, condition in wished.after] or None,
        "unique": unique and (keyed(unique.key, unique.scope)),
        "mutex": mutex and keyed(mutex.key, mutex.slots),
        "expires_at": wished.expires_at_ms and format_moment(wished.expires_at_ms),
        "hold": wished.hold or None,
    }


class Relations(Record):
    """What stands around a job: those it was to wait for, and those that still wait for it.

    `holders` are other jobs that run with its mutex now. `more`: there are parents, children beyond
    those.
    """

    parents: Sequence[Relative]
    children: Sequence[Relative]
    holders: Sequence[Job]
    more: tuple[bool, bool]


def relations(store: Store, job: Job) -> Relations:
    """Return the relations of a job, up to MOST_RELATIVES of each; three look-ups by an index."""
    pairs = flow.read(job.after or "")
    wanted = [number for number, _ in pairs[:MOST_RELATIVES]]
    known = {}
    if wanted:
        selection = Selection(numbers=wanted)
        known = {one.number: one for one in store.select(selection, limit=len(wanted)).jobs}
    parents = [
        Relative(number, one.id if one else None, one.state if one else None, condition)
        for number, condition in pairs[:MOST_RELATIVES]
        for one in [known.get(number)]
    ]
    children = store.children(job.number, limit=MOST_RELATIVES + 1)
    running = [] if job.mutex is None else store.holders(job.mutex)
    more = (len(pairs) > MOST_RELATIVES, len(children) > MOST_RELATIVES)
    holders = [one for one in running if one.number != job.number]
    return Relations(parents, children[:MOST_RELATIVES], holders, more)


def record(found: Relations) -> dict[str, object]:
    """Return what the world sees of a job's relations; a state of None: forgotten by now."""
    return {
        "parents": [_relative(one) for one in found.parents],
        "children": [_relative(one) for one in found.children],
        "mutex_holders": [job.name for job in found.holders],
        "more_parents": found.more[0],
        "more_children": found.more[1],
    }


def _relative(one: Relative) -> dict[str, object]:
    return {
        "id": one.name, "number": one.number, "state": one.state, "condition": one.condition
    }  # fmt: skip


def hold(store: Store, jobs: Sequence[Job], *, now_ms: int) -> None:
    """Hold jobs back. Raises WrongState, and holds none, when one does not wait."""
    for job in jobs:
        if job.state not in CLAIMABLE:
            raise WrongState(
                f"job {job.name} can't be held: it is {job.state}; nothing was held",
                hint="only jobs that wait can",
            )
    store.hold([job.number for job in jobs], now_ms=now_ms)


def release(store: Store, jobs: Sequence[Job], *, now_ms: int) -> None:
    """Let held jobs go. Raises WrongState, and releases none, when one is not held."""
    for job in jobs:
        if not (job.blocked or 0) & HELD:
            raise WrongState(
                f"job {job.name} is not held: it is {job.state}; nothing was released",
                hint=f"queuectl show {job.name}",
            )
    store.unhold([job.number for job in jobs], now_ms=now_ms)


def reason_of(store: Store, job: Job, now_ms: int) -> str | None:
    """Return what a job waits for besides its time, for a person; None where there is nothing."""
    blocked = job.blocked or 0
    if blocked & HELD:
        text = f"until you let it go: queuectl release {job.name}"
    elif blocked & DEPENDENCY:
        text = _dependency(store, job)
    elif blocked:
        text = _full_mutex(store, job)
    else:
        return None
    if job.expires_at_ms is not None and job.state is State.PENDING:
        at = format_moment(job.expires_at_ms)
        text += f"; it expires at {at}" if job.expires_at_ms > now_ms else f"; it expired at {at}"
    return text


def _dependency(store: Store, job: Job) -> str:
    parents = store.parents(job.number, limit=SHOWN + 1)
    named = [
        f"job {parent.name} {_END[parent.condition]} ({parent.state or 'forgotten'})"
        for parent in parents[:SHOWN]
    ]
    more = " and others" if len(parents) > SHOWN else ""
    if not named:
        return "until a worker comes to it: those that it waited for have ended"
    return f"until {', '.join(named)}{more}"


def _full_mutex(store: Store, job: Job) -> str:
    holders = store.holders(job.mutex or "", limit=SHOWN + 1)
    names = ", ".join(holder.name for holder in holders[:SHOWN])
    more = " and others" if len(holders) > SHOWN else ""
    if not holders:
        return f'until jobs before it with the mutex "{job.mutex}" have ended'
    return f'until a place of the mutex "{job.mutex}" is free; job {names}{more} holds it'


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
