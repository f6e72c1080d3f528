"""Many jobs from a stream, one a line: a JSON object, or a shell line.

Bounded memory, thousands of jobs a transaction.
"""

from __future__ import annotations

from threading import Thread

from queuectl_core.errors import BadData, JobExists, NotFound, QueuectlError
from queuectl_core.records import Record
from queuectl_core.services.lines import MAX_LINE_BYTES, Reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from io import BufferedReader

    from queuectl_core.clock import Clock
    from queuectl_core.job import Enqueued, NewJob
    from queuectl_core.services.intake import Defaults, Fields
    from queuectl_core.storage.store import Store

CHUNK_JOBS = 5_000
LOT_LINES = 4 * CHUNK_JOBS
BLOCK_BYTES = 1 << 20
# A read that gives less found the writer slower than us: what is there goes into the queue at once.
_SLOW_BYTES = 32_768
_BOM = b"\xef\xbb\xbf"


class BadLine(Record):
    """A line that gave no job."""

    line: int
    error: QueuectlError


class Batch(Record):
    """What became of some lines. `good` counts the jobs; a dry run has no `added`."""

    good: int
    added: Sequence[Enqueued]
    bad: Sequence[BadLine]


class Plan(Record):
    """How to read lines: `overrides` beat what one says, `defaults` fill in what it leaves open."""

    clock: Clock
    overrides: Fields
    defaults: Defaults
    on_conflict: str = "error"


if TYPE_CHECKING:
    from typing import TypeVar

    Numbered = tuple[int, NewJob]
    Item = TypeVar("Item")


def enqueue(store: Store, file: BufferedReader, plan: Plan) -> Iterator[Batch]:
    """Add the good lines, chunk by chunk as they come; each Batch is on disk when it is yielded."""
    return _batches(file, plan, lambda jobs, at_once: _add(store, jobs, at_once))


def check(file: BufferedReader, plan: Plan) -> Iterator[Batch]:
    """Read and judge all lines, and add nothing."""
    return _batches(file, plan, lambda jobs, _: Batch(len(jobs), (), ()))


def enqueue_atomic(store: Store, file: BufferedReader, plan: Plan) -> Batch:
    """Add all lines in one transaction, or none where one is bad. Holds all jobs in memory."""
    jobs: list[Numbered] = []
    bad: list[BadLine] = []
    for lines in blocks(file):
        _read(lines, plan, jobs, bad)
    if bad:
        return Batch(0, (), bad)
    added = store.enqueue(
        [job for _, job in jobs], now_ms=plan.defaults.now_ms, on_conflict=plan.on_conflict
    )
    return Batch(len(added), added, ())


def _batches(
    file: BufferedReader, plan: Plan, sink: Callable[[list[Numbered], Plan], Batch]
) -> Iterator[Batch]:
    """Read a chunk of lines while the one before is written.

    SQLite does not hold the interpreter's lock: two thirds of the writing go on beside.
    """
    for lines in blocks(file):
        chunks = [lines[at : at + CHUNK_JOBS] for at in range(0, len(lines), CHUNK_JOBS)]
        ahead = _Reading(chunks[0], _current(plan))
        for following in [*chunks[1:], None]:
            jobs, bad, now = ahead.result()
            if following is not None:
                ahead = _Reading(following, _current(plan))
            batch = sink(jobs, now)
            yield batch._replace(bad=sorted([*bad, *batch.bad], key=lambda item: item.line))


class _Reading:
    """A chunk of lines that a thread of its own makes into jobs."""

    def __init__(self, lines: Sequence[tuple[int, bytes]], plan: Plan) -> None:
        self._lines, self._plan = lines, plan
        self._jobs: list[Numbered] = []
        self._bad: list[BadLine] = []
        self._failure: BaseException | None = None
        self._thread = Thread(target=self._run, name="reading")
        self._thread.start()

    def _run(self) -> None:
        try:
            _read(self._lines, self._plan, self._jobs, self._bad)
        except BaseException as error:  # noqa: BLE001 - raised again where the result is wanted
            self._failure = error

    def result(self) -> tuple[list[Numbered], list[BadLine], Plan]:
        """Wait for the jobs, the bad lines and the plan that they were read by."""
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        return self._jobs, self._bad, self._plan


def _current(plan: Plan) -> Plan:
    """Return the plan as of now: a stream may last for days, as `tail -f` does."""
    return plan._replace(defaults=plan.defaults._replace(now_ms=plan.clock.now_ms()))


def _add(store: Store, jobs: Sequence[Numbered], plan: Plan) -> Batch:
    now_ms = plan.defaults.now_ms
    return put(jobs, lambda some: store.enqueue(some, now_ms=now_ms, on_conflict=plan.on_conflict))


def put(jobs: Sequence[tuple[int, Item]], add: Callable[[list[Item]], Sequence[Enqueued]]) -> Batch:
    """Add numbered lines; where some can't be added, halve until these stand alone."""
    if not jobs:
        return Batch(0, (), ())
    try:
        added = add([job for _, job in jobs])
    except (BadData, JobExists, NotFound) as error:
        if len(jobs) == 1:
            return Batch(0, (), (BadLine(jobs[0][0], error),))
        middle = len(jobs) // 2
        first, second = put(jobs[:middle], add), put(jobs[middle:], add)
        return Batch(
            first.good + second.good, [*first.added, *second.added], [*first.bad, *second.bad]
        )
    return Batch(len(added), added, ())


def blocks(file: BufferedReader) -> Iterator[list[tuple[int, bytes]]]:
    """Yield numbered lines in lots: a chunk's worth, or what a slow writer has given so far."""
    lines: list[tuple[int, bytes]] = []
    number, rest = 0, b""
    while data := file.read1(BLOCK_BYTES):
        *whole, rest = (rest + data).split(b"\n")
        if number == 0 and whole:
            whole[0] = whole[0].removeprefix(_BOM)
        lines += enumerate(whole, number + 1)
        number += len(whole)
        rest = rest[: MAX_LINE_BYTES + 1]
        if len(lines) >= LOT_LINES or (lines and len(data) < _SLOW_BYTES):
            yield lines
            lines = []
    if rest:
        lines.append((number + 1, rest.removeprefix(_BOM) if number == 0 else rest))
    if lines:
        yield lines


def _read(
    lines: Sequence[tuple[int, bytes]], plan: Plan, jobs: list[Numbered], bad: list[BadLine]
) -> None:
    """Sort lines into jobs and bad ones; empty lines and comments count for nothing."""
    reader = Reader(plan.overrides, plan.defaults)
    for number, line in lines:
        if not (words := line.strip()) or words.startswith(b"#"):
            continue
        try:
            jobs.append((number, reader.job(line)))
        except BadData as error:
            bad.append(BadLine(number, error))
