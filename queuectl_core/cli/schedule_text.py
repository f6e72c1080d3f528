"""How the next time of a schedule reads."""

from __future__ import annotations

from queuectl_core.cli.text import relative
from queuectl_core.services import schedules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queuectl_core.cli.session import Session
    from queuectl_core.schedule import Schedule


def next_text(session: Session, one: Schedule) -> str:
    """Return when a schedule comes due next, for the end of a line."""
    if one.paused_at_ms is not None:
        return "; it is paused"
    if one.next_at_ms is None:
        return "; it is over"
    at = schedules.in_zone(one, one.next_at_ms)
    span = relative(one.next_at_ms - session.clock.now_ms())
    return f": next at {at} ({span}, {one.definition.zone})"
