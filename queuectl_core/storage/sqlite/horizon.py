"""When a job may start next, as far as anybody can say: what idle workers and people ask.

Only reads. A bound that is too low is looked behind, not raised.
"""

from __future__ import annotations

from queuectl_core.job import HOOKS_QUEUE
from queuectl_core.storage.sqlite import statements_heads as sql
from queuectl_core.storage.sqlite.statements import PRIORITIES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from queuectl_core.storage.sqlite.rows import Row

    Ask = Callable[..., list[Row]]


def next_due_ms(ask: Ask, queues: Sequence[str] | None) -> int | None:
    """Return the earliest run_at of what waits in queues that are not paused."""
    queues = _served(ask, queues)
    if queues is None:
        return _earliest(ask, ask(sql.UNPAUSED_LINES), None)
    moment_ms: int | None = None
    for queue in queues:
        lines = ask(sql.UNPAUSED_LINES_OF, {"queue": queue})
        moment_ms = _earliest(ask, lines, moment_ms)
    return moment_ms


def next_start_ms(ask: Ask, queues: Sequence[str] | None) -> int | None:
    """Return when the next job may start: not before its queue's rate allows one.

    None where that hangs on something else than time: a pause, a limit, a job to come.
    """
    queues = _served(ask, queues)
    if queues is None:
        return _earliest_opening(ask, _earliest_open(ask))
    moment_ms: int | None = None
    for queue in queues:
        moment_ms = _start_of(ask, queue, moment_ms)
    return moment_ms


def any_due(ask: Ask, queues: Sequence[str] | None, now_ms: int) -> bool:
    """Tell whether a job is due, suspects too, in a queue that is not paused."""
    queues = _served(ask, queues)
    for queue, priority, bound_ms in ask(sql.UNPAUSED_LINES):
        if bound_ms > now_ms:
            return False
        values = {"queue": queue, "priority": priority, "now_ms": now_ms}
        if (queues is None or queue in queues) and ask(sql.IS_DUE, values)[0][0]:
            return True
    return False


def _served(ask: Ask, queues: Sequence[str] | None) -> Sequence[str] | None:
    """Return the queues to look at: while all are paused the hooks alone."""
    if not ask(sql.ALL_PAUSED)[0][0]:
        return queues
    return [HOOKS_QUEUE] if queues is None or HOOKS_QUEUE in queues else []


def _earliest_open(ask: Ask) -> int | None:
    moment_ms: int | None = None
    for priority in PRIORITIES:
        lines = ask(sql.OPEN_LINES, {"priority": priority})
        moment_ms = _earliest(ask, lines, moment_ms)
    return moment_ms


def _earliest_opening(ask: Ask, moment_ms: int | None) -> int | None:
    for queue, opens_at_ms in ask(sql.OPENING_QUEUES):
        if moment_ms is not None and opens_at_ms >= moment_ms:
            break
        moment_ms = _start_of(ask, queue, moment_ms)
    return moment_ms


def _start_of(ask: Ask, queue: str, moment_ms: int | None) -> int | None:
    found = ask(sql.OPENS_AT, {"queue": queue})
    opens_at_ms = found[0][0] if found else 0
    if opens_at_ms is None or (moment_ms is not None and opens_at_ms >= moment_ms):
        return moment_ms
    found_ms = _earliest(ask, ask(sql.UNPAUSED_LINES_OF, {"queue": queue}), moment_ms)
    return moment_ms if found_ms is None or found_ms == moment_ms else max(found_ms, opens_at_ms)


def _earliest(ask: Ask, lines: Iterable[tuple[str, int, int]], moment_ms: int | None) -> int | None:
    """Return the earliest moment of lines, which come by their bounds, or the one that is given."""
    for queue, priority, bound_ms in lines:
        if moment_ms is not None and bound_ms >= moment_ms:
            break
        values = {"queue": queue, "priority": priority}
        found = ask(sql.FIRST_STARTABLE, values)
        if found and (moment_ms is None or found[0][0] < moment_ms):
            moment_ms = found[0][0]
    return moment_ms
