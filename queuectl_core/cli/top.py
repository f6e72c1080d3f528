"""`queuectl top`: look, show, wait for a key or the next look."""

from __future__ import annotations

from queuectl_core.cli import looking, screen, topview, widths
from queuectl_core.cli.topview import HELP, Line, Parts, View
from queuectl_core.errors import UsageError
from queuectl_core.services.overview import Watcher

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from queuectl_core.cli.parse import Args
    from queuectl_core.cli.session import Command, Session
    from queuectl_core.services.overview import Overview

SHORTEST_MS, USUAL_MS, LONGEST_MS = 100, 1_000, 3_600_000


def run(session: Session, args: Args) -> int:
    """Show the queue live until the user has seen enough."""
    interval_ms = _interval_ms(args)
    screen.check(session.out, "top", "queuectl status; queuectl list --state processing")
    watcher = Watcher(session.clock)
    view, found = View(), watcher.look(session.looking)
    next_ms = session.clock.monotonic_ms() + interval_ms
    with screen.Screen() as display:
        while not view.ended:
            view, parts = _laid_out(session, view, found, display.size)
            display.show(topview.frame(session.out, view, display.size, parts))
            for key in display.keys(max(0, next_ms - session.clock.monotonic_ms())):
                view = topview.pressed(view, key, parts.body)
            if session.clock.monotonic_ms() >= next_ms:
                next_ms = session.clock.monotonic_ms() + interval_ms
                found = found if view.paused else watcher.look(session.looking)
    return 0


def _interval_ms(args: Args) -> int:
    span_ms = args.span_ms("--interval")
    interval_ms = USUAL_MS if span_ms is None else span_ms
    if not SHORTEST_MS <= interval_ms <= LONGEST_MS:
        raise UsageError(f"--interval must be from 100ms to 1h, not {args.text('--interval')}")
    return interval_ms


def _laid_out(
    session: Session, view: View, found: Overview, size: tuple[int, int]
) -> tuple[View, Parts]:
    """Return the page that is open, and the view with its cursor on it."""
    parts = topview.parts(session.out, view, found, size)
    if view.page:
        return view, parts._replace(body=_page(session, view, size))
    return topview.scrolled(view, len(parts.body), max(1, size[1] - len(parts.head) - 1)), parts


def _page(session: Session, view: View, size: tuple[int, int]) -> list[Line]:
    """Return the lines of the help, or of the job that the user opened."""
    if view.page == "help":
        return [Line(widths.cut(text, size[0])) for text in HELP]
    job = session.looking.job_by_number(int(view.page))
    if job is None:
        return [Line("the job is gone")]
    lines = looking.details(session, job, session.looking.attempts(job.number))
    return [Line(widths.cut(topview.unstyled(text), size[0])) for text in lines]


COMMANDS: Mapping[str, Command] = {"top": run}
