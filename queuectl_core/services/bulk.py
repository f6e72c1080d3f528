"""Many jobs from a stream, one a line: a JSON object, or a shell line.

Bounded memory, thousands of jobs a transaction. The next lines are made into jobs while jobs
are added.
"""

from __future__ import annotations

import io
from functools import partial
from itertools import islice
from threading import Thread

from queuectl_core.errors import BadData, JobExists, NotFound, QueuectlError, QueueDrains, QueueFull
from queuectl_core.records import Record
from queuectl_core.services.lines import MAX_LINE_BYTES, Reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from io import BufferedReader
    from select import poll

    from queuectl_core.clock import Clock
    from queuectl_core.job import Enqueued, NewJob
    from queuectl_core.services.intake import Defaults, Fields
    from queuectl_core.storage.store import Store

CHUNK_JOBS = 10_000
"""Jobs of a transaction at most: 40 ms, for which a claim may have to wait."""
LOT_LINES = 5_000
"""From so many lines or bytes on, a lot is not read further."""
LOT_BYTES = 1 << 20
READ_BYTES = 1 << 17
_BOM = b"\xef\xbb\xbf"


class BadLine(Record):
    """A line that gave no job."""

    line: int
    error: QueuectlError


class Batch(Record):
    """What became of some lines. `good` counts the jobs; a dry run has no `added`.

    `stopped`: the last bad line met a queue that takes no more, and nothing after it was added.
    """

    good: int
    added: Sequence[Enqueued]
    bad: Sequence[BadLine]
    stopped: bool = False


class Plan(Record):
    """How to read lines: `overrides` beat what one says, `defaults` fill in what it leaves open."""

    clock: Clock
    overrides: Fields
    defaults: Defaults
    on_conflict: str = "error"


class Chunk(Record):
    """Lines made into jobs, and the number of each one's line. `add` adds all of them."""

    numbers: Sequence[int]
    jobs: Sequence[NewJob]
    bad: Sequence[BadLine]
    now_ms: int
    add: Callable[[], Sequence[Enqueued]]


if TYPE_CHECKING:
    from typing import TypeVar

    Item = TypeVar("Item")
    Prepare = Callable[[Sequence[NewJob], int], Callable[[], Sequence[Enqueued]]]


def enqueue(store: Store, file: BufferedReader, plan: Plan) -> Iterator[Batch]:
    """Add the good lines, chunk by chunk as they come; each Batch is on disk when it is yielded."""
    conflict = plan.on_conflict

    def prepare(jobs: Sequence[NewJob], now_ms: int) -> Callable[[], Sequence[Enqueued]]:
        return store.prepare(jobs, now_ms=now_ms, on_conflict=conflict)

    def add(chunk: Chunk, jobs: Sequence[NewJob]) -> Sequence[Enqueued]:
        if len(jobs) == len(chunk.jobs):
            return chunk.add()
        return store.enqueue(jobs, now_ms=chunk.now_ms, on_conflict=conflict)

    for chunk in _chunks(file, plan, prepare):
        batch = put(chunk.numbers, chunk.jobs, partial(add, chunk))
        bad = sorted([*chunk.bad, *batch.bad], key=lambda item: item.line)
        if batch.stopped:  # lines after that one were not looked at
            bad = bad[: 1 + bad.index(batch.bad[-1])]
        yield batch._replace(bad=bad)
        if batch.stopped:
            return


def check(file: BufferedReader, plan: Plan) -> Iterator[Batch]:
    """Read and judge all lines, and add nothing."""
    for chunk in _chunks(file, plan, lambda _jobs, _now_ms: list):
        yield Batch(len(chunk.jobs), (), chunk.bad)


def enqueue_atomic(store: Store, file: BufferedReader, plan: Plan) -> Batch:
    """Add all lines in one transaction, or none where one is bad. Holds all jobs in memory."""
    jobs: list[NewJob] = []
    bad: list[BadLine] = []
    for chunk in _chunks(file, plan, lambda _jobs, _now_ms: list):
        jobs += chunk.jobs
        bad += chunk.bad
    if bad:
        return Batch(0, (), bad)
    added = store.enqueue(jobs, now_ms=plan.defaults.now_ms, on_conflict=plan.on_conflict)
    return Batch(len(added), added, ())


def _chunks(file: BufferedReader, plan: Plan, prepare: Prepare) -> Iterator[Chunk]:
    """Yield chunks while the next lot is read.

    SQLite does not hold the interpreter's lock, so a thread can work while a chunk is added. What a
    slow writer has given so far does not wait for what it gives next.
    """
    stream = Stream(file)
    ahead: _Reading | None = None
    for lot in stream.lots():
        chunks = [] if ahead is None else ahead.result()
        ahead = _Reading(lot, _current(plan), prepare)
        yield from chunks
        if not stream.ready():
            yield from ahead.result()
            ahead = None
    if ahead is not None:
        yield from ahead.result()


class _Reading:
    """A lot of lines that a thread of its own makes into chunks."""

    def __init__(self, lot: Lot, plan: Plan, prepare: Prepare) -> None:
        self._task = lot, plan, prepare
        self._chunks: list[Chunk] = []
        self._failure: BaseException | None = None
        self._thread = Thread(target=self._run, name="reading")
        self._thread.start()

    def _run(self) -> None:
        try:
            self._chunks = _made(*self._task)
        except BaseException as error:  # noqa: BLE001 - raised again where the result is wanted
            self._failure = error

    def result(self) -> list[Chunk]:
        """Wait for the chunks, or for what went wrong."""
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        return self._chunks


class Lot(Record):
    """Whole lines in a row, without the end of the last one; `first` is its number, from 1."""

    first: int
    text: bytes

    def numbered(self) -> Iterable[tuple[int, bytes]]:
        """Return each line with its number."""
        return enumerate(self.text.split(b"\n"), self.first)


class Stream:
    """The lines of a file, a pipe or a terminal."""

    def __init__(self, file: BufferedReader) -> None:
        import select  # noqa: PLC0415 - `export` is here too, and reads no lines

        self._file = file
        self._poll: poll | None = select.poll()
        try:
            self._poll.register(file, select.POLLIN)
        except io.UnsupportedOperation:
            self._poll = None  # bytes in memory: all of them are there

    def ready(self) -> bool:
        """Tell whether the next read need not wait, be it for the end."""
        return self._poll is None or bool(self._poll.poll(0))

    def lots(self) -> Iterator[Lot]:
        """Yield all lines; a lot is full, or it is all that a slow writer has given so far.

        Of a line that is too long, only so much is kept that this can be told.
        """
        first, texts, lines, rest = 1, [], 0, b""
        while data := self._file.read1(READ_BYTES):
            whole, end, rest = (rest + data).rpartition(b"\n")
            if end:
                texts.append(whole)
                lines += whole.count(b"\n") + 1
            rest = rest[: MAX_LINE_BYTES + 1]
            if texts and (_full(texts, lines) or not self.ready()):
                yield _lot(first, texts)
                first, texts, lines = first + lines, [], 0
        if rest:
            texts.append(rest)
        if texts:
            yield _lot(first, texts)


def _full(texts: list[bytes], lines: int) -> bool:
    return lines >= LOT_LINES or sum(map(len, texts)) >= LOT_BYTES


def _lot(first: int, texts: list[bytes]) -> Lot:
    text = b"\n".join(texts)
    return Lot(first, text.removeprefix(_BOM) if first == 1 else text)


def _current(plan: Plan) -> Plan:
    """Return the plan as of now: a stream may last for days, as `tail -f` does."""
    return plan._replace(defaults=plan.defaults._replace(now_ms=plan.clock.now_ms()))


def _made(lot: Lot, plan: Plan, prepare: Prepare) -> list[Chunk]:
    """Make a lot of lines into chunks."""
    reader, now_ms = Reader(plan.overrides, plan.defaults), plan.defaults.now_ms
    lines, chunks = iter(lot.numbered()), []
    while some := list(islice(lines, CHUNK_JOBS)):
        numbers, jobs, bad = _sorted(some, reader)
        chunks.append(Chunk(numbers, jobs, bad, now_ms, prepare(jobs, now_ms)))
    return chunks


def _sorted(
    lines: Sequence[tuple[int, bytes]], reader: Reader
) -> tuple[Sequence[int], Sequence[NewJob], Sequence[BadLine]]:
    """Sort lines into jobs and bad ones; empty lines and comments count for nothing."""
    numbers, texts = zip(*lines, strict=True)
    alike = reader.jobs(texts)
    if alike is not None:
        return numbers, alike, ()
    good: list[int] = []
    jobs: list[NewJob] = []
    bad: list[BadLine] = []
    for number, line in lines:
        if not (words := line.strip()) or words.startswith(b"#"):
            continue
        try:
            jobs.append(reader.job(line))
            good.append(number)
        except BadData as error:
            bad.append(BadLine(number, error))
    return good, jobs, bad


def put(
    numbers: Sequence[int],
    jobs: Sequence[Item],
    add: Callable[[Sequence[Item]], Sequence[Enqueued]],
) -> Batch:
    """Add the jobs of numbered lines; where some can't be added, halve until these stand alone."""
    if not jobs:
        return Batch(0, (), ())
    try:
        added = add(jobs)
    except (QueueFull, QueueDrains) as error:
        if len(jobs) == 1:
            return Batch(0, (), (BadLine(numbers[0], error),), stopped=True)
        return _put_halves(numbers, jobs, add)
    except (BadData, JobExists, NotFound) as error:
        if len(jobs) == 1:
            return Batch(0, (), (BadLine(numbers[0], error),))
        return _put_halves(numbers, jobs, add)
    return Batch(len(added), added, ())


def _put_halves(
    numbers: Sequence[int],
    jobs: Sequence[Item],
    add: Callable[[Sequence[Item]], Sequence[Enqueued]],
) -> Batch:
    middle = len(jobs) // 2
    first = put(numbers[:middle], jobs[:middle], add)
    if first.stopped:
        return first
    second = put(numbers[middle:], jobs[middle:], add)
    good, bad = first.good + second.good, [*first.bad, *second.bad]
    return Batch(good, [*first.added, *second.added], bad, second.stopped)
