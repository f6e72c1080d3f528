"""Which jobs a verb is about: one record, shared by every verb that lists or changes many.

Pure: services/selections.py makes it of words, the engines answer it.
"""

from __future__ import annotations

from queuectl_core.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl_core.job import Job
    from queuectl_core.lifecycle import State

ORDERS = ("number", "run_at", "priority", "finished_at", "duration")
"""What a listing can be sorted by."""


class Selection(Record):
    """All jobs that fit every field; a field that is empty or None asks for nothing.

    `before_ms` bounds the moment a job ended, of one that has not ended the moment it was added;
    `since_ms` (this moment too) and `until_ms` (not any more) bound the moment it was added. `grep`
    is a part of the command, the text id or the error, in which the case of A-Z does not matter.
    """

    numbers: Sequence[int] | None = None
    states: Sequence[State] = ()
    queue: str | None = None
    tag: str | None = None
    before_ms: int | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    grep: str | None = None
    schedule: str | None = None


EVERY = Selection()


class Page(Record):
    """Some of the selected jobs. `below` leads to the next page; None: this was the last one.

    A page may be empty and not be the last one: a look at the queue is bounded, however rare what
    is sought, so that a listing streams and can be interrupted.
    """

    jobs: Sequence[Job]
    below: int | None
