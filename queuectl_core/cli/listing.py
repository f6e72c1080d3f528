"""The verbs that list: jobs, dead letters, and these by their errors; also live."""

from __future__ import annotations

from queuectl_core.cli import columns, selecting
from queuectl_core.cli.counting import counted
from queuectl_core.cli.table import Table
from queuectl_core.cli.text import pause_line, when
from queuectl_core.errors import UsageError
from queuectl_core.lifecycle import State
from queuectl_core.records import Record
from queuectl_core.selection import Selection
from queuectl_core.services import jobs, listing, queues, selections

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from queuectl_core.cli.parse import Args
    from queuectl_core.cli.session import Command, Session
    from queuectl_core.job import Job

SCREENFUL = 50
MAX_LIMIT = 1_000_000_000
USUAL_ORDER = "number"
WATCH_MS = 1_000


class Wish(Record):
    """What to list. `limit` 0: all; `none` is what is said of an empty list."""

    selection: Selection
    order: str
    descending: bool
    limit: int
    columns: Sequence[str]
    none: str


def list_jobs(session: Session, args: Args) -> int:
    """Print jobs, the newest first unless told otherwise; or show them live."""
    wish = _wish(session, args, "no jobs")
    if args.flag("--watch"):
        return _watch(session, args, wish)
    return _list(session, wish)


def list_dead(session: Session, args: Args) -> int:
    """Print the dead letters, the newest first unless told otherwise, or by their errors."""
    if args.flag("--by-error"):
        return _by_error(session, args)
    wish = _wish(session, args, "no dead letters")
    return _list(session, wish._replace(selection=wish.selection._replace(states=(State.DEAD,))))


def _wish(session: Session, args: Args, none: str) -> Wish:
    usual = SCREENFUL if session.out.tty and not session.out.as_json else 0
    key = args.text("--sort") or USUAL_ORDER
    return Wish(
        selecting.selection(session, args),
        selections.parse_order(key.removeprefix("-")),
        not key.startswith("-"),
        args.whole("--limit", usual, low=0, high=MAX_LIMIT),
        columns.parse(args.text("--columns")),
        none,
    )


def _pages(session: Session, wish: Wish) -> Iterator[Sequence[Job]]:
    limit = wish.limit or None
    if wish.order == USUAL_ORDER and wish.descending:
        return listing.pages(session.looking, wish.selection, limit=limit)
    return listing.sorted_pages(
        session.looking,
        wish.selection,
        order=wish.order,
        descending=wish.descending,
        limit=limit,
    )


def _list(session: Session, wish: Wish) -> int:
    shown = _print_pages(session, wish)
    if not shown:
        session.out.note(wish.none)
    elif shown == wish.limit and session.out.tty and not session.out.as_json:
        rest = _rest(session, wish, shown)
        if rest:
            session.out.line(rest)
    for one in queues.pauses_of(session.looking, wish.selection.queue):
        session.out.note(f"queuectl: paused: {pause_line(session, one)}")
    return 0


def _print_pages(session: Session, wish: Wish) -> int:
    """Print the jobs; return how many."""
    table = _table(session, wish)
    shown = 0
    for page in _pages(session, wish):
        shown += len(page)
        if session.out.as_json:
            for job in page:
                session.out.record(_record(job, wish))
        elif page:
            table.rows([columns.row(session, job, wish.columns) for job in page])
    return shown


def _table(session: Session, wish: Wish) -> Table:
    return Table(session.out, *columns.heads(wish.columns), spare=columns.SPARE)


def _record(job: Job, wish: Wish) -> dict[str, object]:
    fields = jobs.record(job)
    if wish.columns == columns.USUAL:
        return fields
    return {name: fields[name] for name in wish.columns}


def _rest(session: Session, wish: Wish, shown: int) -> str:
    """Say how many jobs there are besides those shown, where the counts know it."""
    states, queue = wish.selection.states, wish.selection.queue
    if wish.selection != Selection(states=states, queue=queue):
        return "... there may be more; --limit 0 shows all"
    total = sum(
        count.jobs
        for count in session.looking.counts()
        if (not states or count.state in states) and queue in {None, count.queue}
    )
    return f"... and {total - shown:,} more; --limit 0 shows all" if total > shown else ""


def _watch(session: Session, args: Args, wish: Wish) -> int:
    """Show the first of the jobs live, as many as the screen takes."""
    from queuectl_core.cli import screen  # noqa: PLC0415 - for --watch only

    screen.check(session.out, "list --watch", "queuectl list")
    with screen.Screen() as view:
        while True:
            # parsed anew: `--since 10m` moves with the time
            moving = wish._replace(selection=selecting.selection(session, args))
            view.show(_frame(session, moving, lines=view.size[1]))
            if screen.END_KEYS.intersection(view.keys(timeout_ms=WATCH_MS)):
                return 0


def _frame(session: Session, wish: Wish, *, lines: int) -> list[str]:
    room = max(1, lines - 2)  # the head, and the last line
    limit = min(wish.limit or room, room)
    found = [job for page in _pages(session, wish._replace(limit=limit)) for job in page]
    if not found:
        return [wish.none]
    rows = [columns.row(session, job, wish.columns) for job in found]
    rest = _rest(session, wish, len(found)).partition(";")[0] if len(found) == limit else ""
    return [*_table(session, wish).lines(rows), rest]


def _by_error(session: Session, args: Args) -> int:
    """Print how many dead jobs there are of each error."""
    from queuectl_core.services import burials  # noqa: PLC0415 - for --by-error only

    chosen = selecting.selection(session, args)
    if chosen != Selection(queue=chosen.queue):
        raise UsageError("--by-error counts all dead letters, or with --queue those of one queue")
    usual = SCREENFUL if session.out.tty and not session.out.as_json else 0
    limit = args.whole("--limit", usual, low=0, high=MAX_LIMIT)
    groups = burials.by_error(session.looking, queue=chosen.queue)
    shown = groups[: limit or None]
    if session.out.as_json:
        for fields in burials.records(session.looking, shown):
            session.out.record(fields)
        return 0
    if not groups:
        session.out.note("no dead letters")
        return 0
    table = Table(session.out, "JOBS", "LAST", "EXAMPLE", "ERROR", spare=("EXAMPLE", "LAST"))
    table.rows(
        [
            [
                str(group.jobs),
                when(session, group.last_at_ms),
                burials.example(session.looking, group),
                group.error,
            ]
            for group in shown
        ]
    )
    if len(groups) > len(shown):
        more = counted(len(groups) - len(shown), "more error")
        session.out.line(f"... and {more}; --limit 0 shows all")
    return 0


COMMANDS: Mapping[str, Command] = {"list": list_jobs, "dlq list": list_dead}
