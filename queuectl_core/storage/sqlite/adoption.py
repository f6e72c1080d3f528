"""How jobs come in that were in another queue: in their states, with their attempts and wishes."""

from __future__ import annotations

from queuectl_core import flow
from queuectl_core.errors import NotFound
from queuectl_core.flow import HELD
from queuectl_core.job import Enqueued, number_in
from queuectl_core.lifecycle import CLAIMABLE, FINAL, State
from queuectl_core.storage.sqlite import admission, heads, intake, rows, waiting
from queuectl_core.storage.sqlite import statements as sql
from queuectl_core.storage.sqlite import statements_changes as changes_sql
from queuectl_core.storage.sqlite import statements_flow as flow_sql

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from queuectl_core.flow import After, Flow
    from queuectl_core.storage.records import History
    from queuectl_core.storage.sqlite.ledger import Ledger

    Known = Callable[[int], int | None]


class Adoption:
    """The jobs of one transaction. A number of the other queue stands for a job that came along."""

    def __init__(self, ledger: Ledger, on_conflict: str, known: Known | None) -> None:
        self._ledger = ledger
        self._on_conflict = on_conflict
        self._known = known
        self._moved: dict[int, int] = {}

    def adopt(self, history: History) -> Enqueued:
        """Add a job as it was, or meet a conflict as told."""
        wished = history.flow if history.job.state in CLAIMABLE else None
        added = admission.meet_twin(self._ledger, wished, self._on_conflict)
        if added is None:
            added = self._insert(history)
        if history.origin is not None:
            self._moved[history.origin] = added.number
        if not added.created or history.flow is None:
            return added
        return added._replace(waits=self._wait(added.number, history, history.flow))

    def _insert(self, history: History) -> Enqueued:
        """Insert a job; for the pruner its end is in the history of events too."""
        ledger, (job, attempts) = self._ledger, history[:2]
        values = [rows.column(getattr(job, name)) for name in changes_sql.KEPT]
        row = ledger.connection.execute(changes_sql.ADOPT, values).fetchone()
        if row is None:
            old = rows.job(ledger.row(sql.JOB_BY_ID, {"id": job.id}))
            if self._on_conflict == "skip":
                return Enqueued(old.number, old.id, created=False, run_at_ms=old.run_at_ms)
            intake.make_way(ledger, old, self._on_conflict)
            row = ledger.row(changes_sql.ADOPT, values)
        number: int = row[0]
        if job.tags:
            ledger.connection.execute(sql.INSERT_TAGS, {"first": number, "last": number})
        for attempt in attempts:
            ledger.connection.execute(sql.INSERT_ATTEMPT, attempt._replace(job=number))
        ledger.count(job.queue, job.state, 1)
        heads.lower(ledger, number)
        at_ms = job.finished_at_ms if job.state in FINAL else None
        ledger.note(number, job.queue, sql.IMPORT, job.state, at_ms=at_ms)
        return Enqueued(number, job.id, created=True, run_at_ms=job.run_at_ms)

    def _wait(self, number: int, history: History, wished: Flow) -> str | None:
        """Write down what a job waits for, or waited for; return the reason why it waits.

        One that has failed was let go before; it lines up for its mutex alone.
        """
        waits = history.job.state is State.PENDING
        if history.job.state is State.FAILED:
            wished = wished._replace(after=(), hold=False)
        found = [(self._here(after), after) for after in wished.after]
        for here, after in found:
            if waits and here is None:
                raise _missing(after)
        pairs = [(here, after.condition) for here, after in found if here is not None]
        values = {"number": number, **admission.columns(wished, pairs)}
        self._ledger.connection.execute(flow_sql.SET_FLOW, values)
        if history.job.state in FINAL:
            return None
        blocked = waiting.enter(self._ledger, number, HELD if wished.hold else 0)
        return flow.reason(blocked) if blocked else None

    def _here(self, after: After) -> int | None:
        """Return the number here of a job to wait for; None where it did not come along."""
        row = admission.by_text_id(self._ledger, after.job)
        if row is not None:
            number: int = row[0]
            return number
        there = number_in(after.job.removeprefix("#"))
        if there is None:
            return None
        here = self._moved.get(there)
        return here if here is not None or self._known is None else self._known(there)


def _missing(after: After) -> NotFound:
    return NotFound(
        f'it waits for job "{after.job[:130]}", which did not come along',
        hint='export that job too, or take it out of "after"',
    )
