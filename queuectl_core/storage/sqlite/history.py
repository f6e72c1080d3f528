"""Rows of runs and of workers to records.

Apart from rows.py, since a cold `enqueue` has neither.
"""

from __future__ import annotations

from queuectl_core.run import ENDINGS, Attempt
from queuectl_core.storage.records import WorkerRow
from queuectl_core.storage.sqlite import rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queuectl_core.storage.sqlite.rows import Row

_ENDING = Attempt._fields.index("ending")
_QUEUES, _STOPPING = map(WorkerRow._fields.index, ("queues", "stopping"))


def attempt(row: Row) -> Attempt:
    """Return the attempt that a row holds."""
    fields: list[object] = list(row)
    fields[_ENDING] = ENDINGS[row[_ENDING]]
    return Attempt._make(fields)


def worker(row: Row) -> list[object]:
    """Return the fields of a WorkerRow that a row of WORKERS holds."""
    fields: list[object] = list(row)
    fields[_STOPPING] = bool(fields[_STOPPING])
    if row[_QUEUES] is not None:
        fields[_QUEUES] = tuple(rows.decoded(row[_QUEUES]))
    return fields
