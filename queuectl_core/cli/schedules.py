"""The verbs that look at schedules: list, show, next, check."""

from __future__ import annotations

from queuectl_core.cli import output
from queuectl_core.cli.output import clean
from queuectl_core.cli.schedule_text import next_text
from queuectl_core.cli.table import Table
from queuectl_core.cli.text import exactly, relative, when
from queuectl_core.durations import duration_text, parse_moment_ms
from queuectl_core.errors import UsageError
from queuectl_core.services import previews, schedules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from queuectl_core.cli.parse import Args
    from queuectl_core.cli.session import Command, Session
    from queuectl_core.job import Job
    from queuectl_core.schedule import Schedule
    from queuectl_core.services.previews import Coming

MOST = 10_000
_COLUMNS = ("NAME", "WHEN", "ZONE", "STATE", "NEXT", "LAST", "COMMAND")
_SPARE = ("ZONE", "LAST")
_MOMENTS = ("created_at", "due_at", "ok_at", "late_at", "paused_at", "start_at", "end_at")
_SPANS = ("spread", "jitter", "expect")
_MARKS = {
    "completed": "+", "dead": "x", "cancelled": "/", "failed": "!", "processing": ">",
    "pending": ".",
}  # fmt: skip


def list_all(session: Session, _args: Args) -> int:
    """Print the schedules by name."""
    found, now_ms = schedules.chosen(session.looking, ()), session.clock.now_ms()
    if session.out.as_json:
        for one in found:
            session.out.record(schedules.record(one, now_ms))
    elif found:
        rows = [_row(session, one, now_ms) for one in found]
        Table(session.out, *_COLUMNS, spare=_SPARE).rows(rows)
    else:
        session.out.note("no schedules")
    if found:
        _warn_of_no_ticker(session)
    return 0


def _row(session: Session, one: Schedule, now_ms: int) -> list[str]:
    made = one.definition
    last = schedules.results(session.looking, one.name, limit=1)
    coming = "" if one.paused_at_ms is not None else _next(session, one)
    return [
        one.name,
        made.when,
        made.zone,
        schedules.state(one, now_ms),
        coming,
        f"{last[0].state} {when(session, last[0].scheduled_at_ms)}" if last else "",
        schedules.command_line(made),
    ]


def _next(session: Session, one: Schedule) -> str:
    if one.next_at_ms is None:
        return ""
    if session.out.tty:
        return relative(one.next_at_ms - session.clock.now_ms())
    return schedules.in_zone(one, one.next_at_ms) or ""


def _warn_of_no_ticker(session: Session) -> None:
    if not any(worker.alive and worker.takes_jobs for worker in session.looking.workers()):
        output.flush()  # it stands below the list, also where both go to one file
        session.out.note("queuectl: no worker runs, so no schedule makes jobs: worker start")


def show(session: Session, args: Args) -> int:
    """Print all about schedules, with their last results."""
    now_ms = session.clock.now_ms()
    for position, one in enumerate(schedules.chosen(session.looking, args.words("<schedule>"))):
        history = schedules.results(session.looking, one.name)
        if session.out.as_json:
            records = [schedules.result_record(job) for job in history]
            session.out.record({**schedules.record(one, now_ms), "history": records})
            continue
        if position:
            session.out.line()
        for name, value in _fields(session, one, history, now_ms).items():
            session.out.line(f"{name + ':':<13} {clean(str(value))}")
    return 0


def _fields(
    session: Session, one: Schedule, history: Sequence[Job], now_ms: int
) -> dict[str, object]:
    """Return the fields of a schedule as a person reads them, without those that are empty."""
    fields = schedules.record(one, now_ms)
    job = fields.pop("job")
    values = {**one.definition._asdict(), **one._asdict()}
    for name in _MOMENTS:
        at_ms = values[f"{name}_ms"]
        fields[name] = None if at_ms is None else exactly(session, at_ms)
    for name in _SPANS:
        fields[name] = duration_text(values[f"{name}_ms"]) if values[f"{name}_ms"] else None
    fields["next_at"] = None if one.next_at_ms is None else next_text(session, one)[10:]
    fields["late"] = "yes" if fields["late"] else None
    fields["command"] = schedules.command_line(one.definition)
    others = job.items() if isinstance(job, dict) else ()
    fields |= {name: value for name, value in others if name not in {"command", "argv", "queue"}}
    fields["last_jobs"] = _strip(history)
    return {name: value for name, value in fields.items() if value not in (None, "", {}, 0)}


def _strip(history: Sequence[Job]) -> str:
    """Return a sign for each result, the oldest first, and what the newest is."""
    if not history:
        return "none yet"
    signs = "".join(_MARKS[job.state] for job in reversed(history))
    return f"{signs}  (+ completed, x dead, last: job {history[0].name} {history[0].state})"


def tell_next(session: Session, args: Args) -> int:
    """Print when schedules come due, with what the clocks do to it."""
    count = args.whole("--count", 10, low=1, high=MOST)
    found = _coming(session, args, count)
    if session.out.as_json:
        for one in found:
            session.out.record(previews.record(one))
    elif found:
        now_ms = session.clock.now_ms()
        rows = [
            [
                previews.moment(one),
                relative(one.at_ms - now_ms) if session.out.tty else "",
                one.name,
                one.note or "",
            ]
            for one in found
        ]
        if not session.out.tty:
            rows = [[row[0], *row[2:]] for row in rows]
        heads = ("AT", "IN", "NAME", "NOTE") if session.out.tty else ("AT", "NAME", "NOTE")
        Table(session.out, *heads).rows(rows)
    else:
        session.out.note("nothing comes due")
    return 0


def _coming(session: Session, args: Args, count: int) -> Sequence[Coming]:
    names, text = args.words("<schedule>"), args.text("--when")
    defaults = session.defaults(cwd=None)
    after, now_ms = args.text("--after"), defaults.now_ms
    if after is None:
        after_ms = now_ms
    else:
        after_ms = parse_moment_ms(after, now_ms=now_ms, naive=defaults.naive) - 1
    if text is not None:
        if names:
            raise UsageError("--when and the name of a schedule do not go together")
        return previews.of_expression(text, args.text("--tz"), after_ms=after_ms, count=count)
    if args.text("--tz") is not None:
        raise UsageError("--tz goes with --when", hint="queuectl help schedule next")
    found = schedules.chosen(session.looking, names)
    return previews.coming(found, after_ms=after_ms, count=count)


def check(session: Session, args: Args) -> int:
    """Print what is not well with schedules; return 1 where anything is."""
    from queuectl_core.services import schedule_checks  # noqa: PLC0415 - for one verb

    found = schedules.chosen(session.looking, args.words("<schedule>"))
    findings = schedule_checks.findings(session.looking, found, now_ms=session.clock.now_ms())
    for one in findings:
        if session.out.as_json:
            session.out.record(schedule_checks.record(one))
        else:
            session.out.line(clean(f"{one.name}: {one.kind}: {one.text}"))
    if not findings and not session.out.as_json:
        session.out.note(f"{len(found)} schedules, all well" if found else "no schedules")
    return int(any(one.grave for one in findings))


COMMANDS: Mapping[str, Command] = {
    "schedule list": list_all,
    "schedule show": show,
    "schedule next": tell_next,
    "schedule check": check,
}
