"""A job as a script for sh, to run it by hand where its worker would have run it."""

from __future__ import annotations

from base64 import b64encode
from shlex import join, quote

from queuectl_core.services.jobs import moment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl_core.job import Job
    from queuectl_core.options import JobOptions

SHELL = ("/bin/sh", "-c")
HIDDEN = "********"
_SECRET = ("TOKEN", "SECRET", "PASSWORD", "PASSWD", "KEY", "CREDENTIAL")


def script(job: Job) -> str:
    """Return a script that runs the job once: its directory, its variables, its exact words.

    Nothing is redacted in it. What it can't bring back is the worker's own environment; the first
    lines say so. The variables go through env(1), which takes any name.
    """
    words: Sequence[str] = job.argv or (*SHELL, job.command or "")
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
    data = None
    if job.options is not None:
        data = job.options.stdin()
        lines += ["# Without its check (verify)."] if job.options.verify else []
    if job.cwd is not None:
        lines.append(f"cd {quote(job.cwd)} || exit")
    # env(1) would take a program of that name for one more variable
    program = words if "=" not in words[0] else (*SHELL, 'exec "$@"', "sh", *words)
    program = program if job.options is None else _adapted(program, job.options)
    source, target = ("exec ", " </dev/null") if data is None else (f"{_writes(data)} | ", "")
    lines.append(" \\\n    ".join([f"{source}env", *settings, f"{join(program)}{target}"]))
    return "\n".join(lines) + "\n"


def _adapted(words: Sequence[str], options: JobOptions) -> Sequence[str]:
    """Return the words with what the options change about their start."""
    return words if options.nice is None else ("nice", "-n", str(options.nice), *words)


def _writes(data: bytes) -> str:
    """Return a command that writes these bytes; a word of a shell holds no NUL."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" not in text:
        return f"printf %s {quote(text)}"
    return f"printf %s {b64encode(data).decode()} | base64 -d"


def redacted(name: str, value: str) -> str:
    """Return the value of a variable, hidden where its name speaks of a secret."""
    return HIDDEN if any(word in name.upper() for word in _SECRET) else value
