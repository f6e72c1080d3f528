"""`queuectl backup`, `restore` and `doctor`: the queue as a file that somebody looks after."""

from __future__ import annotations

import os

from queuectl_core import home as homes
from queuectl_core.cli.counting import counted
from queuectl_core.cli.output import clean
from queuectl_core.errors import QueuectlError, UsageError
from queuectl_core.services import backup as backups
from queuectl_core.services import doctor as doctors
from queuectl_core.services.checks import OK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from queuectl_core.cli.parse import Args
    from queuectl_core.cli.session import Command, Session
    from queuectl_core.services.checks import Finding


def backup(session: Session, args: Args) -> int:
    """Copy the queue to a file."""
    wish = backups.Wish(
        path=_file(args),
        db_path=session.db_path,
        replace=args.flag("--force"),
        verify=args.flag("--verify"),
    )
    backups.check(wish)
    made = backups.back_up(session.store, wish, clock=session.clock)
    duration = round(made.duration_ms / 1000, 3)
    if session.out.as_json:
        session.out.record(
            {
                "path": made.path,
                "jobs": made.jobs,
                "bytes": made.size_bytes,
                "seconds": duration,
                "verified": made.verified,
            }
        )
    elif not session.out.quiet:
        verified = ", verified" if made.verified else ""
        session.out.line(
            f"Backed up {counted(made.jobs)} to {clean(made.path)}"
            f" ({made.size_bytes:,} bytes, {duration:.1f} s{verified})"
        )
    return 0


def restore(session: Session, args: Args) -> int:
    """Put a backup in the place of the queue."""
    path, db_path = _file(args), session.db_path
    homes.prepare(session.home)
    done = backups.restore(db_path, path, clock=session.clock, force=args.flag("--force"))
    if session.out.as_json:
        session.out.record({"path": db_path, "from": path} | done._asdict())
        return 0
    if not session.out.quiet:
        session.out.line(f"Restored {counted(done.jobs)} from {clean(path)} to {clean(db_path)}")
    if done.set_aside is not None:
        held = "" if done.replaced_jobs is None else f", with {counted(done.replaced_jobs)}"
        session.out.note(f"queuectl: the old file is kept: {clean(done.set_aside)}{held}")
    return 0


def _file(args: Args) -> str:
    """Return the file as an absolute path, which messages show; `-` stays what it is."""
    path = args.text("<file>") or ""
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"the name of the file is not valid UTF-8: {path!r}") from error
    return path if path == "-" else os.path.abspath(os.path.expanduser(path))


def doctor(session: Session, args: Args) -> int:
    """Print what each check found; 0: healthy, 1: there is a problem."""
    examine = doctors.mend if args.flag("--fix") else doctors.look
    home, db_path = session.home, _db_path(session, args)
    findings = examine(home, db_path, os.environ, now_ms=session.clock.now_ms())
    width = max(len(found.check) for found in findings)
    for found in findings:
        if session.out.as_json:
            session.out.record(doctors.record(found))
        elif found.state != OK or not session.out.quiet:
            _print(session, found, width)
    return 0 if doctors.is_healthy(findings) else 1


def _db_path(session: Session, args: Args) -> str:
    """Return the queue file; where the settings can't be read, the one that --db or the home has.

    The doctor tells of the settings himself.
    """
    try:
        return session.db_path
    except QueuectlError:
        chosen = args.text("--db") or os.path.join(session.home.path, homes.QUEUE_FILE)
        return chosen if "://" in chosen else os.path.abspath(os.path.expanduser(chosen))


def _print(session: Session, found: Finding, width: int) -> None:
    state = session.out.paint(f"{found.state:<7}", found.state)
    hint = f" ({found.hint})" if found.hint else ""
    session.out.line(f"{state}  {found.check:<{width}}  {clean(found.message + hint)}")


COMMANDS: Mapping[str, Command] = {"backup": backup, "restore": restore, "doctor": doctor}
