"""`queuectl export` and `import`: jobs with their states as lines of JSON."""

from __future__ import annotations

from queuectl_core.cli import bulk, output, selecting
from queuectl_core.cli.counting import counted
from queuectl_core.job import CONFLICTS
from queuectl_core.services import transfer
from queuectl_core.services.bulk import Plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from queuectl_core.cli.parse import Args
    from queuectl_core.cli.session import Command, Session


def export(session: Session, args: Args) -> int:
    """Print the record of each selected job, the oldest first."""
    selection, done = selecting.selection(session, args), 0
    for page in transfer.export(session.store, selection, history=args.flag("--history")):
        for record in page:
            session.out.record(record)
        done += len(page)
        if not session.out.tty:
            output.progress(f"{counted(done)} exported")
    output.progress("")
    if not session.out.tty:
        session.out.note(f"{counted(done)} exported")
    return 0


def adopt(session: Session, args: Args) -> int:
    """Add the jobs of an export; tell of bad lines by number."""
    path = args.text("<file>")
    on_conflict = args.choice("--on-conflict", CONFLICTS, "error")
    plan = Plan(session.clock, {}, session.defaults(cwd=None), on_conflict)
    with bulk.reading(path) as file:
        if args.flag("--dry-run"):
            batches, word = transfer.check(file, plan), "Would import"
        else:
            batches, word = transfer.adopt(session.store, file, plan), "Imported"
        return bulk.report(session, batches, plan, word=word)


COMMANDS: Mapping[str, Command] = {"export": export, "import": adopt}
