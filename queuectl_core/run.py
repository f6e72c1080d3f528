"""What a run of a job is: the right to start it, how it ended, what history keeps of it.

Apart from job.py, since a cold `enqueue` has no run to speak of and each record costs it 0.1 ms.
"""

from __future__ import annotations

from queuectl_core.lifecycle import words
from queuectl_core.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar

    from queuectl_core.job import Job


class Ending(str):
    """How a run of a job came to its end."""

    __slots__ = ()
    EXIT: ClassVar[Ending]
    SIGNAL: ClassVar[Ending]
    TIMEOUT: ClassVar[Ending]
    CANCELLED: ClassVar[Ending]
    RELEASED: ClassVar[Ending]
    INTERRUPTED: ClassVar[Ending]
    VERIFY: ClassVar[Ending]


ENDINGS = words(
    Ending, "exit", "signal", "timeout", "cancelled", "released", "interrupted", "verify"
)


class Claim(Record):
    """The right of one worker thread to run `job` once.

    Only the holder of `token` may record its end.
    """

    job: Job
    token: int


class Outcome(Record):
    """What came of one run. `exit_code` is None unless it exited, `signal` unless one ended it."""

    ending: Ending
    exit_code: int | None = None
    signal: int | None = None
    error: str | None = None  # the last line of stderr, or why it could not start
    duration_ms: int = 0
    cpu_ms: int | None = None
    max_rss_bytes: int | None = None
    output_bytes: int = 0


class Attempt(Record):
    """One finished start of a job, as history keeps it."""

    job: int
    start: int
    worker: int | None
    started_at_ms: int
    finished_at_ms: int
    ending: Ending
    exit_code: int | None
    signal: int | None
    error: str | None
    duration_ms: int
    cpu_ms: int | None
    max_rss_bytes: int | None
    output_bytes: int
