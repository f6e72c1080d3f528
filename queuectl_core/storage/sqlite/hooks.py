"""Tells hooks what happened, within the transaction in which it did; and the verbs on hooks."""

from __future__ import annotations

import apsw

from queuectl_core import hook as hooking
from queuectl_core import job_record
from queuectl_core.hook import SLOW, Happening, Hook
from queuectl_core.job import NewJob
from queuectl_core.lifecycle import TOLD
from queuectl_core.storage.sqlite import rows
from queuectl_core.storage.sqlite import statements as base
from queuectl_core.storage.sqlite import statements_hooks as sql
from queuectl_core.storage.sqlite.connection import translated

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from queuectl_core.hook import NewHook
    from queuectl_core.job import Enqueued, Job
    from queuectl_core.storage.sqlite.ledger import Ledger
    from queuectl_core.storage.sqlite.rows import Row

    Add = Callable[[Ledger, Sequence[NewJob], str], Sequence[Enqueued]]
    Values = Mapping[str, apsw.SQLiteValue]

CHUNK = 500
"""Slow jobs told of in one transaction."""


def tell(ledger: Ledger, add: Add) -> None:
    """Add the jobs of all hooks that listen to what happened so far in this transaction."""
    listening = [_hook(row) for row in ledger.connection.execute(sql.LISTENING)]
    happened = [*ledger.told, *_of_moves(ledger, listening)]
    for hook in listening:
        told = [one for one in happened if hook.hears(one)]
        if told:
            _run(ledger, hook, told, add)
            ledger.woke = True


def _of_moves(ledger: Ledger, listening: Sequence[Hook]) -> Iterator[Happening]:
    """Yield what hooks may hear of jobs that moved; a job is read where one listens to that."""
    wanted = {hook.event for hook in listening}
    slow = [hook for hook in listening if hook.event == SLOW]
    for event, number, duration_ms in ledger.moved:
        passed = [hook for hook in slow if (duration_ms or 0) >= (hook.over_ms or 0)]
        if TOLD[event] not in wanted and not passed:
            continue
        job = rows.job(ledger.row(base.JOB_BY_NUMBER, {"number": number}))
        yield _happening(TOLD[event], job)
        for hook in passed:
            if _is_news(ledger, hook.name, job):
                yield _slow(hook, job, still_runs=False)
            ledger.connection.execute(sql.FORGET_RUN, {"job": number, "hook": hook.name})


def _happening(event: str, job: Job) -> Happening:
    return Happening(event, job.queue, getattr(job, "schedule", None), job)


def _slow(hook: Hook, job: Job, *, still_runs: bool) -> Happening:
    over = {"over": job_record.seconds(hook.over_ms), "still_runs": still_runs}
    return _happening(SLOW, job)._replace(detail=over, hook=hook.name)


def _is_news(ledger: Ledger, hook: str, job: Job) -> bool:
    """Note that a hook knows of a start that takes long; tell whether it did not."""
    values = {"hook": hook, "job": job.number, "start": job.starts}
    ledger.connection.execute(sql.NOTE_SLOW, values)
    return ledger.connection.changes() > 0


def _run(ledger: Ledger, hook: Hook, told: Sequence[Happening], add: Add) -> None:
    """Add a run for each event, or one for all of them where the hook collects."""
    if hook.every_ms is None:
        add(ledger, [hooking.run_of(hook, [one], now_ms=ledger.now_ms) for one in told], "error")
    elif not _join(ledger, hook, told):
        # not beyond the span, whatever the clock has done meanwhile
        due_ms = min(max(ledger.now_ms, hook.next_at_ms), ledger.now_ms + hook.every_ms)
        run = hooking.run_of(hook, told, now_ms=ledger.now_ms)._replace(run_at_ms=due_ms)
        (added,) = add(ledger, [run], "error")
        values = {"name": hook.name, "batch": added.number, "next_at_ms": due_ms + hook.every_ms}
        ledger.connection.execute(sql.NOTE_BATCH, values)
    figures = {"name": hook.name, "events": len(told), "now_ms": ledger.now_ms}
    ledger.connection.execute(sql.NOTE_TOLD, figures)


def _join(ledger: Ledger, hook: Hook, told: Sequence[Happening]) -> bool:
    """Add events to the run that has not started yet; False where there is none."""
    row = ledger.connection.execute(sql.OPEN_BATCH, {"batch": hook.batch}).fetchone()
    if row is None:
        return False
    from queuectl_core import options  # noqa: PLC0415 - for hooks that collect only

    text = options.to_json(hooking.joined(options.from_json(row[0]), told, now_ms=ledger.now_ms))
    ledger.connection.execute(sql.SET_OPTIONS, {"number": hook.batch, "options": text})
    return True


def _hook(row: Row) -> Hook:
    fields = dict(zip(_COLUMNS, row, strict=True))
    run = NewJob(
        fields["command"],
        None if fields["argv"] is None else tuple(rows.decoded(fields["argv"])),
        fields["max_retries"],
        priority=fields["priority"],
        timeout_ms=fields["timeout_ms"],
        backoff=fields["backoff"],
        cwd=fields["cwd"],
        env=None if fields["env"] is None else rows.decoded(fields["env"]),
    )
    return Hook(**{name: fields.get(name, run) for name in Hook._fields})


_COLUMNS = [name.strip() for name in sql.COLUMNS.split(",")]


class SqliteHooks:
    """Hooks over one open connection. Docstrings of the verbs: storage/hooks.py."""

    def __init__(
        self,
        connection: apsw.Connection,
        path: str,
        writing: Callable[[int], Ledger],
        ring: Callable[[Ledger], None],
    ) -> None:
        self._connection = connection
        self._path = path
        self._writing = writing
        self._ring = ring

    def add(self, hook: NewHook, *, by: str, now_ms: int) -> Hook | None:
        with self._writing(now_ms) as ledger:
            for name in _names(hook):
                if _insert(ledger, hook, name, by):
                    return _hook(ledger.row(sql.HOOK, {"name": name}))
                if hook.name is not None:
                    return None
        raise AssertionError("_names has no end")

    def replace(self, hook: NewHook, *, by: str, now_ms: int) -> Hook:
        with self._writing(now_ms) as ledger:
            name = hook.name or hook.event
            _delete(ledger, name)
            _insert(ledger, hook, name, by)
            return _hook(ledger.row(sql.HOOK, {"name": name}))

    def all(self) -> Sequence[Hook]:
        return [_hook(row) for row in self._rows(sql.HOOKS)]

    def named(self, name: str) -> Hook | None:
        found = self._rows(sql.HOOK, {"name": name})
        return _hook(found[0]) if found else None

    def remove(self, name: str, *, now_ms: int) -> bool:
        with self._writing(now_ms) as ledger:
            return _delete(ledger, name)

    def pause(self, name: str, *, now_ms: int) -> bool:
        return self._change(sql.PAUSE, name, now_ms)

    def resume(self, name: str, *, now_ms: int) -> bool:
        return self._change(sql.RESUME, name, now_ms)

    def tell(self, happening: Happening, *, now_ms: int) -> int:
        heard = sum(hook.hears(happening) for hook in self.all())
        if heard:
            with self._writing(now_ms) as ledger:
                ledger.told.append(happening)
            self._ring(ledger)
        return heard

    def tell_of_slow(self, *, now_ms: int) -> int:
        values = {"now_ms": now_ms, "limit": CHUNK}
        if not self._rows(sql.NEWLY_SLOW, values):
            return 0
        with self._writing(now_ms) as ledger:
            found: list[Row] = ledger.connection.execute(sql.NEWLY_SLOW, values).fetchall()
            for name, number in found:
                hook = _hook(ledger.row(sql.HOOK, {"name": name}))
                job = rows.job(ledger.row(base.JOB_BY_NUMBER, {"number": number}))
                if _is_news(ledger, name, job):
                    ledger.told.append(_slow(hook, job, still_runs=True))
            ledger.connection.execute(sql.FORGET_ENDED)
        self._ring(ledger)
        return len(found)

    def runs_left(self) -> Mapping[str, Mapping[str, int]]:
        left: dict[str, dict[str, int]] = {}
        for name, state, runs in self._rows(sql.RUNS_LEFT):
            left.setdefault(name, {})[state] = runs
        return left

    # --- within ---

    def _change(self, statement: str, name: str, now_ms: int) -> bool:
        with self._writing(now_ms) as ledger:
            ledger.connection.execute(statement, {"name": name, "now_ms": now_ms})
            return ledger.connection.changes() > 0

    def _rows(self, statement: str, values: Values | None = None) -> list[Row]:
        try:
            return self._connection.execute(statement, values).fetchall()
        except apsw.Error as error:
            raise translated(error, self._path, self._connection) from error


def _names(hook: NewHook) -> Iterator[str]:
    """Yield what a hook may be called: as it is to be, or after its event."""
    yield hook.name or hook.event
    number = 2
    while True:
        yield f"{hook.event}-{number}"
        number += 1


def _insert(ledger: Ledger, hook: NewHook, name: str, by: str) -> bool:
    fields = hook.run._asdict() | hook._asdict()
    fields |= {
        "name": name,
        "created_at_ms": ledger.now_ms,
        "created_by": by,
        "paused_at_ms": ledger.now_ms if hook.paused else None,
        "queue": hook.queue,
    }
    values = {column: rows.column(fields[column]) for column in sql.NEW_COLUMNS}
    ledger.connection.execute(sql.INSERT, values)
    return ledger.connection.changes() > 0


def _delete(ledger: Ledger, name: str) -> bool:
    ledger.connection.execute(sql.FORGET_HOOK, {"name": name})
    ledger.connection.execute(sql.DELETE, {"name": name})
    return ledger.connection.changes() > 0
