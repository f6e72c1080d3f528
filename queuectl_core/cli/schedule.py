"""The verbs that change schedules: add, edit, run, pause, resume, rm."""

from __future__ import annotations

from queuectl_core.cli import enqueue, submit
from queuectl_core.cli.caller import caller
from queuectl_core.cli.output import clean
from queuectl_core.cli.schedule_text import next_text
from queuectl_core.errors import UsageError
from queuectl_core.services import schedules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from queuectl_core.cli.parse import Args
    from queuectl_core.cli.session import Command, Session

RULES = {
    "tz": "--tz", "overlap": "--overlap", "catch_up": "--catch-up", "spread": "--spread",
    "jitter": "--jitter", "start_at": "--start", "end_at": "--end", "expect": "--expect",
}  # fmt: skip
COMMAND = frozenset({"command", "argv"})


def add(session: Session, args: Args) -> int:
    """Add a schedule and say when it comes due."""
    fields = {
        "name": args.text("<name>"),
        "when": args.text("<when>"),
        **_rules(args),
        "job": {**_command(args, args.words("<word>")), **_job_options(args)},
    }
    return _put(session, fields, "Added", replace=args.flag("--replace"))


def edit(session: Session, args: Args) -> int:
    """Change what is given of a schedule."""
    name, words = args.text("<name>") or "", args.words("<word>")
    now_ms = session.clock.now_ms()
    fields = schedules.record(schedules.named(session.store, name), now_ms)
    job = fields["job"]
    kept = dict(job) if isinstance(job, dict) else {}
    command = _command(args, words) if words else {}
    if command:
        kept = {key: value for key, value in kept.items() if key not in COMMAND}
    when = args.text("--when")
    changes = {**_rules(args), **({} if when is None else {"when": when, "anchor_at": None})}
    fields |= {**changes, "job": {**kept, **command, **_job_options(args)}}
    return _put(session, fields, "Changed", replace=True)


def _rules(args: Args) -> dict[str, object]:
    given = {field: args.text(option) for field, option in RULES.items()}
    return {field: text for field, text in given.items() if text is not None}


def _job_options(args: Args) -> dict[str, object]:
    """Return the fields of a job; --jitter is the schedule's own, not that of its retries."""
    own = args.with_value_of("--jitter", "--retry-jitter")
    return enqueue.options(own.among_those_of("enqueue"))


def _command(args: Args, words: list[str]) -> Mapping[str, object]:
    found = enqueue.objects(args, words)
    if len(found) > 1:
        raise UsageError("a schedule makes one job at a time", hint="give one JSON object")
    return found[0]


def _put(session: Session, fields: Mapping[str, object], done: str, *, replace: bool) -> int:
    defaults = session.defaults(cwd=submit.directory())
    made = schedules.definition(fields, defaults)
    one = schedules.put(session.store, made, now_ms=defaults.now_ms, replace=replace)
    if session.out.as_json:
        session.out.record(schedules.record(one, defaults.now_ms))
    elif not session.out.quiet:
        session.out.line(clean(f"{done} schedule {one.name}{next_text(session, one)}"))
    return 0


def run(session: Session, args: Args) -> int:
    """Make a job now."""
    name, now_ms = args.text("<schedule>") or "", session.clock.now_ms()
    retries = session.settings.max_retries
    added = schedules.run(session.store, name, max_retries=retries, now_ms=now_ms)
    submit.announce(session, added, now_ms)
    return 0


def pause(session: Session, args: Args) -> int:
    """Let schedules make no jobs."""
    now_ms, reason = session.clock.now_ms(), args.text("--reason")
    for name in args.words("<schedule>"):
        new = schedules.pause(session.store, name, by=caller(), reason=reason, now_ms=now_ms)
        again = "" if new else " (it was already; the reason is noted anew)"
        _tell(session, name, f"Paused schedule {name}{again}")
    return 0


def resume(session: Session, args: Args) -> int:
    """Let schedules make jobs again."""
    now_ms = session.clock.now_ms()
    for name in args.words("<schedule>"):
        if schedules.resume(session.store, name, now_ms=now_ms):
            one = schedules.named(session.store, name)
            _tell(session, name, f"Resumed schedule {name}{next_text(session, one)}")
        else:
            _tell(session, name, f"Schedule {name} was not paused")
    return 0


def remove(session: Session, args: Args) -> int:
    """Forget schedules, all or none."""
    names = args.words("<schedule>")
    schedules.chosen(session.store, names)
    for name in names:
        schedules.remove(session.store, name)
        if session.out.as_json:
            session.out.record({"name": name, "removed": True})
        elif not session.out.quiet:
            session.out.line(clean(f"Removed schedule {name}; its jobs stay"))
    return 0


def _tell(session: Session, name: str, text: str) -> None:
    if session.out.as_json:
        one = schedules.named(session.store, name)
        session.out.record(schedules.record(one, session.clock.now_ms()))
    elif not session.out.quiet:
        session.out.line(clean(text))


COMMANDS: Mapping[str, Command] = {
    "schedule add": add,
    "schedule edit": edit,
    "schedule run": run,
    "schedule pause": pause,
    "schedule resume": resume,
    "schedule rm": remove,
}
