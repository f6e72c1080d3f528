"""`queuectl schedule export` and `import`: records, one a line, and crontabs."""

from __future__ import annotations

import os
import sys
from pwd import getpwuid

from queuectl_core.cli import output, submit
from queuectl_core.cli.counting import counted
from queuectl_core.cli.output import clean
from queuectl_core.cli.schedule_text import next_text
from queuectl_core.errors import BadData, NoInput, UsageError
from queuectl_core.job import CONFLICTS
from queuectl_core.services import crontab, schedule_transfer, schedules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from queuectl_core.cli.parse import Args
    from queuectl_core.cli.session import Command, Session
    from queuectl_core.services.intake import Defaults
    from queuectl_core.services.schedule_transfer import Incoming

MAX_BYTES = 16 * 1_048_576
FOR_CRONTABS = ("--system", "--tz", "--overlap", "--catch-up")


def export(session: Session, args: Args) -> int:
    """Print schedules, a record a line."""
    now_ms = session.clock.now_ms()
    for one in schedules.chosen(session.looking, args.words("<schedule>")):
        session.out.record(schedules.record(one, now_ms))
    return 0


def import_all(session: Session, args: Args) -> int:
    """Add the schedules of a file, and say what is to be known about them."""
    path = args.text("<file>") or ""
    on_conflict = args.choice("--on-conflict", CONFLICTS, "error")
    defaults = session.defaults(cwd=submit.directory())
    incoming = _read(args, path, defaults)
    if args.flag("--dry-run"):
        for one in incoming:
            _tell_draft(session, one)
        return 0
    done = schedule_transfer.add(
        session.store, incoming, on_conflict=on_conflict, now_ms=defaults.now_ms
    )
    for one, added in zip(incoming, done, strict=True):
        _tell(session, one, added=added)
    output.flush()  # it stands below the list, also where both go to one file
    session.out.note(f"{counted(sum(done), 'schedule')} added")
    return 0


def _read(args: Args, path: str, defaults: Defaults) -> list[Incoming]:
    for option in FOR_CRONTABS:
        if args.has(option) and not args.flag("--crontab"):
            raise UsageError(f"{option} goes with --crontab", hint="queuectl help schedule import")
    text = _text(path)
    if not args.flag("--crontab"):
        return schedule_transfer.read(text, defaults)
    user = getpwuid(os.getuid())
    options = crontab.Options(
        system=args.flag("--system") or crontab.is_system(os.path.abspath(path)),
        user=user.pw_name,
        home=user.pw_dir,
        zone=args.text("--tz"),
        overlap=args.text("--overlap") or "skip",
        catch_up=args.text("--catch-up") or "none",
    )
    return schedule_transfer.read_crontab(text, options, defaults)


def _text(path: str) -> str:
    try:
        if path == "-":
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with open(path, "rb") as file:
                data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise NoInput(
            f"{path} can't be read: {error.strerror}", hint="give a file, or - for stdin"
        ) from error
    if len(data) > MAX_BYTES:
        raise BadData(f"{path} has more than {MAX_BYTES:,} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadData(f"line {line} is not valid UTF-8", hint="re-encode it: iconv") from error


def _tell_draft(session: Session, one: Incoming) -> None:
    made = one.definition
    if session.out.as_json:
        job = schedules.job_fields(made)
        fields = {"name": made.name, "when": made.when, "tz": made.zone, "job": job}
        session.out.record({**fields, "line": one.line, "findings": list(one.findings)})
        return
    text = f"Would add schedule {made.name}: {made.when} ({made.zone}) "
    session.out.line(clean(text + schedules.command_line(made)))
    _tell_findings(session, one)


def _tell(session: Session, one: Incoming, *, added: bool) -> None:
    if session.out.as_json:
        found = schedules.named(session.store, one.definition.name)
        fields = schedules.record(found, session.clock.now_ms())
        session.out.record({**fields, "added": added, "findings": list(one.findings)})
        return
    if session.out.quiet:
        return
    if not added:
        session.out.line(f"Schedule {one.definition.name} exists already; left as it is")
        return
    found = schedules.named(session.store, one.definition.name)
    session.out.line(clean(f"Added schedule {found.name}{next_text(session, found)}"))
    _tell_findings(session, one)


def _tell_findings(session: Session, one: Incoming) -> None:
    for finding in one.findings:
        session.out.line(clean(f"  line {one.line}: {finding}"))


COMMANDS: Mapping[str, Command] = {"schedule export": export, "schedule import": import_all}
