"""The one door through which a job changes its state, and all that changes along with it.

Within a write transaction: the guarded UPDATE, the event row, and the figures (counts by queue and
state, roll-ups by minute), which are summed up here and written once, just before the commit.
"""

from __future__ import annotations

import apsw

from queuectl_core.job import HOOKS_QUEUE
from queuectl_core.lifecycle import CLAIMABLE, FINAL, TOLD, TRANSITIONS, Event, State
from queuectl_core.records import Record
from queuectl_core.storage.sqlite import statements as sql
from queuectl_core.storage.sqlite.connection import roll_back, translated

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from queuectl_core.hook import Happening
    from queuectl_core.storage.sqlite.gate import Gate
    from queuectl_core.storage.sqlite.rows import Row


class Place(Record):
    """Where a job stands now: its state and queue, for the figures, and the mutex it has."""

    number: int
    state: State
    queue: str
    mutex: str | None = None


class Note(Record):
    """What an event row says besides: how long a run took, and why it ended so."""

    duration_ms: int | None = None
    detail: str | None = None


NO_NOTE = Note()
ENQUEUE = "enqueue"
"""The event of a job's birth; it has no row in TRANSITIONS, since there is no state before."""


class Ledger:
    """One write transaction behind the gate: committed at the end, or nothing after an exception.

    A deferred transaction that writes after it read fails at once when another writer was faster;
    this one takes the write lock before the first read
    (https://sqlite.org/lang_transaction.html).
    """

    def __init__(
        self,
        connection: apsw.Connection,
        gate: Gate,
        path: str,
        now_ms: int,
        then: Callable[[Ledger], None] | None = None,
        look_again: Callable[[Ledger, str], None] | None = None,
    ) -> None:
        self.connection = connection
        self.now_ms = now_ms
        self.ended: list[tuple[int, State]] = []  # jobs that others may wait for
        self.revived: list[int] = []
        self.unmet: list[tuple[int, str]] = []  # new jobs that wait in vain, and why
        self.freed: set[str] = set()  # mutexes that may have room now
        self.moved: list[tuple[Event, int, int | None]] = []  # what hooks may be about: number, ms
        self.told: list[Happening] = []  # the same, of what is no move
        self.woke = False  # whether a job may be claimed that could not before
        self.opened: set[str] = set()  # queues that are not at their limits any more
        self._then = then
        self._look_again = look_again  # at a limited queue of which more jobs run, or fewer
        self._gate = gate
        self._path = path
        self._counts: dict[tuple[str, str], int] = {}
        self._rollups: dict[tuple[str, str], tuple[int, int]] = {}

    def __enter__(self) -> Ledger:
        """Take the write lock."""
        self._gate.__enter__()
        try:
            self.connection.execute(sql.BEGIN)
        except apsw.Error as error:
            self._gate.__exit__()
            raise translated(error, self._path, self.connection) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Commit, or take everything back; SQLite's errors leave as ours."""
        try:
            if error is None:
                self.take_effect()
                self.write_figures()
                self.woke = self.woke or bool(self.opened)
                self.connection.execute(sql.COMMIT)
        except apsw.Error as failure:
            raise translated(failure, self._path, self.connection) from failure
        finally:
            roll_back(self.connection)
            self._gate.__exit__()
        if isinstance(error, apsw.Error):
            raise translated(error, self._path, self.connection) from error

    def move(
        self,
        event: Event,
        job: Place,
        values: Mapping[str, apsw.SQLiteValue],
        note: Note = NO_NOTE,
    ) -> bool:
        """Let `event` happen to a job; tell whether the guards let it.

        `values` are the statement's, without the job's number. `note` goes into the event row.
        """
        number, source, queue, mutex = job
        duration_ms, detail = note
        self.connection.execute(sql.MOVES[event], {"number": number, **values})
        if not self.connection.changes():
            return False
        self.connection.execute(sql.INSERT_EVENT, (self.now_ms, number, event, duration_ms, detail))
        self.count(queue, source, -1)
        target = TRANSITIONS[event][1]
        self.count(queue, target, 1)
        if target in FINAL:
            self.ended.append((number, target))
        elif event is Event.REVIVE:
            self.revived.append(number)
        if event in TOLD and queue != HOOKS_QUEUE:
            self.moved.append((event, number, duration_ms))
        if target in CLAIMABLE:
            self.connection.execute(sql.LOWER_HEAD_TO, {"number": number})
        if mutex is not None and target is not State.PROCESSING:
            self.freed.add(mutex)
        self.roll_up(queue, event, 1, duration_ms or 0)
        return True

    def note(
        self,
        number: apsw.SQLiteValue,
        queue: str,
        event: str,
        detail: str,
        *,
        at_ms: int | None = None,
    ) -> None:
        """Write the event row and the figure of something that is no move; at_ms None: now."""
        moment_ms = self.now_ms if at_ms is None else at_ms
        self.connection.execute(sql.INSERT_EVENT, (moment_ms, number, event, None, detail))
        self.roll_up(queue, event, 1)

    def take_effect(self) -> None:
        """Let the jobs go on that waited for what has ended, and tell hooks: see intake.py."""
        if self._then is not None and any(
            (self.ended, self.moved, self.freed, self.revived, self.unmet, self.told)
        ):
            self._then(self)

    def tell(
        self,
        event: str,
        *,
        queue: str | None,
        schedule: str | None = None,
        detail: Mapping[str, object] | None = None,
    ) -> None:
        """Tell hooks of what is no move of a job, in this transaction: one of hook.EVENTS.

        `queue` None: it is about all of them. `detail` is JSON, and goes to the hook as it is.
        """
        if not self.connection.execute(sql.LISTENERS).get & sql.HOOKS_LISTEN:
            return
        from queuectl_core.hook import Happening  # noqa: PLC0415 - json; few transactions do that

        self.told.append(Happening(event, queue, schedule, detail=detail))

    def row(self, statement: str, values: apsw.Bindings) -> Row:
        """Return the one row that must be there."""
        row: Row
        (row,) = self.connection.execute(statement, values)
        return row

    def count(self, queue: str, state: State, jobs: int) -> None:
        """Add to the number of jobs in a state."""
        key = (queue, state)
        self._counts[key] = self._counts.get(key, 0) + jobs

    def counted(self, queue: str, state: State) -> int:
        """Return what was added to a number and is not written yet."""
        return self._counts.get((queue, state), 0)

    def roll_up(self, queue: str, event: str, events: int, duration_ms: int = 0) -> None:
        """Add to this minute's events."""
        key = (queue, event)
        past, past_ms = self._rollups.get(key, (0, 0))
        self._rollups[key] = (past + events, past_ms + duration_ms)

    def write_figures(self) -> None:
        """Write what was summed up so far."""
        counts = [(*key, jobs) for key, jobs in self._counts.items() if jobs]
        minute = self.now_ms // 60_000
        rollups = [(minute, *key, *figures) for key, figures in self._rollups.items()]
        if counts:
            self.connection.executemany(sql.ADD_COUNT, counts)
        if rollups:
            self.connection.executemany(sql.ADD_ROLLUP, rollups)
        self._counts.clear()
        self._rollups.clear()
        for queue, state, _ in counts:
            if state is State.PROCESSING and self._look_again and is_limited(self, queue):
                self._look_again(self, queue)


def is_limited(ledger: Ledger, queue: str) -> bool:
    """Tell whether a limit says how many jobs of a queue may start."""
    return ledger.connection.execute(sql.IS_LIMITED, (queue,)).fetchone() is not None
