"""Makes room for the open files of a worker's threads before they start, or says there is none.

A thread that can't open its files at a bad moment harms a job; the count is known before.
"""

from __future__ import annotations

import logging
import os
import resource

from queuectl_core.errors import BadConfig

FIXED_FILES = 19
"""What a pool holds besides what it inherits, with a few for looks into /proc."""
FILES_PER_THREAD = 9
"""Three of its connection, two of its stopper, four of the job that it runs."""
log = logging.getLogger(__name__)


def make_room(threads: int) -> None:
    """Raise the soft limit of open files to what `threads` need; a higher one is left alone.

    Jobs inherit it: there is no way to start a program with another limit than our own that does
    not cost each start an exec more. So no further than needed, since programs that use select(2)
    count on a low one. Raises BadConfig where the hard limit is too low.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    others = _open_files() + FIXED_FILES
    needed = others + threads * FILES_PER_THREAD
    if _allows(soft, needed):
        return
    if not _allows(hard, needed):
        raise _refusal(threads, needed, hard, fits=(hard - others) // FILES_PER_THREAD)
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    text = "limit of open files raised from %d to %d for %d threads, and for their jobs"
    log.info(text, soft, needed, threads)


def _open_files() -> int:
    return len(os.listdir("/proc/self/fd")) - 1  # the listing's own


def _allows(limit: int, needed: int) -> bool:
    return limit == resource.RLIM_INFINITY or needed <= limit


def _refusal(threads: int, needed: int, hard: int, *, fits: int) -> BadConfig:
    hint = f"raise the limit: ulimit -n {needed}"
    if fits > 0:
        hint += f"; or start fewer threads: --count {fits}"
    count = "1 thread needs" if threads == 1 else f"{threads} threads need"
    return BadConfig(f"{count} {needed} open files, the limit is {hard}", hint=hint)
