"""The way into a queue file: open it, add jobs, close it. All that a cold `enqueue` needs."""

from __future__ import annotations

import os

import apsw

from queuectl_core.errors import JobExists
from queuectl_core.job import Enqueued
from queuectl_core.lifecycle import CLAIMABLE, Event, State
from queuectl_core.storage.sqlite import bell, files, rows
from queuectl_core.storage.sqlite import statements as sql
from queuectl_core.storage.sqlite.connection import open_connection, translated
from queuectl_core.storage.sqlite.gate import Gate
from queuectl_core.storage.sqlite.ledger import ENQUEUE, Ledger, Note, Place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from queuectl_core.job import Job, NewJob
    from queuectl_core.storage.sqlite.many import Prepared
    from queuectl_core.storage.sqlite.rows import Row

    Values = Mapping[str, apsw.SQLiteValue]
    Lines = Mapping[tuple[str, int], tuple[int, int]]

MANY = 100
"""Jobs from which on they are inserted at once: see many.py, which a cold start does not load."""


class SqliteIntake:
    """One connection to a queue file. Docstrings of the verbs: storage/store.py."""

    def __init__(self, path: str, *, now_ms: int) -> None:
        # a link to a directory is fine, one to the file itself is refused later
        path = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        self._path = path
        self._workers_dir = files.workers_dir(path)
        self._gate = Gate(files.gate_path(path))
        try:
            self._connection = open_connection(path, self._gate, now_ms=now_ms)
        except BaseException:
            self._gate.close()
            raise

    def enqueue(
        self, jobs: Sequence[NewJob], *, now_ms: int, on_conflict: str = "error"
    ) -> Sequence[Enqueued]:
        with self._writing(now_ms) as ledger:
            added = add(ledger, jobs, on_conflict)
            admit(ledger, {job.queue for job in jobs})
        bell.ring(self._workers_dir)
        return added

    def prepare(
        self, jobs: Sequence[NewJob], *, now_ms: int, on_conflict: str = "error"
    ) -> Callable[[], Sequence[Enqueued]]:
        if not _are_many(jobs):
            return lambda: self.enqueue(jobs, now_ms=now_ms, on_conflict=on_conflict)
        from queuectl_core.storage.sqlite import many  # noqa: PLC0415 - json: 5 ms

        prepared = many.prepare(jobs, now_ms)
        return lambda: self._enqueue_prepared(prepared, on_conflict)

    def close(self) -> None:
        self._connection.close()
        self._gate.close()

    def _enqueue_prepared(self, prepared: Prepared, on_conflict: str) -> Sequence[Enqueued]:
        with self._writing(prepared.now_ms) as ledger:
            added = _add_prepared(ledger, prepared, on_conflict)
            admit(ledger, {queue for queue, _ in prepared.lines})
        bell.ring(self._workers_dir)
        return added

    def _writing(self, now_ms: int) -> Ledger:
        return Ledger(self._connection, self._gate, self._path, now_ms, _take_effect, _look_again)

    def _rows(self, statement: str, values: Values | None = None) -> list[Row]:
        try:
            return self._connection.execute(statement, values).fetchall()
        except apsw.Error as error:
            raise translated(error, self._path, self._connection) from error


def _take_effect(ledger: Ledger) -> None:
    """Let what ended take effect and tell hooks; 2 us where nobody waits and nobody listens."""
    listeners = ledger.connection.execute(sql.LISTENERS).get
    others = ledger.freed or ledger.revived or ledger.unmet
    if others or (ledger.ended and listeners & sql.CHILDREN_WAIT):
        from queuectl_core.storage.sqlite import waiting  # noqa: PLC0415 - few enqueues end a job

        waiting.resolve(ledger)
    ledger.ended.clear()
    if listeners & sql.HOOKS_LISTEN:
        from queuectl_core.storage.sqlite import hooks  # noqa: PLC0415 - json; most have none

        hooks.tell(ledger, add)
    ledger.moved.clear()
    ledger.told.clear()


def _look_again(ledger: Ledger, queue: str) -> None:
    from queuectl_core.storage.sqlite import limits  # noqa: PLC0415 - few queues have any

    limits.look_again(ledger, queue)


def add(ledger: Ledger, jobs: Sequence[NewJob], on_conflict: str) -> Sequence[Enqueued]:
    """Insert jobs within a transaction, with their events and figures."""
    if not _are_many(jobs):
        return _add_few(ledger, jobs, on_conflict)
    from queuectl_core.storage.sqlite import many  # noqa: PLC0415 - json: 5 ms

    return _add_prepared(ledger, many.prepare(jobs, ledger.now_ms), on_conflict)


def admit(ledger: Ledger, queues: Iterable[str]) -> None:
    """Raise QueueFull or QueueDrains where a queue lets nothing in of what was just added.

    For those who add jobs by their own will: what comes back or was promised is let in.
    """
    for queue in queues:
        if ledger.counted(queue, State.PENDING) > 0 and _has_door(ledger, queue):
            from queuectl_core.storage.sqlite import limits  # noqa: PLC0415 - few queues have any

            limits.admit(ledger, queue)


def _has_door(ledger: Ledger, queue: str) -> bool:
    return ledger.connection.execute(sql.HAS_DOOR, (queue,)).fetchone() is not None


def _are_many(jobs: Sequence[NewJob]) -> bool:
    """Tell whether jobs go in at once: one that may wait for those before it goes in by itself."""
    return len(jobs) >= MANY and not any(job.flow for job in jobs)


def _add_prepared(ledger: Ledger, prepared: Prepared, on_conflict: str) -> Sequence[Enqueued]:
    """Insert all jobs at once, or one by one where a text id exists."""
    from queuectl_core.storage.sqlite import many  # noqa: PLC0415 - see `add`

    try:
        with ledger.connection:  # a savepoint
            added = many.insert(ledger.connection, prepared)
    except apsw.ConstraintError:
        return _add_few(ledger, prepared.jobs, on_conflict)
    _note(ledger, added.numbers, prepared.lines, tagged=prepared.tagged)
    return added


def _add_few(ledger: Ledger, jobs: Sequence[NewJob], on_conflict: str) -> Sequence[Enqueued]:
    added = _insert_few(ledger, jobs, on_conflict)
    numbers = [new.number for new in added if new.created]
    if numbers:
        lines = _lines(jobs, added)
        _note(ledger, numbers, lines, tagged=any(job.tags for job in jobs))
    return added


def _lines(jobs: Sequence[NewJob], added: Sequence[Enqueued]) -> Lines:
    """Return how many jobs came into each line, and when the first of them is due."""
    lines: dict[tuple[str, int], tuple[int, int]] = {}
    for job, new in zip(jobs, added, strict=True):
        if new.created:
            line = (job.queue, job.priority)
            count, first_ms = lines.get(line, (0, new.run_at_ms))
            lines[line] = (count + 1, min(first_ms, new.run_at_ms))
    return lines


def _insert_few(ledger: Ledger, jobs: Sequence[NewJob], on_conflict: str) -> list[Enqueued]:
    if any(job.id is not None or job.flow is not None for job in jobs):
        return [_insert_named(ledger, job, on_conflict) for job in jobs]
    return _insert_unnamed(ledger, jobs)


def _insert_unnamed(ledger: Ledger, jobs: Sequence[NewJob]) -> list[Enqueued]:
    """Insert jobs without a text id, in one go: to ask for each number would cost a third more."""
    values = [rows.new_job(job, ledger.now_ms) for job in jobs]
    ledger.connection.executemany(sql.INSERT_JOB, values)
    return _numbered(ledger, values)


def _numbered(ledger: Ledger, values: Sequence[Row]) -> list[Enqueued]:
    """Tell of jobs that were just inserted.

    AUTOINCREMENT numbers them without a gap, since nobody else writes meanwhile.
    """
    first = ledger.connection.last_insert_rowid() - len(values) + 1
    numbers = range(first, first + len(values))
    created, waits = [True] * len(values), [None] * len(values)
    ids, moments_ms = [row[0] for row in values], [row[3] for row in values]
    return list(map(Enqueued._make, zip(numbers, ids, created, moments_ms, waits, strict=True)))


def _insert_named(ledger: Ledger, job: NewJob, on_conflict: str) -> Enqueued:
    """Insert one job that may have a text id or wait for others; meet a conflict as told."""
    if job.flow is not None:
        return _insert_flowing(ledger, job, on_conflict)
    values = rows.new_job(job, ledger.now_ms)
    row = ledger.connection.execute(sql.INSERT_NAMED_JOB, values).fetchone()
    if row is None:
        old = rows.job(ledger.row(sql.JOB_BY_ID, {"id": job.id}))
        if on_conflict == "skip":
            return Enqueued(old.number, old.id, created=False, run_at_ms=old.run_at_ms)
        make_way(ledger, old, on_conflict)
        row = ledger.row(sql.INSERT_NAMED_JOB, values)
    return Enqueued(row[0], job.id, created=True, run_at_ms=values[3])


def _insert_flowing(ledger: Ledger, job: NewJob, on_conflict: str) -> Enqueued:
    from queuectl_core.storage.sqlite import admission  # noqa: PLC0415 - few jobs wait for others

    twin = admission.meet_twin(ledger, job.flow, on_conflict)
    if twin is not None:
        return twin
    added = _insert_named(ledger, job._replace(flow=None), on_conflict)
    if not added.created:
        return added
    return added._replace(waits=admission.admit(ledger, added.number, job))


def make_way(ledger: Ledger, old: Job, on_conflict: str) -> None:
    """Take the id away from the job that has it, or raise JobExists."""
    if on_conflict != "replace":
        raise JobExists(
            f'a job with id "{old.id}" exists: it is {old.state} (number {old.number})',
            hint="choose another id, or --on-conflict skip to let the old one be",
        )
    if old.state is State.PROCESSING:
        raise JobExists(
            f'the job with id "{old.id}" runs right now (number {old.number})',
            hint=f"cancel it first: queuectl cancel {old.id}",
        )
    if old.state in CLAIMABLE:
        place = Place(old.number, old.state, old.queue, old.mutex)
        values = {"reason": "replaced", "now_ms": ledger.now_ms}
        ledger.move(Event.CANCEL, place, values, Note(detail="replaced"))
    ledger.connection.execute(sql.DROP_ID, {"number": old.number})


def _note(ledger: Ledger, numbers: Sequence[int], lines: Lines, *, tagged: bool) -> None:
    """Write the event rows and figures of new jobs, and let claims find them.

    Their numbers have no gap within one transaction.
    """
    values = {"first": numbers[0], "last": numbers[-1]}
    ledger.connection.execute(sql.INSERT_ENQUEUE_EVENTS, {**values, "now_ms": ledger.now_ms})
    if tagged:
        ledger.connection.execute(sql.INSERT_TAGS, values)
    ledger.connection.executemany(
        sql.LOWER_HEAD,
        [
            {"queue": queue, "priority": priority, "run_at_ms": first_ms, "number": numbers[0]}
            for (queue, priority), (_, first_ms) in lines.items()
        ],
    )
    for (queue, _), (count, _) in lines.items():
        ledger.count(queue, State.PENDING, count)
        ledger.roll_up(queue, ENQUEUE, count)
