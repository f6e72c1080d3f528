"""Jobs that wait for other jobs, and what follows when something ends.

Within a write transaction, and in it as far as CHUNK goes: what is more is written down and goes
on with `settle_waiting`. Without recursion: an end that ends others is only one more in the list.
"""

from __future__ import annotations

from queuectl_core import flow
from queuectl_core.flow import DEPENDENCY, ENDS, EXPIRED, MUTEX
from queuectl_core.lifecycle import FINAL, Event, State
from queuectl_core.storage.sqlite import heads, mutexes, rows
from queuectl_core.storage.sqlite import statements_flow as sql
from queuectl_core.storage.sqlite.ledger import Note, Place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queuectl_core.storage.sqlite.ledger import Ledger
    from queuectl_core.storage.sqlite.rows import Row

CHUNK = 500
"""Children told in one transaction, about 20 ms: so long other writers wait."""


def resolve(ledger: Ledger) -> None:
    """Let what ended, was revived or freed in this transaction take effect."""
    revived, ledger.revived = ledger.revived, []
    for number in revived:
        _rejoin(ledger, number)
    unmet, ledger.unmet = ledger.unmet, []
    for number, why in unmet:
        give_up(ledger, number, why)
    left = CHUNK
    while ledger.ended and left > 0:
        ended, ledger.ended = ledger.ended, []
        for number, state in ended:
            if state is State.CANCELLED:
                ledger.connection.execute(sql.DELETE_PARENTS, {"child": number})
            left -= _tell_children(ledger, number, state, left)
    for number, state in ledger.ended:
        _keep_ending(ledger, number, state)
    ledger.ended = []
    freed, ledger.freed = ledger.freed, set()
    for mutex in freed:
        mutexes.wake(ledger, mutex)


def _tell_children(ledger: Ledger, parent: int, state: State, limit: int) -> int:
    """Tell up to `limit` children of a job that it ended; return how many were told."""
    values = {"parent": parent, "limit": max(limit, 0) + 1}
    children: list[Row] = ledger.connection.execute(sql.CHILDREN, values).fetchall()
    if len(children) > limit:
        _keep_ending(ledger, parent, state)
        children = children[: max(limit, 0)]
    for child, condition in children:
        values = {"parent": parent, "child": child, "condition": condition}
        ledger.connection.execute(sql.DELETE_DEPENDENCY, values)
        if state not in ENDS[condition]:
            give_up(ledger, child, f"job {parent} is {state}")
        elif not ledger.row(sql.HAS_PARENTS, {"child": child})[0]:
            unblock(ledger, child, DEPENDENCY)
    return len(children)


def _keep_ending(ledger: Ledger, parent: int, state: State) -> None:
    ledger.connection.execute(sql.KEEP_ENDING, {"parent": parent, "state": state})


def give_up(ledger: Ledger, number: int, why: str) -> None:
    """Cancel a job whose condition can't come true any more."""
    wishes = _wishes(ledger, number)
    if wishes is not None:
        place = Place(number, rows.state(wishes[1]), wishes[2], wishes[3])
        values = {"reason": flow.REASONS[DEPENDENCY], "now_ms": ledger.now_ms}
        ledger.connection.execute(sql.DELETE_PARENTS, {"child": number})
        ledger.move(Event.CANCEL, place, values, Note(detail=why))


def unblock(ledger: Ledger, number: int, bit: int) -> None:
    """Take a reason to wait away; where it was the last one, the job lines up for its mutex."""
    wishes = _wishes(ledger, number)
    if wishes is not None:
        _block(ledger, number, wishes, (wishes[0] or 0) & ~bit)


def _block(ledger: Ledger, number: int, wishes: Row, blocked: int) -> None:
    blocked = blocked or mutexes.line_up(ledger, number, wishes)
    ledger.connection.execute(sql.SET_BLOCKED, {"number": number, "blocked": blocked})
    if not blocked:
        heads.lower(ledger, number)
        ledger.woke = True


def _wishes(ledger: Ledger, number: int) -> Row | None:
    row: Row | None = ledger.connection.execute(sql.WISHES, {"number": number}).fetchone()
    return row


def enter(ledger: Ledger, number: int, blocked: int) -> int:
    """Let a job take its place that waits anew; return what blocks it then.

    It waits for those of its parents that have not ended. Where one has ended otherwise than it
    should, that is for the caller to see.
    """
    wishes = _wishes(ledger, number)
    if wishes is None:
        return 0
    for parent, condition in flow.read(wishes[7] or ""):
        row = ledger.connection.execute(sql.PARENT_BY_NUMBER, {"number": parent}).fetchone()
        if row is not None and rows.state(row[1]) not in FINAL:
            values = {"parent": parent, "child": number, "condition": condition}
            ledger.connection.execute(sql.INSERT_DEPENDENCY, values)
            blocked |= DEPENDENCY
    blocked = blocked or mutexes.line_up(ledger, number, wishes)
    if blocked:
        ledger.connection.execute(sql.SET_BLOCKED, {"number": number, "blocked": blocked})
    return blocked


def _rejoin(ledger: Ledger, number: int) -> None:
    """Take a revived job's end back, as far as nobody was told; let it wait as it did at first."""
    ledger.connection.execute(sql.DELETE_ENDING, {"parent": number})
    enter(ledger, number, 0)


def let_strays_go(ledger: Ledger) -> None:
    """Let jobs stand for the claim that wait for nothing that could ever let them go."""
    strays: list[Row] = ledger.connection.execute(sql.STRAYS, {"now_ms": ledger.now_ms}).fetchall()
    for (number,) in strays:
        unblock(ledger, number, DEPENDENCY | MUTEX)


def expire(ledger: Ledger, place: Place) -> None:
    """Cancel a job that was not started in its time."""
    values = {"reason": EXPIRED, "now_ms": ledger.now_ms}
    ledger.move(Event.CANCEL, place, values, Note(detail=EXPIRED))


def go_on(ledger: Ledger) -> None:
    """Expire jobs whose time is over, and tell children whose parents ended earlier: a chunk."""
    values = {"now_ms": ledger.now_ms, "limit": CHUNK}
    expired: list[Row] = ledger.connection.execute(sql.EXPIRED, values).fetchall()
    for number, state, queue, mutex in expired:
        expire(ledger, Place(number, rows.state(state), queue, mutex))
    endings: list[Row] = ledger.connection.execute(sql.ENDINGS, {"limit": CHUNK}).fetchall()
    for parent, state in endings:
        ledger.connection.execute(sql.DELETE_ENDING, {"parent": parent})
        ledger.ended.append((parent, rows.state(state)))


def may_start(ledger: Ledger, place: Place, expires_at_ms: int | None) -> bool:
    """Tell whether a due job may be claimed; expire it, or park it, where not."""
    if expires_at_ms is not None and expires_at_ms <= ledger.now_ms:
        expire(ledger, place)
        return False
    return place.mutex is None or not mutexes.is_full(ledger, place)
