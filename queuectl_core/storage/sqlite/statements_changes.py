"""Statements that change many jobs, apart from those that every command loads."""

from __future__ import annotations

from queuectl_core.job import Job, NewJob
from queuectl_core.storage.sqlite.statements import WAITING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

EDITABLE = frozenset(NewJob._fields) - {"id", "flow"}
PLACE = "SELECT state, queue, starts, tags, mutex FROM jobs WHERE number = :number"
_LEFT = {"number", "token", "cancel_requested"}
_WISHES = {
    "blocked", "after", "unique_key", "unique_scope", "mutex", "mutex_slots", "expires_at_ms",
}  # fmt: skip
KEPT = tuple(name for name in Job._fields if name not in _LEFT | _WISHES)
"""What a job brings along from another queue, or from this one as it was, besides its wishes."""
ADOPT = f"""
INSERT INTO jobs ({", ".join(KEPT)})
VALUES ({", ".join("?" for _ in KEPT)})
ON CONFLICT (id) WHERE id IS NOT NULL DO NOTHING
RETURNING number
"""


def edit(fields: Iterable[str]) -> str:
    """Return the statement that gives a waiting job new values in these fields."""
    names = sorted(fields)
    if not EDITABLE.issuperset(names):
        raise ValueError(names)
    changes = ", ".join(f"{name} = :{name}" for name in names)
    return f"UPDATE jobs SET {changes} WHERE number = :number AND {WAITING}"
