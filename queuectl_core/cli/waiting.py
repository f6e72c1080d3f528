"""`queuectl enqueue --wait | --follow`: stay until the jobs have ended, and exit as they did."""

from __future__ import annotations

import codecs
import sys

from queuectl_core.cli import output
from queuectl_core.errors import UsageError
from queuectl_core.joblog import MARKER, STDERR, STDOUT, JobLogReader, log_path
from queuectl_core.lifecycle import FINAL, State
from queuectl_core.services import ends, jobs, polling

TYPE_CHECKING = False
if TYPE_CHECKING:
    from codecs import IncrementalDecoder
    from collections.abc import Iterable, Sequence

    from queuectl_core.cli.session import Session
    from queuectl_core.job import Enqueued, Job
    from queuectl_core.joblog import Chunk

POLL_MS = 50
INTERRUPTED = 130


def until_ended(session: Session, added: Sequence[Enqueued], *, follow: bool) -> int:
    """Wait for jobs that were just added; return the exit code of the first that did not do well.

    Ctrl-C ends the wait and leaves the jobs as they are.
    """
    if follow and len(added) > 1:
        raise UsageError("--follow takes one job", hint="--wait takes many; then queuectl logs ID")
    numbers = [one.number for one in added]
    try:
        _tell_if_nobody_works(session)
        ended = [_follow(session, numbers[0])] if follow else _until_all_ended(session, numbers)
    except KeyboardInterrupt:
        return _left(session, added)
    for job in ended:
        _tell_end(session, job)
    return next((code for job in ended if (code := ends.exit_code(job))), 0)


def _until_all_ended(session: Session, numbers: Sequence[int]) -> list[Job | None]:
    """Return the jobs in the order given, once the last of them has ended."""
    ended = {
        number: job
        for job, number in polling.ends(
            session.store, numbers, clock=session.clock, deadline_ms=None
        )
    }
    return [ended[number] for number in numbers]


def _tell_if_nobody_works(session: Session) -> None:
    if not any(row.alive and row.takes_jobs for row in session.store.workers()):
        session.out.note("queuectl: no worker runs; waiting for one: queuectl worker start")


def _tell_end(session: Session, job: Job | None) -> None:
    if job is None:
        session.out.note("queuectl: the job was pruned before its end could be seen")
        return
    if session.out.as_json:
        session.out.record(jobs.record(job))
    remark = f"job {job.name} is {job.state}: {job.error or job.reason}"
    if job.state is not State.COMPLETED:
        session.out.note(output.clean(f"queuectl: {remark}"))


def _left(session: Session, added: Sequence[Enqueued]) -> int:
    """Say what becomes of jobs that nobody waits for any more."""
    for one in added:
        job = session.store.job_by_number(one.number)
        if job is not None and job.state not in FINAL:
            name = output.clean(one.name)
            what = f"job {name} stays in the queue: it is {job.state}"
            session.out.note(
                f"\nqueuectl: {what}\nhint: queuectl wait {name}; queuectl cancel {name}"
            )
    return INTERRUPTED


def _follow(session: Session, number: int) -> Job | None:
    """Show what a job writes, attempt by attempt, until it has ended; return it as it is then."""
    shown = 0
    while True:
        job = session.store.job_by_number(number)
        if job is None or (job.state in FINAL and shown == job.starts):
            return job
        if shown < job.starts:
            shown += 1
            _show_attempt(session, number, shown)
        else:
            session.clock.pause(POLL_MS)


def _show_attempt(session: Session, number: int, attempt: int) -> None:
    reader = JobLogReader(log_path(session.logs_dir, number, attempt))
    streams = _Streams(session)
    try:
        while True:
            job = session.store.job_by_number(
                number
            )  # before the look, or the last could be missed
            streams.show(reader.poll())
            if job is None or job.state is not State.PROCESSING or job.starts != attempt:
                return
            session.clock.pause(POLL_MS)
    finally:
        streams.close()
        reader.close()


class _Streams:
    """Our streams for those of a job; a terminal gets no control characters."""

    def __init__(self, session: Session) -> None:
        self._decoders: dict[str, IncrementalDecoder] = {}
        terminals = {STDOUT: session.out.tty, STDERR: sys.stderr.isatty()}
        for stream, is_terminal in terminals.items():
            if is_terminal:
                self._decoders[stream] = codecs.getincrementaldecoder("utf-8")("backslashreplace")

    def show(self, chunks: Iterable[Chunk]) -> None:
        """Write chunks where they belong; that output is missing is a message."""
        for chunk in chunks:
            stream = STDERR if chunk.stream == MARKER else chunk.stream
            self._write(stream, chunk.data, final=False)
        output.flush()

    def close(self) -> None:
        """Write what is left of characters that never came to their end."""
        for stream in self._decoders:
            self._write(stream, b"", final=True)

    def _write(self, stream: str, data: bytes, *, final: bool) -> None:
        if (decoder := self._decoders.get(stream)) is not None:
            data = output.clean_log(decoder.decode(data, final=final)).encode()
        if stream == STDOUT:
            output.write_bytes(data)
        else:
            output.write_error_bytes(data)
