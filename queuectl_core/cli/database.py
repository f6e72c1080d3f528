"""`queuectl db upgrade`, `check` and `vacuum`: the queue file itself."""

from __future__ import annotations

import os

from queuectl_core.cli.output import clean
from queuectl_core.errors import NoInput
from queuectl_core.services import database
from queuectl_core.services import doctor as doctors
from queuectl_core.services.checks import size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from queuectl_core.cli.parse import Args
    from queuectl_core.cli.session import Command, Session


def upgrade(session: Session, _args: Args) -> int:
    """Run the migrations that are missing."""
    path = _existing(session)
    before, after = database.schema(path)
    session.store.counts()
    kept = f"{path}.before-{after:04d}" if before < after else None
    if session.out.as_json:
        session.out.record({"path": path, "from": before, "to": after, "kept": kept})
    elif not session.out.quiet:
        done = f"upgraded from schema {before} to" if kept else "is up to date: schema"
        session.out.line(f"{clean(path)} {done} {after}")
        if kept:
            session.out.note(f"queuectl: the old file is kept: {clean(kept)}")
    return 0


def check(session: Session, _args: Args) -> int:
    """Print what each check of the file found."""
    _existing(session)
    findings = database.check(session.db_path, now_ms=session.clock.now_ms())
    width = max(len(found.check) for found in findings)
    for found in findings:
        if session.out.as_json:
            session.out.record(doctors.record(found))
            continue
        state = session.out.paint(f"{found.state:<7}", found.state)
        hint = f" ({found.hint})" if found.hint else ""
        session.out.line(f"{state}  {found.check:<{width}}  {clean(found.message + hint)}")
    return 0 if doctors.is_healthy(findings) else 1


def vacuum(session: Session, _args: Args) -> int:
    """Write the file anew."""
    path = _existing(session)
    before_bytes, after_bytes = session.store.compact()
    if session.out.as_json:
        session.out.record({"path": path, "bytes_before": before_bytes, "bytes": after_bytes})
    elif not session.out.quiet:
        session.out.line(f"{clean(path)}: {size(before_bytes)} before, {size(after_bytes)} now")
    return 0


def _existing(session: Session) -> str:
    """Return the queue file; NoInput where there is none yet: these verbs make none."""
    path = session.db_path
    if not os.path.lexists(path):
        raise NoInput(f"there is no queue in {path}", hint="queuectl doctor tells more")
    return path


COMMANDS: Mapping[str, Command] = {
    "db upgrade": upgrade,
    "db check": check,
    "db vacuum": vacuum,
}
