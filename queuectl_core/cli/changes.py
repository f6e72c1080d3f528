"""The verbs that change jobs, those named or all that are selected: cancel, retry, edit, rm."""

from __future__ import annotations

from functools import partial

from queuectl_core.cli import asking, output, selecting
from queuectl_core.cli.counting import counted
from queuectl_core.errors import UsageError
from queuectl_core.lifecycle import State
from queuectl_core.records import Record
from queuectl_core.selection import EVERY, Selection
from queuectl_core.services import changes, editing, jobs, listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from queuectl_core.cli.parse import Args
    from queuectl_core.cli.session import Command, Session
    from queuectl_core.job import Job
    from queuectl_core.services.changes import Batch, Verb

    Act = Callable[[Sequence[Job]], Batch]

RATES_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000}
MAX_RATE = 1_000_000


class Change(Record):
    """One call of a verb: what to do to jobs, and what to say of one; `whole`: to all there are."""

    verb: Verb
    act: Act
    say: Callable[[Job], str]
    whole: bool = False


def cancel(session: Session, args: Args) -> int:
    """Cancel jobs that wait, ask for the end of those that run."""
    alive: set[int] = set()

    def act(found: Sequence[Job]) -> Batch:
        alive.update(worker.id for worker in session.store.workers() if worker.alive)
        return changes.cancel(session.store, found, now_ms=session.clock.now_ms())

    def say(job: Job) -> str:
        if job.state is State.CANCELLED:
            return f"Cancelled job {job.name}"
        if job.worker in alive:
            return f"Stopping job {job.name}: its worker ends it"
        return (
            f"Stopping job {job.name}: its worker is dead; it ends when the next one starts:"
            " queuectl worker start"
        )

    return _run(session, args, Change(changes.CANCEL, act, say))


def retry(session: Session, args: Args) -> int:
    """Make jobs pending again."""
    return _run(session, args, Change(changes.RETRY, _retrying(session, None), _will_run))


def retry_dead(session: Session, args: Args) -> int:
    """Make dead letters pending again, perhaps one after the other."""
    act = _retrying(session, args.text("--rate"))
    whole = args.flag("--all")
    return _run(session, args, Change(changes.RETRY_DEAD, act, _will_run, whole))


def _retrying(session: Session, rate: str | None) -> Act:
    now_ms = session.clock.now_ms()
    moments_ms = None if rate is None else changes.paced(now_ms, _gap_ms(rate))
    return partial(_retry, session, moments_ms)


def _retry(session: Session, moments_ms: Iterator[int] | None, found: Sequence[Job]) -> Batch:
    now_ms = session.clock.now_ms()
    return changes.retry(session.store, found, now_ms=now_ms, moments_ms=moments_ms)


def _will_run(job: Job) -> str:
    return f"Job {job.name} will run again"


def _gap_ms(rate: str) -> float:
    """Return the span between two jobs at a rate as 5/s, 30/m, 100/h."""
    number, slash, unit = rate.partition("/")
    whole = number.isascii() and number.isdigit() and 0 < int(number[:9]) <= MAX_RATE
    if not whole or (unit or "s") not in RATES_MS or (slash and not unit):
        raise UsageError(
            f'--rate must be a number of jobs in a time, not "{rate[:60]}"',
            hint="as in 5/s, 30/m, 100/h",
        )
    return RATES_MS[unit or "s"] / int(number)


def edit(session: Session, args: Args) -> int:
    """Give jobs that wait new values."""
    pairs = args.words("--set")
    if not pairs:
        raise UsageError("there is nothing to change", hint="--set FIELD=VALUE: --set priority=9")
    fields = editing.parse(pairs, session.defaults(cwd=None))

    def act(found: Sequence[Job]) -> Batch:
        return changes.edit(session.store, found, fields, now_ms=session.clock.now_ms())

    return _run(session, args, Change(changes.EDIT, act, lambda job: f"Edited job {job.name}"))


def remove(session: Session, args: Args) -> int:
    """Forget jobs that have ended."""
    return _run(session, args, _removing(session, changes.REMOVE))


def purge(session: Session, args: Args) -> int:
    """Forget dead letters."""
    return _run(session, args, _removing(session, changes.PURGE, whole=args.flag("--all")))


def _removing(session: Session, verb: Verb, *, whole: bool = False) -> Change:
    def act(found: Sequence[Job]) -> Batch:
        return changes.remove(
            session.store, found, logs_dir=session.logs_dir, now_ms=session.clock.now_ms()
        )

    return Change(verb, act, lambda job: f"Removed job {job.name}", whole)


# --- the one way of all of them ---


def _run(session: Session, args: Args, change: Change) -> int:
    words = args.words("<id>")
    selection = selecting.selection(session, args)
    selected = selection != EVERY or change.whole
    if bool(words) == selected:
        all_of_them = ", or --all" if change.verb.allowed == (State.DEAD,) else ""
        raise UsageError(
            f"give the ids of jobs, or options that select some{all_of_them}",
            hint=f"queuectl help {args.verb}",
        )
    if words:
        return _change_named(session, args, change, words)
    return _change_selected(session, args, change, changes.narrowed(selection, change.verb))


def _change_named(session: Session, args: Args, change: Change, words: Sequence[str]) -> int:
    """Change the jobs that the words name; tell of each, also of what could not be done."""
    found, refused = changes.named(session.store, words, change.verb)
    if args.flag("--dry-run"):
        _tell(session, found, lambda job: f"Would {change.verb.name} job {job.name}")
    else:
        for start in range(0, len(found), listing.PAGE):
            batch = change.act(found[start : start + listing.PAGE])
            _tell(session, batch.changed, change.say)
            refused += batch.refused
    output.flush()  # what was done before what was not
    for one in refused:
        output.failure(one.error)
    return max((one.error.exit_code for one in refused), default=0)


def _change_selected(session: Session, args: Args, change: Change, selection: Selection) -> int:
    """Change all selected jobs; ids and records on request, and always their number."""
    total = session.store.count(selection)
    if args.flag("--dry-run"):
        return _tell_selected(session, change, selection)
    if total and change.verb.destructive:
        asking.confirm(args, f"{change.verb.name} {counted(total)}")
    done = held = 0
    try:
        for page in _pages(session, change, selection):
            free = changes.free_of(page, change.verb)
            held += len(page) - len(free)
            changed = change.act(free).changed
            _list(session, changed)
            done += len(changed)
            output.progress(f"{done:,} of {counted(total)} {change.verb.done}")
    finally:
        output.progress("")
        session.out.note(f"{counted(done)} {change.verb.done}")
    _tell_held(session, held)
    return 0


def _tell_selected(session: Session, change: Change, selection: Selection) -> int:
    """Tell what would be changed, and change nothing."""
    would = held = 0
    for page in _pages(session, change, selection):
        free = changes.free_of(page, change.verb)
        held += len(page) - len(free)
        would += len(free)
        _list(session, free)
    session.out.note(f"{counted(would)} would be {change.verb.done}")
    _tell_held(session, held)
    return 0


def _tell_held(session: Session, held: int) -> None:
    """Say how many dead letters a retry of many did not take along."""
    if held:
        what = "job is" if held == 1 else "jobs are"
        session.out.note(f"queuectl: {held:,} {what} held after a crash; name each to run it again")


def _pages(session: Session, change: Change, selection: Selection) -> Iterable[Sequence[Job]]:
    if change.verb.name == changes.RETRY.name:
        return changes.oldest_first(session.store, selection)
    return listing.pages(session.store, selection)


def _tell(session: Session, found: Sequence[Job], say: Callable[[Job], str]) -> None:
    """Print a line for each job, or its name, or its record."""
    if session.out.as_json or session.out.quiet:
        _list(session, found)
        return
    for job in found:
        session.out.line(say(job))


def _list(session: Session, found: Sequence[Job]) -> None:
    """Print, where that is asked for, the name of each job or its record as it is now."""
    if session.out.as_json:
        numbers = [job.number for job in found]
        page = session.store.select(Selection(numbers=numbers), limit=max(1, len(numbers)))
        now = {job.number: job for job in page.jobs}
        for job in found:
            session.out.record(jobs.record(now.get(job.number, job)))
    elif session.out.quiet:
        for job in found:
            session.out.line(job.name)


COMMANDS: Mapping[str, Command] = {
    "cancel": cancel,
    "retry": retry,
    "edit": edit,
    "rm": remove,
    "dlq retry": retry_dead,
    "dlq purge": purge,
}
