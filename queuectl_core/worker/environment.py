"""What jobs inherit: the worker's environment as its user had it, who they are, nothing else."""

from __future__ import annotations

import fcntl
import os
import signal

from queuectl_core.home import QUEUE_FILE
from queuectl_core.worker import frozen, notify
from queuectl_core.worker.processes import LASTING_VARIABLE, TOKEN_VARIABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from queuectl_core.home import Home
    from queuectl_core.run import Claim

_STDERR = 2
DETACHED_VARIABLE = "QUEUECTL_DETACHED"
"""Tells a worker that `worker start --detach` started it: nobody reads its stderr."""


def clean(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without what is for us: from the frozen executable's loader, systemd.

    With the leaked values a job's own programs load our bundled libraries, and a `queuectl`
    started by a job dies together with the worker's bundle directory.
    """
    ours = notify.VARIABLES | {DETACHED_VARIABLE, "_MEIPASS2", "LD_LIBRARY_PATH_ORIG"}
    kept = {
        name: value
        for name, value in environ.items()
        if not name.startswith("_PYI_") and name not in ours
    }
    if "LD_LIBRARY_PATH_ORIG" in environ:
        kept["LD_LIBRARY_PATH"] = environ["LD_LIBRARY_PATH_ORIG"]
    elif frozen.is_frozen():
        kept.pop("LD_LIBRARY_PATH", None)
    return kept


def of_worker(environ: Mapping[str, str], home: Home, db_path: str) -> dict[str, str]:
    """Return what all jobs of a worker inherit.

    A `queuectl` in a job reaches the queue that the job came from.
    """
    base = clean(environ) | {"QUEUECTL_HOME": home.path}
    if db_path != os.path.join(home.path, QUEUE_FILE):
        base["QUEUECTL_DB_PATH"] = db_path
    return base


def of_job(claim: Claim, slot: int, scheduled_at: str) -> dict[str, str]:
    """Return a start's own variables: those of the job, and ours, which win."""
    job = claim.job
    lasting = job.options is not None and job.options.allow_background
    return {
        **(job.env or {}),
        "QUEUECTL_JOB_ID": job.name,
        "QUEUECTL_ATTEMPT": str(job.starts),
        "QUEUECTL_QUEUE": job.queue,
        "QUEUECTL_SLOT": str(slot),
        "QUEUECTL_SCHEDULED_AT": scheduled_at,
        LASTING_VARIABLE if lasting else TOKEN_VARIABLE: str(claim.token),
    }


def isolate_jobs() -> None:
    """Let jobs inherit the environment only: no open files, no signals ignored or blocked.

    Once, before threads start. A handler of ours is reset by the exec, an ignored signal would
    stay ignored: so signals that our parent ignored, as nohup does, get a handler that does
    nothing.
    """
    for name in os.listdir("/proc/self/fd"):
        if int(name) > _STDERR:
            _close_on_exec(int(name))
    for signum in signal.valid_signals():
        if signal.getsignal(signum) is signal.SIG_IGN:
            signal.signal(signum, ignore)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def ignore(_signum: int, _frame: object) -> None:
    """Do nothing about a signal, here; jobs get its default."""


def _close_on_exec(fd: int) -> None:
    try:
        fcntl.fcntl(fd, fcntl.F_SETFD, fcntl.fcntl(fd, fcntl.F_GETFD) | fcntl.FD_CLOEXEC)
    except OSError:
        return  # the listing's own descriptor, closed by now
