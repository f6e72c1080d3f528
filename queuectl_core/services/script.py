"""A job as a script for sh, to run it by hand where its worker would have run it."""

from __future__ import annotations

from shlex import join, quote

from queuectl_core.services.jobs import moment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queuectl_core.job import Job

SHELL = ("/bin/sh", "-c")
HIDDEN = "********"
_SECRET = ("TOKEN", "SECRET", "PASSWORD", "PASSWD", "KEY", "CREDENTIAL")


def script(job: Job) -> str:
    """Return a script that runs the job once: its directory, its variables, its exact words.

    Nothing is redacted in it. What it can't bring back is the worker's own environment; the first
    lines say so. The variables go through env(1), which takes any name.
    """
    words = job.argv or (*SHELL, job.command or "")
    variables = {
        **(job.env or {}),
        "QUEUECTL_JOB_ID": job.name,
        "QUEUECTL_ATTEMPT": str(max(job.starts, 1)),
        "QUEUECTL_QUEUE": job.queue,
        "QUEUECTL_SCHEDULED_AT": moment(job.run_at_ms),
    }
    settings = [quote(f"{name}={value}") for name, value in variables.items()]
    lines = [
        "#!/bin/sh",
        f"# Job {job.name} of queuectl (number {job.number}), by hand.",
        "# All else of the environment was its worker's; this script takes yours.",
    ]
    if job.cwd is not None:
        lines.append(f"cd {quote(job.cwd)} || exit")
    # env(1) would take a program of that name for one more variable
    program = words if "=" not in words[0] else (*SHELL, 'exec "$@"', "sh", *words)
    lines.append(" \\\n    ".join(["exec env", *settings, f"{join(program)} </dev/null"]))
    return "\n".join(lines) + "\n"


def redacted(name: str, value: str) -> str:
    """Return the value of a variable, hidden where its name speaks of a secret."""
    return HIDDEN if any(word in name.upper() for word in _SECRET) else value
