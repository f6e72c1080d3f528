"""What people ask of queues: stop them, let them go on, limit them, see how they stand."""

from __future__ import annotations

from queuectl_core import limits
from queuectl_core.errors import BadData, WrongState
from queuectl_core.job import HOOKS_QUEUE, check_queue, is_encodable
from queuectl_core.lifecycle import FINAL, STATES, State
from queuectl_core.limits import Limits
from queuectl_core.records import Record
from queuectl_core.services import polling
from queuectl_core.services.jobs import moment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from queuectl_core.clock import Clock
    from queuectl_core.limits import Rate
    from queuectl_core.storage.records import Pause, Standing
    from queuectl_core.storage.store import Store

MAX_REASON_CHARACTERS = 500
CHECKS: Mapping[str, Callable[[object], int | Rate | None]] = {
    "concurrency": limits.concurrency,
    "rate": limits.rate,
    "max_pending": limits.max_pending,
}
"""The limits that a queue can have, each with what judges its value."""


def pause(store: Store, queue: str | None, *, by: str, reason: str | None, now_ms: int) -> bool:
    """Let no job of a queue start any more, None: of no queue; tell whether that is new.

    Raises BadData for what is no name of a queue, and for an endless reason.
    """
    name = None if queue is None else check_queue(queue)
    check_reason(reason)
    return store.pause(name, by=by, reason=reason or None, now_ms=now_ms)


def check_reason(reason: str | None) -> None:
    """Raise BadData for a reason that can't be kept."""
    if reason is not None and not is_encodable(reason):
        raise BadData("the reason is not valid UTF-8")
    if reason is not None and len(reason) > MAX_REASON_CHARACTERS:
        raise BadData(f"the reason has {len(reason):,} characters; {MAX_REASON_CHARACTERS} fit")


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


def set_limits(store: Store, queue: str, wishes: Mapping[str, object], *, now_ms: int) -> None:
    """Set limits by their names in CHECKS as people write them; None and "none" take one away.

    Raises BadData for what is no name of a queue and for a wrong value, and changes nothing then.
    """
    name = check_queue(queue)
    changes = {kind: CHECKS[kind](value) for kind, value in wishes.items()}
    store.set_limits(name, changes, now_ms=now_ms)


def drain(store: Store, queue: str, *, by: str, now_ms: int) -> None:
    """Let no job be added to a queue until it is resumed."""
    store.drain(check_queue(queue), by=by, now_ms=now_ms)


def left(store: Store, queue: str) -> dict[State, int]:
    """Return how many jobs of a queue have not ended, by state; empty when it is drained."""
    return {
        one.state: one.jobs
        for one in store.counts()
        if one.queue == queue and one.state not in FINAL and one.jobs
    }


def empty(store: Store, queue: str, *, clock: Clock, deadline_ms: int | None) -> bool:
    """Wait until all jobs of a queue have ended; False when the time was over first."""
    return polling.until(lambda: not left(store, queue), clock=clock, deadline_ms=deadline_ms)


class Row(Record):
    """A queue as listings show it. `standing` None: nobody has limited or drained it."""

    name: str
    counts: Mapping[State, int]
    pause: Pause | None
    standing: Standing | None

    @property
    def limits(self) -> Limits:
        """Its limits, none where nobody has said any."""
        return Limits() if self.standing is None else self.standing.limits

    def waits(self, now_ms: int) -> str | None:
        """Return why none of its jobs may start now, in a word: `paused`, `concurrency`, `rate`."""
        if self.pause is not None:
            return limits.REASONS[limits.PAUSED]
        most, running = self.limits.concurrency, self.counts[State.PROCESSING]
        if most is not None and running >= most:
            return limits.REASONS[limits.FULL]
        return limits.REASONS[limits.SPENT] if self.opens_at_ms(now_ms) else None

    def opens_at_ms(self, now_ms: int) -> int | None:
        """Return when its rate allows the next start; None where that is now."""
        at_ms = None if self.standing is None else self.standing.opens_at_ms
        return at_ms if at_ms is not None and at_ms > now_ms else None


def rows(store: Store) -> list[Row]:
    """Return the queues that have or had jobs, and those of which somebody has said something."""
    counts, pauses = store.counts(), store.pauses()
    standings = {one.queue: one for one in store.standings()}
    of_all = next((one for one in pauses if one.queue is None), None)
    paused = {one.queue: one for one in pauses if one.queue is not None}
    by_name: dict[str, dict[State, int]] = {name: {} for name in [*paused, *standings]}
    for count in counts:
        by_name.setdefault(count.queue, {})[count.state] = count.jobs
    none = dict.fromkeys(STATES.values(), 0)
    return [
        Row(
            name,
            {**none, **by_name[name]},
            paused.get(name, None if name == HOOKS_QUEUE else of_all),
            standings.get(name),
        )
        for name in sorted(by_name)
    ]


def row_of(store: Store, queue: str) -> Row:
    """Return one queue, also one that nobody has heard of."""
    none = dict.fromkeys(STATES.values(), 0)
    return next((row for row in rows(store) if row.name == queue), Row(queue, none, None, None))


def limits_record(row: Row, *, now_ms: int) -> dict[str, object]:
    """Return what the world sees of a queue's limits and how it stands to them."""
    rate, standing = row.limits.rate, row.standing
    drained = standing is not None and standing.draining_at_ms is not None
    return {
        "concurrency": row.limits.concurrency,
        "rate": None if rate is None else str(rate),
        "max_pending": row.limits.max_pending,
        "waits": row.waits(now_ms),
        "opens_at": moment(row.opens_at_ms(now_ms)),
        "draining": {"since": moment(standing.draining_at_ms), "by": standing.drained_by}
        if standing is not None and drained
        else None,
    }


def queue_record(row: Row, *, now_ms: int) -> dict[str, object]:
    """Return what `queue list --json` prints of a queue."""
    return {
        "queue": row.name,
        "pending": row.counts[State.PENDING],
        "failed": row.counts[State.FAILED],
        "running": row.counts[State.PROCESSING],
        **limits_record(row, now_ms=now_ms),
        "paused": None if row.pause is None else record(row.pause),
    }
