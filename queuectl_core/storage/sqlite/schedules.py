"""The SQLite side of storage/schedules.py, which has the docstrings."""

from __future__ import annotations

import apsw

from queuectl_core.durations import format_duration, format_moment
from queuectl_core.flow import After, Flow
from queuectl_core.lifecycle import State
from queuectl_core.schedule import MOST_COUNTED, Schedule
from queuectl_core.storage.sqlite import bell, intake, rows, templates
from queuectl_core.storage.sqlite import jobs as steps
from queuectl_core.storage.sqlite import statements_schedules as sql
from queuectl_core.storage.sqlite.connection import translated

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from queuectl_core.job import Enqueued, Job, NewJob
    from queuectl_core.schedule import Definition, Due, NewSchedule, Tick
    from queuectl_core.storage.sqlite.ledger import Ledger
    from queuectl_core.storage.sqlite.rows import Row

MISSED, LATE = "missed", "late"
"""Events of a schedule. Their rows belong to no job: its number is 0."""
NO_JOB = 0


class SqliteSchedules:
    """The schedules over one open connection."""

    def __init__(
        self,
        connection: apsw.Connection,
        path: str,
        writing: Callable[[int], Ledger],
        workers_dir: str,
    ) -> None:
        self._connection = connection
        self._path = path
        self._writing = writing
        self._workers_dir = workers_dir

    def put(self, new: Sequence[NewSchedule], *, now_ms: int, replace: bool = False) -> list[bool]:
        with self._writing(now_ms) as ledger:
            done = [_put(ledger, one, replace=replace) for one in new]
        bell.ring(self._workers_dir)
        return done

    def named(self, name: str) -> Schedule | None:
        found = self._rows(sql.NAMED, {"name": name})
        return _schedule(found[0]) if found else None

    def all(self) -> Sequence[Schedule]:
        return [_schedule(row) for row in self._rows(sql.ALL)]

    def any(self) -> bool:
        return bool(self._rows(sql.ANY)[0][0])

    def remove(self, name: str) -> bool:
        with self._writing(0) as ledger:
            ledger.connection.execute(sql.REMOVE, {"name": name})
            return ledger.connection.changes() > 0

    def pause(self, name: str, *, by: str, reason: str | None, now_ms: int) -> bool:
        with self._writing(now_ms) as ledger:
            was = ledger.connection.execute(sql.IS_PAUSED, {"name": name}).get
            values = {"name": name, "by": by, "reason": reason, "now_ms": now_ms}
            ledger.connection.execute(sql.PAUSE, values)
        return not was

    def resume(self, name: str, due: Due, *, now_ms: int) -> bool:
        with self._writing(now_ms) as ledger:
            values = {"name": name, "now_ms": now_ms, **due._asdict()}
            ledger.connection.execute(sql.RESUME, values)
            changed = ledger.connection.changes() > 0
        bell.ring(self._workers_dir)
        return changed

    # --- the ticker's ---

    def next_ms(self) -> int | None:
        found: int | None = self._rows(sql.NEXT)[0][0]
        return found

    def due(self, *, now_ms: int, limit: int, but: Sequence[str] = ()) -> Sequence[Schedule]:
        values = {"now_ms": now_ms, "limit": limit, "but": rows.listed(but)}
        return [_schedule(row) for row in self._rows(sql.DUE, values)]

    def fire(
        self, planned: Sequence[tuple[Schedule, Tick]], *, max_retries: int, now_ms: int
    ) -> list[Sequence[Enqueued] | None]:
        if not planned:
            return []
        with self._writing(now_ms) as ledger:
            fired = [_fire(ledger, *one, max_retries) for one in planned]
        if any(fired) or ledger.woke:
            bell.ring(self._workers_dir)
        return fired

    def run(self, name: str, *, max_retries: int, now_ms: int) -> Enqueued | None:
        with self._writing(now_ms) as ledger:
            row = ledger.connection.execute(sql.NAMED, {"name": name}).fetchone()
            if row is None:
                return None
            definition = _schedule(row).definition
            added = Maker(ledger, definition, max_retries).add(_free_moment(ledger, name), ())
            intake.admit(ledger, [definition.job.queue])
        bell.ring(self._workers_dir)
        return added

    def note_late(self, *, now_ms: int) -> Sequence[str]:
        if not self._rows(sql.LATE, {"now_ms": now_ms}):
            return []
        with self._writing(now_ms) as ledger:
            found: list[Row] = ledger.connection.execute(sql.LATE, {"now_ms": now_ms}).fetchall()
            for name, queue, expect_ms in found:
                ledger.connection.execute(sql.NOTE_LATE, {"name": name, "now_ms": now_ms})
                detail = f"{name}: no success for {format_duration(expect_ms)}"
                ledger.note(NO_JOB, queue, LATE, detail)
                expected = {"expect": expect_ms / 1000}
                ledger.tell(LATE, queue=queue, schedule=name, detail=expected)
        if ledger.woke:  # a hook hears of it
            bell.ring(self._workers_dir)
        return [name for name, _, _ in found]

    def last_jobs(self, name: str, *, limit: int) -> Sequence[Job]:
        values = {"name": name, "limit": limit}
        return [rows.job(row) for row in self._rows(sql.LAST_JOBS, values)]

    def _rows(
        self, statement: str, values: Mapping[str, apsw.SQLiteValue] | None = None
    ) -> list[Row]:
        try:
            return self._connection.execute(statement, values).fetchall()
        except apsw.Error as error:
            raise translated(error, self._path, self._connection) from error


def _schedule(row: Row) -> Schedule:
    return Schedule(templates.from_json(row[0]), *row[1:])


def _put(ledger: Ledger, new: NewSchedule, *, replace: bool) -> bool:
    definition, connection = new.definition, ledger.connection
    expect_ms = definition.expect_ms
    begin_ms = max(ledger.now_ms, definition.start_at_ms or 0)
    values = {
        "name": definition.name,
        "definition": templates.to_json(definition),
        "queue": definition.job.queue,
        "now_ms": ledger.now_ms,
        **new.due._asdict(),
        "expect_ms": expect_ms,
        "expect_at_ms": None if expect_ms is None else begin_ms + expect_ms,
    }
    connection.execute(sql.PUT, values)
    if not connection.changes():
        if not replace:
            return False
        connection.execute(sql.REPLACE, values)
    if new.paused_by is not None:
        connection.execute(sql.PAUSE, {**values, "by": new.paused_by, "reason": new.pause_reason})
    return True


def _fire(
    ledger: Ledger, schedule: Schedule, tick: Tick, max_retries: int
) -> Sequence[Enqueued] | None:
    values = {
        "name": schedule.name,
        "expected": schedule.next_at_ms,
        "definition": templates.to_json(schedule.definition),
        **tick.due._asdict(),
        "last_at_ms": tick.fires[-1] if tick.fires else None,
        "missed": tick.missed,
    }
    ledger.connection.execute(sql.FIRE, values)
    if not ledger.connection.changes():
        return None
    _note_missed(ledger, schedule.definition, tick)
    maker = Maker(ledger, schedule.definition, max_retries)
    return [one for at_ms in tick.fires for one in maker.make(at_ms)]


def _note_missed(ledger: Ledger, definition: Definition, tick: Tick) -> None:
    if not tick.missed:
        return
    many = f"{tick.missed:,}{' or more' if tick.missed == MOST_COUNTED else ''}"
    since = "" if tick.lost_at_ms is None else f" from {format_moment(tick.lost_at_ms)} on"
    detail = f"{definition.name}: no worker ran at {many} of its times{since}"
    ledger.note(NO_JOB, definition.job.queue, MISSED, detail)


def _free_moment(ledger: Ledger, name: str) -> int:
    """Return a moment for a job beside the times of a schedule: these are whole seconds."""
    at_ms = ledger.now_ms + (ledger.now_ms % 1_000 == 0)
    while ledger.connection.execute(sql.HAS_FIRED, {"name": name, "at_ms": at_ms}).get:
        at_ms += 2 if at_ms % 1_000 == 999 else 1  # noqa: PLR2004 - the last of a second
    return at_ms


class Maker:
    """Makes the jobs of one schedule, within a transaction."""

    def __init__(self, ledger: Ledger, definition: Definition, max_retries: int) -> None:
        self._ledger = ledger
        self._definition = definition
        self._max_retries = definition.max_retries
        if self._max_retries is None:
            self._max_retries = max_retries

    def make(self, at_ms: int) -> Iterator[Enqueued]:
        """Make the job of a time, as the rule on overlaps says; none where there is one already."""
        values = {"name": self._definition.name, "at_ms": at_ms}
        if self._ledger.connection.execute(sql.HAS_FIRED, values).get:
            return
        unfinished = self._unfinished()
        overlap = self._definition.overlap
        if unfinished and overlap == "skip":
            self._miss(at_ms, f"job {unfinished[-1][0]} has not ended")
            return
        if unfinished and overlap == "replace":
            for number, _ in unfinished:
                steps.cancel(self._ledger, number)
        added = self.add(at_ms, () if overlap == "allow" else _to_wait_for(unfinished))
        if added.created:
            yield added
        else:
            self._miss(at_ms, f"its unique key belongs to job {added.name}")

    def add(self, at_ms: int, after: Sequence[int]) -> Enqueued:
        """Add a job that waits for the end of others."""
        name = self._definition.name
        on_conflict = "skip" if at_ms % 1_000 == 0 else "error"
        (added,) = intake.add(self._ledger, [self._job(after)], on_conflict)
        if added.created:
            values = {"name": name, "at_ms": at_ms, "number": added.number}
            self._ledger.connection.execute(sql.SET_SCHEDULE, values)
        return added

    def _job(self, after: Sequence[int]) -> NewJob:
        job, expires_ms = self._definition.job, self._definition.expires_ms
        wished = (job.flow or Flow())._replace(
            after=tuple(After(f"#{number}", "any") for number in after),
            expires_at_ms=None if expires_ms is None else self._ledger.now_ms + expires_ms,
        )
        flow = None if wished == Flow() else wished
        return job._replace(max_retries=self._max_retries or 0, flow=flow)

    def _unfinished(self) -> list[tuple[int, State]]:
        found = self._ledger.connection.execute(sql.UNFINISHED, {"name": self._definition.name})
        return [(number, rows.state(word)) for number, word in found]

    def _miss(self, at_ms: int, why: str) -> None:
        name = self._definition.name
        self._ledger.connection.execute(sql.ADD_MISSED, {"name": name})
        detail = f"{name}: none for {format_moment(at_ms)}, {why}"
        self._ledger.note(NO_JOB, self._definition.job.queue, MISSED, detail)


def _to_wait_for(unfinished: Sequence[tuple[int, State]]) -> list[int]:
    """Return the jobs that a new one waits for: those at work, and the last in the line."""
    at_work = [number for number, state in unfinished if state is not State.PENDING]
    return sorted({*at_work, *(number for number, _ in unfinished[-1:])})
