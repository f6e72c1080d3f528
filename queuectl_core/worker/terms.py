"""What a job's own options change about its runs; most jobs have none and never come here."""

from __future__ import annotations

import os

from queuectl_core import retry
from queuectl_core.option_checks import matches, parse_jitter
from queuectl_core.run import Ending, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from queuectl_core.clock import Clock
    from queuectl_core.joblog import JobLogWriter
    from queuectl_core.options import JobOptions
    from queuectl_core.retry import RetryPolicy
    from queuectl_core.worker.executor import Command

    Execute = Callable[[Command], Outcome]

SHELL = "/bin/sh"
_NICE = ("/usr/bin/nice", "/bin/nice")


def policy(usual: RetryPolicy, options: JobOptions) -> RetryPolicy:
    """Return how long the job waits between its attempts."""
    if options.jitter is None:
        return usual
    share, span_ms = parse_jitter(options.jitter)
    return usual._replace(jitter=share, jitter_ms=span_ms)


def run(
    options: JobOptions, command: Command, execute: Execute, output: JobLogWriter, clock: Clock
) -> Outcome:
    """Run a command as its job wants it, and its check where it ended well."""
    started_ms = clock.monotonic_ms()
    outcome = _run(options, _adapted(options, command), execute)
    if options.verify is None or not _ended_well(options, outcome):
        return outcome
    output.forget_errors()
    check = command._replace(argv=(SHELL, "-c", options.verify), stdin=None)
    if command.timeout_ms:
        left_ms = command.timeout_ms - (clock.monotonic_ms() - started_ms)
        check = check._replace(timeout_ms=max(1, left_ms))
    return _checked(outcome, execute(_adapted(options, check)), command.timeout_ms)


def _adapted(options: JobOptions, command: Command) -> Command:
    """Return the command with what the options change about every start."""
    if options.nice is not None:
        # Not setpriority(2) on the child: it would already run, and what it started by then would
        # keep the priority that it had.
        nice = next(filter(os.path.exists, _NICE), "nice")
        command = command._replace(argv=(nice, "-n", str(options.nice), *command.argv))
    if options.kill_after_ms is not None:
        command = command._replace(grace_ms=options.kill_after_ms)
    return command._replace(lasting=bool(options.allow_background))


def _run(options: JobOptions, command: Command, execute: Execute) -> Outcome:
    """Run the command with what it is to read on its stdin."""
    data = options.stdin()
    if data is None:
        return execute(command)
    try:
        stdin = _file_of(data)
    except OSError as error:
        return Outcome(Ending.EXIT, exit_code=126, error=f"can't start: {error.strerror}")
    try:
        return execute(command._replace(stdin=stdin))
    finally:
        os.close(stdin)


def _file_of(data: bytes) -> int:
    """Return a file without a name that holds the data; a pipe would need somebody to fill it."""
    fd = os.memfd_create("queuectl-input", os.MFD_CLOEXEC)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
        os.lseek(fd, 0, os.SEEK_SET)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _ended_well(options: JobOptions, outcome: Outcome) -> bool:
    return retry.ended_well(outcome) or (
        options.ok_codes is not None and matches(options.ok_codes, outcome)
    )


def _checked(outcome: Outcome, check: Outcome, timeout_ms: int) -> Outcome:
    """Return what came of both: the run's own end, or the failure of its check."""
    both = outcome._replace(
        duration_ms=outcome.duration_ms + check.duration_ms,
        cpu_ms=(outcome.cpu_ms or 0) + (check.cpu_ms or 0),
        max_rss_bytes=max(outcome.max_rss_bytes or 0, check.max_rss_bytes or 0) or None,
        output_bytes=max(outcome.output_bytes, check.output_bytes),
    )
    if retry.ended_well(check):
        return both
    why = check.error
    ending = check.ending
    if ending is Ending.TIMEOUT:
        why = f"timed out after {timeout_ms / 1000:g} s in all"
    elif ending in {Ending.EXIT, Ending.SIGNAL}:
        ending = Ending.VERIFY
    return both._replace(
        ending=ending,
        exit_code=check.exit_code,
        signal=check.signal,
        error=why and f"verify failed: {why}",
    )
