"""`queuectl enqueue --stdin | --file F`: jobs line by line."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import contextmanager

from queuectl_core.cli import output, submit
from queuectl_core.cli.counting import counted
from queuectl_core.errors import NoInput
from queuectl_core.services import bulk
from queuectl_core.services.bulk import Plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from io import BufferedReader

    from queuectl_core.cli.parse import Args
    from queuectl_core.cli.session import Session
    from queuectl_core.services.bulk import BadLine, Batch
    from queuectl_core.services.intake import Fields

GC_THRESHOLD = 100_000
"""New objects between two looks for garbage in circles: jobs are in none, and each look costs."""
SWITCH_S = 0.0005
"""For so long the thread that reads may keep the one waiting that writes, after each statement."""


def run(session: Session, args: Args, overrides: Fields, on_conflict: str) -> int:
    """Add the jobs of a stream; report bad lines by number, return 65 when there were any."""
    gc.set_threshold(GC_THRESHOLD)
    sys.setswitchinterval(SWITCH_S)
    plan = Plan(session.clock, overrides, session.defaults(cwd=submit.directory()), on_conflict)
    with reading(args.text("--file")) as file:
        batches = _batches(session, args, file, plan)
        word = "Would enqueue" if args.flag("--dry-run") else "Enqueued"
        return report(session, batches, plan, word=word)


@contextmanager
def reading(path: str | None) -> Iterator[BufferedReader]:
    """Open a file of lines, or stdin for `-` and None; NoInput where it can't be read."""
    file = _open(path)
    try:
        yield file
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise NoInput(f"{path or 'stdin'} can't be read: {error.strerror}") from error
    finally:
        if file is not sys.stdin.buffer:
            file.close()


def _open(path: str | None) -> BufferedReader:
    if path is None or path == "-":
        return sys.stdin.buffer  # type: ignore[return-value] # a file or a pipe, always buffered
    try:
        return open(path, "rb")
    except OSError as error:
        raise NoInput(
            f"{path} can't be read: {os.strerror(error.errno or 0)}",
            hint="give a file with one job a line",
        ) from error


def _batches(session: Session, args: Args, file: BufferedReader, plan: Plan) -> Iterable[Batch]:
    if args.flag("--dry-run"):
        return bulk.check(file, plan)
    if args.flag("--atomic"):
        return [bulk.enqueue_atomic(session.store, file, plan)]
    return bulk.enqueue(session.store, file, plan)


def report(session: Session, batches: Iterable[Batch], plan: Plan, *, word: str) -> int:
    """Tell of each batch as it comes and of the sum at the end; return the exit code."""
    good, skipped, codes, out = 0, 0, set(), session.out
    try:
        for batch in batches:
            good += batch.good
            if plan.on_conflict == "skip":  # else all are new, and need not be looked at
                skipped += sum(not one.created for one in batch.added)
            for one in batch.added if out.as_json or out.quiet else ():
                submit.announce(session, one, plan.defaults.now_ms)
            for bad in batch.bad:
                _complain(bad, as_json=out.as_json)
                codes.add(bad.error.exit_code)
            if batch.stopped:
                out.note("queuectl: that line and those after it were not added")
            output.progress(f"{good:,} jobs")
            output.flush()  # a slow writer may wait for the ids of what it gave
    except KeyboardInterrupt:
        output.progress("")
        out.note(
            f"\nqueuectl: interrupted; at least {counted(good - skipped)} of it are in the queue"
        )
        raise
    finally:
        output.progress("")
        if not out.as_json and not out.quiet:
            rest = f"; {skipped:,} existed already" if skipped else ""
            out.line(f"{word} {counted(good - skipped)}{rest}")
    return min(codes, default=0)  # bad data before ids that exist


def _complain(bad: BadLine, *, as_json: bool) -> None:
    """Tell of a bad line: all in one line, there may be many."""
    output.progress("")
    if as_json:
        output.failure(bad.error, as_json=True, line=bad.line)
        return
    hint = f" ({bad.error.hint})" if bad.error.hint else ""
    output.write_message(output.clean(f"queuectl: line {bad.line}: {bad.error}{hint}"))
