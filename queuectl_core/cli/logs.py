"""`queuectl logs`: what a job wrote, in order, from one attempt, also while it runs."""

from __future__ import annotations

import codecs
import os
from collections import deque

from queuectl_core.cli import output
from queuectl_core.cli.counting import counted
from queuectl_core.errors import NotFound, StorageError, UsageError
from queuectl_core.joblog import STDERR, STDOUT, JobLogReader, log_path, read_chunks
from queuectl_core.lifecycle import FINAL, State
from queuectl_core.records import Record
from queuectl_core.services import jobs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from queuectl_core.cli.parse import Args
    from queuectl_core.cli.session import Command, Session
    from queuectl_core.job import Job
    from queuectl_core.joblog import Chunk
    from queuectl_core.run import Attempt

POLL_MS = 100
DAY_MS = 24 * 3600 * 1000
MAX_LINES = 10_000_000


class Wish(Record):
    """What of a log is wanted. `attempt` None: the last; `lines` None: all; `hidden`: left out."""

    follow: bool
    lines: int | None
    attempt: int | None
    hidden: str | None
    raw: bool


def run(session: Session, args: Args) -> int:
    """Print the output of jobs."""
    wish = _wish(args)
    found = jobs.find_all(session.looking, args.words("<id>"))
    if wish.follow and len(found) > 1:
        raise UsageError("--follow takes one job", hint=f"queuectl logs -f {found[0].name}")
    try:
        for position, job in enumerate(found):
            if len(found) > 1 and not session.out.as_json:
                session.out.line(("\n" if position else "") + f"==> {job.name} <==")
            _print(session, job, wish)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise StorageError(f"the log can't be read: {error.strerror}") from error
    return 0


def _wish(args: Args) -> Wish:
    if args.flag("--stdout") and args.flag("--stderr"):
        raise UsageError("--stdout and --stderr together are the usual: leave both out")
    hidden = STDERR if args.flag("--stdout") else STDOUT if args.flag("--stderr") else None
    lines = args.whole("--lines", -1, low=0, high=MAX_LINES)
    attempt = args.whole("--attempt", 0, low=1, high=MAX_LINES)
    return Wish(
        args.flag("--follow"),
        None if lines < 0 else lines,
        attempt or None,
        hidden,
        args.flag("--raw"),
    )


def _print(session: Session, job: Job, wish: Wish) -> None:
    if wish.attempt is not None and wish.attempt > job.starts:
        raise NotFound(
            f"job {job.name} has no attempt {wish.attempt};"
            f" it has started {counted(job.starts, 'time')}",
            hint=f"queuectl show {job.name}",
        )
    attempt = wish.attempt or job.starts
    _tell_if_removed(session, job, attempt)
    if wish.follow:
        _follow(session, job, attempt, wish)
        return
    if not attempt:
        session.out.note(f"queuectl: job {job.name} has not started yet: it is {job.state}")
        return
    printer = _Printer(session, job, attempt, wish)
    printer.print(read_chunks(log_path(session.logs_dir, job.number, attempt)))
    printer.close()


def _tell_if_removed(session: Session, job: Job, attempt: int) -> None:
    """Say why there is nothing to see of an attempt that ended and did write something."""
    if os.path.exists(log_path(session.logs_dir, job.number, attempt)):
        return
    for ended in session.looking.attempts(job.number):
        if ended.start == attempt and ended.output_bytes:
            session.out.note(f"queuectl: job {job.name}: output {_why_gone(session, ended)}")


def _why_gone(session: Session, ended: Attempt) -> str:
    """Return what became of output that is not there; if it ever was, the worker's log knows."""
    settings = session.settings
    if not settings.output_limit:
        return "is not kept; setting output-limit"
    days = settings.keep_output_days
    if days and session.clock.now_ms() - ended.finished_at_ms >= days * DAY_MS:
        return f"was removed after {days:g} days; setting keep-output-days"
    log = os.path.join(session.logs_dir, f"worker-{ended.worker}.log")
    return (
        f"is not there: removed (setting keep-output-bytes), or dropped on a full disk; see {log}"
    )


def _follow(session: Session, job: Job, attempt: int, wish: Wish) -> None:
    """Print on until the job has ended; its later attempts too, unless one was asked for."""
    while True:
        if attempt:
            job = _follow_attempt(session, job, attempt, wish)
        if job.state in FINAL or wish.attempt is not None:
            return
        while job.starts == attempt and job.state not in FINAL:
            session.clock.pause(POLL_MS)
            job = _again(session, job)
        attempt = job.starts
        wish = wish._replace(lines=None)


def _follow_attempt(session: Session, job: Job, attempt: int, wish: Wish) -> Job:
    """Print one attempt until it has ended; return the job as it is then."""
    reader = JobLogReader(log_path(session.logs_dir, job.number, attempt))
    printer = _Printer(session, job, attempt, wish)
    try:
        while True:
            job = _again(session, job)  # before the look, or the last bytes could be missed
            printer.print(reader.poll())
            output.flush()
            if job.state is not State.PROCESSING or job.starts != attempt:
                return job
            printer.tail_is_over()
            session.clock.pause(POLL_MS)
    finally:
        printer.close()
        reader.close()


def _again(session: Session, job: Job) -> Job:
    found = session.looking.job_by_number(job.number)
    if found is None:
        raise NotFound(f"job {job.name} is gone")
    return found


class _Printer:
    """Writes chunks as asked: as bytes, as text that a terminal can bear, or as JSON lines."""

    def __init__(self, session: Session, job: Job, attempt: int, wish: Wish) -> None:
        self._session = session
        self._job = job
        self._attempt = attempt
        self._hidden = wish.hidden
        self._lines = wish.lines
        self._decoder = None
        if session.out.tty and not wish.raw:
            self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")

    def print(self, chunks: Iterable[Chunk]) -> None:
        """Write chunks, or of them the last lines only."""
        wanted = (chunk for chunk in chunks if chunk.stream != self._hidden)
        for chunk in wanted if self._lines is None else _last_lines(wanted, self._lines):
            self._write(chunk)

    def tail_is_over(self) -> None:
        """Write whole chunks from now on."""
        self._lines = None

    def close(self) -> None:
        """Write what is left of a character that never came to its end."""
        if self._decoder is not None:
            output.write(output.clean_log(self._decoder.decode(b"", final=True)))

    def _write(self, chunk: Chunk) -> None:
        if self._session.out.as_json:
            self._session.out.record(self._record(chunk))
        elif self._decoder is None:
            output.write_bytes(chunk.data)
        else:
            output.write(output.clean_log(self._decoder.decode(chunk.data)))

    def _record(self, chunk: Chunk) -> dict[str, object]:
        names = {STDOUT: "stdout", STDERR: "stderr"}
        return {
            "id": self._job.name,
            "attempt": self._attempt,
            "stream": names.get(chunk.stream, "marker"),
            "at": jobs.moment(chunk.at_ms),
            "text": chunk.data.decode("utf-8", "backslashreplace"),
        }


def _last_lines(chunks: Iterable[Chunk], count: int) -> Iterator[Chunk]:
    """Yield the last `count` lines, cut out of their chunks, of both streams as they came."""
    kept: deque[list[Chunk]] = deque(maxlen=count)
    line: list[Chunk] = []
    for chunk in chunks:
        for piece in chunk.data.splitlines(keepends=True):
            if not line:
                kept.append(line)
            line.append(chunk._replace(data=piece))
            if piece.endswith(b"\n"):
                line = []
    for pieces in kept:
        yield from pieces


COMMANDS: Mapping[str, Command] = {"logs": run}
