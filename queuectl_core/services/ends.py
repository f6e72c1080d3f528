"""What a job's end is to whoever waits for it as for a program: an exit code, and a word.

By the table in docs/cli.md, which is that of timeout(1), env(1) and shells.
"""

from __future__ import annotations

from queuectl_core.lifecycle import FINAL, State
from queuectl_core.run import Ending

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queuectl_core.job import Job

TIMED_OUT = 124
UNKNOWN = 125
"""Nobody saw the job end, or it has not ended."""
NOT_EXECUTABLE, NOT_FOUND = 126, 127
SIGNALLED = 128
NOT_RUN = 1


def exit_code(job: Job | None) -> int:
    """Return the exit code for a job that has ended; None: it was pruned meanwhile.

    0 when it is completed, also where it exited with another code that is ok for it.
    """
    if job is None or job.state not in FINAL or job.reason == Ending.INTERRUPTED:
        return UNKNOWN
    if job.state is State.COMPLETED:
        return 0
    if job.reason == Ending.TIMEOUT:
        return TIMED_OUT
    if job.signal is not None:
        return SIGNALLED + job.signal
    return job.exit_code or (NOT_RUN if job.state is State.CANCELLED else UNKNOWN)


def remark(job: Job) -> str | None:
    """Return why a job did not end well, where its own output hardly says so."""
    said_by_itself = job.reason == Ending.EXIT and job.exit_code not in {NOT_EXECUTABLE, NOT_FOUND}
    if job.state not in FINAL:
        return f"job {job.name} is {job.state}; a worker has to go on with it"
    if job.state is State.COMPLETED or said_by_itself:
        return None
    return f"job {job.name} is {job.state}: {job.error or job.reason}"
