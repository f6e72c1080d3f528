"""The verbs that look closer: show, why, and show for dead letters."""

from __future__ import annotations

from queuectl_core.cli import output
from queuectl_core.cli.output import clean
from queuectl_core.cli.table import Table
from queuectl_core.cli.text import exactly, when
from queuectl_core.durations import format_duration
from queuectl_core.errors import UsageError
from queuectl_core.job import MAX_WORD_BYTES
from queuectl_core.services import jobs, waiting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from queuectl_core.cli.parse import Args
    from queuectl_core.cli.session import Command, Session
    from queuectl_core.job import Job
    from queuectl_core.run import Attempt

_ATTEMPT_COLUMNS = ("ATTEMPT", "ENDED", "EXIT", "DURATION", "CPU", "MAX RSS", "STARTED", "ERROR")
_SPARE = ("CPU", "MAX RSS", "STARTED", "DURATION")


def show(session: Session, args: Args) -> int:
    """Print all about jobs, with their attempts; or one as a script."""
    found = jobs.find_all(session.looking, args.words("<id>"))
    if args.flag("--shell"):
        return _script(session, found)
    return _show(session, args, found)


def show_dead(session: Session, args: Args) -> int:
    """Print dead letters with their attempts."""
    found = jobs.find_all(session.looking, args.words("<id>"))
    jobs.check_dead(found)
    return _show(session, args, found)


def _script(session: Session, found: Sequence[Job]) -> int:
    from queuectl_core.services.script import script  # noqa: PLC0415 - for --shell only

    if len(found) > 1:
        raise UsageError("--shell takes one job", hint=f"queuectl show --shell {found[0].name}")
    text = script(found[0])
    if session.out.as_json:
        session.out.record({"id": found[0].name, "script": text})
    else:
        output.write(output.clean_log(text) if session.out.tty else text)
    return 0


def _show(session: Session, args: Args, found: Sequence[Job]) -> int:
    for position, job in enumerate(found):
        attempts = session.looking.attempts(job.number)
        if session.out.as_json:
            history = [jobs.attempt_record(attempt) for attempt in attempts]
            session.out.record({**jobs.record(job), "history": history})
            continue
        if position:
            session.out.line()
        for line in details(session, job, attempts, env=args.flag("--env")):
            session.out.line(line)
    return 0


def details(
    session: Session, job: Job, attempts: Sequence[Attempt], *, env: bool = False
) -> list[str]:
    """Return all about a job as lines: its fields, its variables if wanted, its attempts."""
    lines = [_field(session, key, value) for key, value in _fields(session, job).items()]
    if env:
        lines += _variables(job)
    if attempts:
        table = Table(session.out, *_ATTEMPT_COLUMNS, spare=_SPARE)
        lines += ["", *table.lines([_attempt_row(session, attempt) for attempt in attempts])]
    return lines


def _fields(session: Session, job: Job) -> dict[str, object]:
    """Return a job's fields as a person reads them, without those that are empty."""
    fields = jobs.record(job)
    for key in ("run_at", "created_at", "started_at", "finished_at", "expires_at"):
        at_ms = getattr(job, f"{key}_ms")
        fields[key] = None if at_ms is None else exactly(session, at_ms)
    for key in ("duration", "timeout", "cpu"):
        span_ms = getattr(job, f"{key}_ms")
        fields[key] = None if span_ms is None else format_duration(span_ms)
    if job.argv is not None:
        fields["argv"] = None  # the command line shows it
    if job.cancel_requested:
        fields["state"] = f"{job.state} (its worker is told to stop it)"
    now_ms = session.clock.now_ms()
    until = waiting.reason_of(session.looking, job, now_ms)
    fields["waits"] = until or waiting.suspicion(session.looking, job)
    if job.env:
        fields["env"] = f"{', '.join(job.env)} (--env shows the values)"
    return {
        key: value for key, value in fields.items() if value is not None and value not in ({}, [])
    }


def _field(session: Session, key: str, value: object) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    if len(text) > MAX_WORD_BYTES:
        text = f"{text[:60]}... ({len(text):,} characters)"
    return f"{key + ':':<12} {session.out.paint(clean(text), text)}"


def _variables(job: Job) -> list[str]:
    """Return the job's variables, those hidden that are named like a secret."""
    from queuectl_core.services.script import redacted  # noqa: PLC0415 - for --env only

    return [
        f"  {clean(name)}={clean(redacted(name, value))}" for name, value in (job.env or {}).items()
    ]


def _attempt_row(session: Session, attempt: Attempt) -> list[str]:
    code = f"signal {attempt.signal}" if attempt.exit_code is None else str(attempt.exit_code)
    return [
        str(attempt.start),
        attempt.ending,
        "" if attempt.exit_code is None and attempt.signal is None else code,
        format_duration(attempt.duration_ms),
        "" if attempt.cpu_ms is None else format_duration(attempt.cpu_ms),
        "" if attempt.max_rss_bytes is None else f"{attempt.max_rss_bytes / 1_048_576:.1f}M",
        when(session, attempt.started_at_ms),
        attempt.error or "",
    ]


def why(session: Session, args: Args) -> int:
    """Print for each job in one line what it waits for, or how it ended."""
    from queuectl_core.services import reasons  # noqa: PLC0415 - show does not need it

    found = jobs.find_all(session.looking, args.words("<id>"))
    answers = reasons.why(session.looking, found, now_ms=session.clock.now_ms())
    for job, reason in zip(found, answers, strict=True):
        if session.out.as_json:
            session.out.record(reasons.record(job, reason))
            continue
        text = reason.text
        if reason.at_ms is not None:
            precision_ms = 1_000 if session.out.tty else 1
            text += f" {exactly(session, reason.at_ms // precision_ms * precision_ms)}"
        session.out.line(f"{job.name}: {clean(text)}")
        if reason.hint:
            output.flush()  # a hint stands below its answer, also where both go to one file
            session.out.note(f"hint: {clean(reason.hint)}")
    return 0


COMMANDS: Mapping[str, Command] = {"show": show, "why": why, "dlq show": show_dead}
