"""What `queuectl top` shows and how keys change it. Pure: no terminal, no queue, no clock."""

from __future__ import annotations

from queuectl_core.cli import widths
from queuectl_core.cli.counting import counted
from queuectl_core.cli.output import clean
from queuectl_core.cli.table import Table
from queuectl_core.cli.text import brief
from queuectl_core.durations import format_local
from queuectl_core.lifecycle import State
from queuectl_core.records import Record
from queuectl_core.services.jobs import command_line
from queuectl_core.services.workers import takers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from queuectl_core.cli.output import Output
    from queuectl_core.job import Job
    from queuectl_core.services.overview import Overview, QueueRow
    from queuectl_core.services.workers import Health

SORTS: Mapping[str, Callable[[Job], tuple[object, ...]]] = {
    "elapsed": lambda job: (job.started_at_ms or 0, job.number),
    "id": lambda job: (job.name,),
    "queue": lambda job: (job.queue, job.number),
    "worker": lambda job: (job.worker or 0, job.number),
}
HELP = (
    "q  Ctrl+C    end",
    "up down j k  move; page up, page down, g, G too",
    "Enter        show the job, and back",
    "s            sort the running jobs: elapsed, id, queue, worker",
    "/            show only what has a text in its id, queue or command",
    "Esc          show all again, and close this",
    "p  space     pause, and go on",
    "?  h         this",
)
_STEPS = {
    "up": -1, "k": -1, "down": 1, "j": 1, "page up": -10, "page down": 10,
    "home": -10**6, "g": -10**6, "end": 10**6, "G": 10**6,
}  # fmt: skip
_REVERSED, _BOLD, _DIM = "7", "1", "2"


class View(Record):
    """What the user has chosen. `cursor` and `top` count lines of the body.

    `top` is the first one seen. `typing` while a filter is typed. `page` is empty, "help", or the
    number of the job that is shown, and `page_top` its first line seen.
    """

    sort: str = "elapsed"
    filter: str = ""
    typing: bool = False
    paused: bool = False
    cursor: int = 0
    top: int = 0
    page: str = ""
    page_top: int = 0
    ended: bool = False


class Line(Record):
    """One line of the body. `job` is the number of the job that it is about, else None."""

    text: str
    job: int | None = None


def pressed(view: View, key: str, body: Sequence[Line]) -> View:
    """Return the view after a key."""
    if key == "\x03":
        return view._replace(ended=True)
    if view.typing:
        return _typed(view, key)
    last = max(0, len(body) - 1)
    if view.page and key in _STEPS:
        return view._replace(page_top=min(max(0, view.page_top + _STEPS[key]), last))
    if view.page:
        return view._replace(page="", page_top=0)
    if key in _STEPS:
        return view._replace(cursor=min(max(0, view.cursor + _STEPS[key]), last))
    return _commanded(view, key, body)


def _commanded(view: View, key: str, body: Sequence[Line]) -> View:
    if key == "enter":
        job = body[view.cursor].job if view.cursor < len(body) else None
        return view if job is None else view._replace(page=str(job))
    change = _COMMANDS.get(key)
    return view if change is None else change(view)


def _next_sort(view: View) -> View:
    names = list(SORTS)
    return view._replace(sort=names[(names.index(view.sort) + 1) % len(names)])


_COMMANDS: Mapping[str, Callable[[View], View]] = {
    "q": lambda view: view._replace(ended=True),
    "\x04": lambda view: view._replace(ended=True),
    "p": lambda view: view._replace(paused=not view.paused),
    " ": lambda view: view._replace(paused=not view.paused),
    "s": _next_sort,
    "/": lambda view: view._replace(typing=True),
    "escape": lambda view: view._replace(filter=""),
    "?": lambda view: view._replace(page="help"),
    "h": lambda view: view._replace(page="help"),
}


def _typed(view: View, key: str) -> View:
    match key:
        case "enter":
            return view._replace(typing=False)
        case "escape":
            return view._replace(typing=False, filter="")
        case "backspace":
            return view._replace(filter=view.filter[:-1])
    return view._replace(filter=view.filter + key) if len(key) == 1 and key.isprintable() else view


def frame(out: Output, view: View, size: tuple[int, int], parts: Parts) -> list[str]:
    """Return the lines of a screen: the head, of the body what there is room for, and the foot."""
    width, height = size
    room = max(1, height - len(parts.head) - 1)
    top = view.page_top if view.page else view.top
    body = parts.body[top : top + room]
    lines = [widths.cut(line, width) if "\x1b" not in line else line for line in parts.head]
    for row, line in enumerate(body, top):
        text = line.text
        if row == view.cursor and not view.page:
            text = styled(out, widths.pad(widths.cut(unstyled(text), width), width), _REVERSED)
        lines.append(text)
    lines += [""] * (height - 1 - len(lines))
    return [*lines[: height - 1], styled(out, widths.cut(parts.foot, width), _DIM)]


class Parts(Record):
    """A screen before it is cut to the terminal."""

    head: Sequence[str]
    body: Sequence[Line]
    foot: str


def scrolled(view: View, lines: int, room: int) -> View:
    """Return the view with a cursor that exists and is seen, in a body of so many lines."""
    cursor = min(view.cursor, max(0, lines - 1))
    top = min(max(view.top, cursor - room + 1), cursor, max(0, lines - room))
    return view._replace(cursor=cursor, top=max(0, top))


def parts(out: Output, view: View, found: Overview, size: tuple[int, int]) -> Parts:
    """Return what there is to show of an overview."""
    return Parts(head(out, view, found, size), body(out, view, found), foot(view))


def head(out: Output, view: View, found: Overview, size: tuple[int, int]) -> list[str]:
    """Return the lines that always stand on top: fewer on a low screen."""
    width, height = size
    mark = "  PAUSED" if view.paused else ""
    title = f"queuectl  {format_local(found.now_ms)[11:]}{mark}"
    alive = [row.worker for row in takers(found.crew) if row.worker.alive]
    busy, threads = sum(one.busy for one in alive), sum(one.threads for one in alive)
    crew = f"busy {busy}/{threads}, {counted(len(alive), 'worker')}"
    lines = [styled(out, widths.cut(f"{title}  {crew}", width), _BOLD), _states(out, found, width)]
    if height > _LOW:
        lines += [widths.cut(_rates(found), width), ""]
    return lines


_LOW = 12
_NAMES = (
    {State.PROCESSING: "running"},
    {
        State.PENDING: "wait",
        State.PROCESSING: "run",
        State.COMPLETED: "done",
        State.FAILED: "retry",
        State.CANCELLED: "off",
    },
)


def _states(out: Output, found: Overview, width: int) -> str:
    """Return the counts by state, with short names where the usual ones do not fit."""
    counts = found.counts
    for names, gap in zip(_NAMES, ("  ", " "), strict=True):
        cells = {state: f"{names.get(state, state)} {jobs:,}" for state, jobs in counts.items()}
        if widths.width(gap.join(cells.values())) <= width:
            return gap.join(
                out.paint(cell, state) if counts[state] else cell for state, cell in cells.items()
            )
    some = [f"{_NAMES[1].get(state, state)} {jobs:,}" for state, jobs in counts.items() if jobs]
    return widths.cut(" ".join(some), width)


def _rates(found: Overview) -> str:
    due = [row.oldest_due_ms for row in found.queues if row.oldest_due_ms is not None]
    oldest = f"; oldest due {brief(max(due))}" if due else ""
    if not found.rates:
        return f"rates: in a moment{oldest}"
    return (
        "a second: "
        + "  ".join(f"{word} {rate:.3g}" for word, rate in found.rates.items())
        + oldest
    )


def body(out: Output, view: View, found: Overview) -> list[Line]:
    """Return the tables, one below the other: running jobs, queues, workers."""
    running = sorted(
        (job for job in found.running if _fits(view, job.name, job.queue, command_line(job))),
        key=SORTS[view.sort],
    )
    queues = [row for row in found.queues if _fits(view, row.name)]
    tables = (
        _running(out, running, found.now_ms),
        _queues(out, queues),
        _workers(out, found.crew),
    )
    lines: list[Line] = []
    for table in tables:
        if table:
            lines += [Line(""), *table] if lines else table
    return lines or [
        Line("nothing runs, and there are no queues" if not view.filter else "nothing")
    ]


def _fits(view: View, *texts: str) -> bool:
    return any(view.filter.lower() in text.lower() for text in texts)


def _running(out: Output, jobs: Sequence[Job], now_ms: int) -> list[Line]:
    table = Table(out, "RUNNING", "QUEUE", "WORKER", "TRY", "ELAPSED", "COMMAND",
                  spare=("TRY", "WORKER", "QUEUE"))  # fmt: skip
    rows = [
        [
            job.name,
            job.queue,
            str(job.worker),
            f"{job.attempts}/{max(job.max_retries, 1)}",
            brief(max(0, now_ms - (job.started_at_ms or now_ms))),
            command_line(job),
        ]
        for job in jobs
    ]
    return _lines(out, table, rows, [job.number for job in jobs])


def _queues(out: Output, queues: Sequence[QueueRow]) -> list[Line]:
    table = Table(out, "QUEUE", "WAIT", "RUN", "DEAD", "OLDEST DUE")
    rows = [
        [
            row.name,
            f"{row.depth:,}",
            f"{row.counts[State.PROCESSING]:,}",
            f"{row.counts[State.DEAD]:,}",
            "" if row.oldest_due_ms is None else brief(row.oldest_due_ms),
        ]
        for row in queues
    ]
    return _lines(out, table, rows)


def _workers(out: Output, crew: Sequence[Health]) -> list[Line]:
    table = Table(out, "WORKER", "STATE", "BUSY", "UPTIME", "HOST", "QUEUES",
                  spare=("HOST", "UPTIME"))  # fmt: skip
    rows = [
        [
            str(row.worker.id),
            row.state,
            f"{row.worker.busy}/{row.worker.threads}",
            brief(row.uptime_ms),
            row.worker.host,
            "all" if row.worker.queues is None else ",".join(row.worker.queues),
        ]
        for row in crew
    ]
    return _lines(out, table, rows)


def _lines(
    out: Output, table: Table, rows: Sequence[Sequence[str]], jobs: Iterable[int] = ()
) -> list[Line]:
    """Return a table as lines, its head bold; no rows, no lines."""
    if not rows:
        return []
    first, *others = table.lines(rows)
    numbers: list[int | None] = [*jobs] or [None for _ in others]
    return [
        Line(styled(out, first, _BOLD)),
        *(Line(text, job) for text, job in zip(others, numbers, strict=True)),
    ]


def foot(view: View) -> str:
    """Return the last line: what can be done, or what is typed."""
    if view.typing:
        return f"/{clean(view.filter)}_"
    if view.page:
        return "j k scroll  any other key: back"
    only = f"  only: {clean(view.filter)}" if view.filter else ""
    return f"q end  ? help  p pause  s sort: {view.sort}  / filter{only}"


def styled(out: Output, text: str, code: str) -> str:
    """Return a text in a style of the terminal; reverse video is no colour and always there."""
    return f"\x1b[{code}m{text}\x1b[0m" if out.colour or code == _REVERSED else text


def unstyled(text: str) -> str:
    """Return a line without its colours."""
    pieces = text.split("\x1b[")
    return pieces[0] + "".join(piece.partition("m")[2] for piece in pieces[1:])
