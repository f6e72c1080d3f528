"""How a job that waits for more than its time comes into the queue.

Within the transaction of an enqueue, and loaded only where a job has such a wish.
"""

from __future__ import annotations

from queuectl_core import flow
from queuectl_core.errors import BadData, JobExists, NotFound
from queuectl_core.flow import ENDS, FINISHED, HELD, STARTED
from queuectl_core.job import Enqueued, name_of, number_in
from queuectl_core.lifecycle import CLAIMABLE, FINAL, Event, State
from queuectl_core.storage.sqlite import rows, waiting
from queuectl_core.storage.sqlite import statements_flow as sql
from queuectl_core.storage.sqlite.ledger import Note, Place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queuectl_core.flow import Flow, Unique
    from queuectl_core.job import NewJob
    from queuectl_core.storage.sqlite.ledger import Ledger
    from queuectl_core.storage.sqlite.rows import Row


def meet_twin(ledger: Ledger, wished: Flow | None, on_conflict: str) -> Enqueued | None:
    """Return the job that has the same unique key where it is to be left alone; None: go on.

    Raises JobExists where that is what to do, and where the other one runs and is to be replaced.
    """
    if wished is None or wished.unique is None:
        return None
    while (row := _twin(ledger, wished.unique)) is not None:
        number, job_id, word, queue, mutex, run_at_ms = row
        state = rows.state(word)
        if on_conflict == "skip":
            return Enqueued(number, job_id, created=False, run_at_ms=run_at_ms)
        if on_conflict != "replace" or state is State.PROCESSING:
            raise _twin_exists(wished.unique, name_of(number, job_id), state, on_conflict)
        if state not in CLAIMABLE:
            return None  # of the period, and over
        values = {"reason": "replaced", "now_ms": ledger.now_ms}
        ledger.move(
            Event.CANCEL, Place(number, state, queue, mutex), values, Note(None, "replaced")
        )
    return None


def _twin(ledger: Ledger, unique: Unique) -> Row | None:
    values: dict[str, str | int] = {"key": unique.key}
    statement = {STARTED: sql.NOT_STARTED, FINISHED: sql.NOT_FINISHED}.get(unique.scope)
    if statement is None:
        statement = sql.OF_PERIOD
        values["since"] = ledger.now_ms - (unique.period_ms or 0)
    row: Row | None = ledger.connection.execute(statement, values).fetchone()
    return row


def _twin_exists(unique: Unique, name: str, state: State, on_conflict: str) -> JobExists:
    if on_conflict == "replace":
        return JobExists(
            f'job {name} with the unique key "{unique.key}" runs right now',
            hint=f"cancel it first: queuectl cancel {name}",
        )
    return JobExists(
        f'a job with the unique key "{unique.key}" exists: job {name} is {state}',
        hint="--on-conflict skip lets it be, replace cancels it where it waits",
    )


def admit(ledger: Ledger, number: int, job: NewJob) -> str | None:
    """Write down what a new job waits for; return the reason why it waits, or `cancelled`.

    One whose condition can't come true any more is cancelled when this transaction takes effect.
    """
    wished = job.flow
    if wished is None:
        return None
    parents = [_parent(ledger, after.job, number) for after in wished.after]
    conditions = [after.condition for after in wished.after]
    pairs = [
        (parent, condition) for (parent, _), condition in zip(parents, conditions, strict=True)
    ]
    ledger.connection.execute(sql.SET_FLOW, {"number": number, **columns(wished, pairs)})
    blocked = waiting.enter(ledger, number, HELD if wished.hold else 0)
    for (parent, state), condition in zip(parents, conditions, strict=True):
        if state in FINAL and state not in ENDS[condition]:
            ledger.unmet.append((number, f"job {parent} is {state}"))
            return State.CANCELLED
    return flow.reason(blocked) if blocked else None


def columns(wished: Flow, pairs: list[tuple[int, str]]) -> dict[str, str | int | None]:
    """Return what SET_FLOW writes of a job that waits after these; nothing blocks it yet."""
    unique, mutex = wished.unique, wished.mutex
    return {
        "blocked": None,
        "after": flow.written(pairs) or None,
        "unique_key": None if unique is None else unique.key,
        "unique_scope": None if unique is None else unique.scope,
        "mutex": None if mutex is None else mutex.key,
        "mutex_slots": None if mutex is None else mutex.slots,
        "expires_at_ms": wished.expires_at_ms,
    }


def _parent(ledger: Ledger, word: str, child: int) -> tuple[int, State]:
    """Return number and state of the job that a word names: its text id, else its number."""
    row = _found(ledger, word)
    if row is None:
        raise NotFound(
            f'there is no job "{word[:130]}" to wait for',
            hint="add it first; queuectl list shows what is there",
        )
    if row[0] == child:
        raise BadData(f'job "{word[:130]}" can\'t wait for itself', hint="name another job")
    return row[0], rows.state(row[1])


def _found(ledger: Ledger, word: str) -> Row | None:
    found = by_text_id(ledger, word)
    if found is not None:
        return found
    number = number_in(word.removeprefix("#"))
    if number is None:
        return None
    values = {"number": number}
    row: Row | None = ledger.connection.execute(sql.PARENT_BY_NUMBER, values).fetchone()
    return row


def by_text_id(ledger: Ledger, word: str) -> Row | None:
    """Return number and state of the job with that text id, `id:` before it or not."""
    if word.startswith("#"):
        return None
    found = _by_id(ledger, word)
    return _by_id(ledger, word[3:]) if found is None and word.startswith("id:") else found


def _by_id(ledger: Ledger, word: str) -> Row | None:
    row: Row | None = ledger.connection.execute(sql.PARENT_BY_ID, {"id": word}).fetchone()
    return row
