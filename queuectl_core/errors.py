"""Every error that a user can see, with its exit code, HTTP status and what to do next.

Exit codes follow sysexits(3) and the LSB (docs/cli.md, "Exit codes"). `message` is what is said
when nothing better is known; not the docstring, which the frozen executable does not have.
"""

from __future__ import annotations


class QueuectlError(Exception):
    """Queuectl failed."""

    message = "queuectl failed"
    exit_code = 70
    http_status = 500
    hint = "this is a bug of ours; run it again with QUEUECTL_DEBUG=1 and report what it prints"

    def __init__(self, message: str = "", *, hint: str = "") -> None:
        super().__init__(message or self.message)
        if hint:
            self.hint = hint


class NoWorker(QueuectlError):
    """No worker runs."""

    message = "no worker runs"
    exit_code = 3
    http_status = 503
    hint = "start one: queuectl worker start"


class NotFound(QueuectlError):
    """There is no such thing."""

    message = "there is no such thing"
    exit_code = 4
    http_status = 404
    hint = "queuectl list shows the jobs, queuectl help the verbs"


class UsageError(QueuectlError):
    """The command line is wrong."""

    message = "the command line is wrong"
    exit_code = 64
    http_status = 400
    hint = "queuectl help"


class BadData(QueuectlError):
    """The data given is not valid."""

    message = "the data given is not valid"
    exit_code = 65
    http_status = 422
    hint = "queuectl help json shows how a job is written"


class NoInput(QueuectlError):
    """The input file can't be read."""

    message = "the input file can't be read"
    exit_code = 66
    http_status = 400
    hint = "check the name, and that you may read the file"


class Unavailable(QueuectlError):
    """What was asked for can't be had here."""

    message = "what was asked for can't be had here"
    exit_code = 69
    http_status = 503
    hint = "queuectl help lists what there is"


class JobExists(QueuectlError):
    """A job with this id exists already."""

    message = "a job with this id exists already"
    exit_code = 73
    http_status = 409
    hint = "with --on-conflict skip that is no error; replace puts the new job in its place"


class WrongState(QueuectlError):
    """The job's state does not allow this."""

    message = "the job's state does not allow this"
    exit_code = 1
    http_status = 409
    hint = "queuectl help states; queuectl list shows the state of each job"


class StorageError(QueuectlError):
    """The queue file could not be read or written."""

    message = "the queue file could not be read or written"
    exit_code = 74
    http_status = 500
    hint = "queuectl doctor examines the queue file and the disk"


class StorageFull(StorageError):
    """The disk is full."""

    message = "the disk is full"
    http_status = 507
    hint = "free some space on the disk that holds the queue, then try again"


class StorageDamaged(StorageError):
    """The queue file is damaged."""

    message = "the queue file is damaged"


class StorageBusy(QueuectlError):
    """The queue is busy."""

    message = "the queue is busy"
    exit_code = 75
    http_status = 503
    hint = "try again"


class MutexHeld(QueuectlError):
    """A mutex is held."""

    message = "the mutex is held by another job"
    exit_code = 75
    http_status = 409
    hint = "try again, or wait for it: --wait-mutex 10m"


class QueueFull(QueuectlError):
    """A queue is at one of its limits."""

    message = "the queue is full"
    exit_code = 75
    http_status = 429
    hint = "try again later; queuectl queue list shows the limits"


class QueueDrains(QueuectlError):
    """A queue takes no jobs while it is drained."""

    message = "the queue is being drained"
    exit_code = 75
    http_status = 503
    hint = "queuectl queue resume lets jobs in again"


class Exhausted(QueuectlError):
    """A limit of this system is used up."""

    message = "a limit of this system is used up"
    exit_code = 75
    http_status = 503
    hint = "try again when other programs have ended, or raise the limit: ulimit -a shows them"


class NewerVersion(QueuectlError):
    """The queue file belongs to a newer version of queuectl."""

    message = "the queue file belongs to a newer version of queuectl"
    exit_code = 76
    http_status = 500
    hint = "upgrade this queuectl; it changed nothing"


class NoPermission(QueuectlError):
    """Permission denied."""

    message = "permission denied"
    exit_code = 77
    http_status = 403
    hint = "check who owns it: ls -ld, and that this user may use it"


class BadConfig(QueuectlError):
    """The configuration is not valid."""

    message = "the configuration is not valid"
    exit_code = 78
    http_status = 500
    hint = "queuectl config get lists the settings"
