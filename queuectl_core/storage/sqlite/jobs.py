"""What the verbs on jobs do inside a write transaction, from the claim on."""

from __future__ import annotations

from queuectl_core.job import HOOKS_QUEUE, SUSPECT_CRASHES
from queuectl_core.lifecycle import CLAIMABLE, TRANSITIONS, Event, State
from queuectl_core.run import Claim, Ending, Outcome
from queuectl_core.storage.sqlite import heads, rows, waiting
from queuectl_core.storage.sqlite import statements as sql
from queuectl_core.storage.sqlite.ledger import Note, Place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import apsw

    from queuectl_core.job import Job
    from queuectl_core.retry import Verdict
    from queuectl_core.storage.records import Result
    from queuectl_core.storage.sqlite.ledger import Ledger
    from queuectl_core.storage.sqlite.rows import Row


LOOKS = 50
"""Jobs that a claim looks at in vain. Each is expired or parked, and not looked at again."""


def claim_next(
    ledger: Ledger, worker: int, queues: Sequence[str] | None, *, limit: int, ahead: int
) -> Iterator[Claim]:
    """Claim the best due jobs of some queues for a worker, `ahead` of them before their time.

    `queues` None: of all. Fewer after LOOKS jobs that may not start, so that a transaction stays
    short: the caller asks again.
    """
    queues = _served(ledger, queues)
    taken, looks = 0, LOOKS
    while taken < limit + ahead and looks:
        best = heads.best(ledger, queues)
        if best is not None and best[6] >= SUSPECT_CRASHES and _suspect_runs(ledger):
            best = heads.best_clear(ledger, queues)
        if best is None or (taken >= limit and not (best[5] and not best[7])):
            return
        number, state, queue, _, _, limited, _, mutex, expires_at_ms = best[2:]
        place = Place(number, rows.state(state), queue, mutex)
        wishes = mutex is not None or expires_at_ms is not None
        if (limited and not _is_open(ledger, queue)) or (
            wishes and not waiting.may_start(ledger, place, expires_at_ms)
        ):
            looks -= 1
            continue
        claim = claim_one(ledger, worker, place)
        if claim is None:
            return
        if limited:
            _note_start(ledger, queue)
        taken += 1
        yield claim


def _served(ledger: Ledger, queues: Sequence[str] | None) -> Sequence[str] | None:
    """Open the queues of which the rate allows more by now; return those to claim from.

    While all queues are paused those are the hooks: one of them may be about that very pause.
    """
    found: list[Row] = ledger.connection.execute(
        sql.BEFORE_CLAIM, {"now_ms": ledger.now_ms}
    ).fetchall()
    if not found:
        return queues
    from queuectl_core.storage.sqlite import limits  # noqa: PLC0415 - few queues have any

    for (queue,) in found:
        limits.look_again(ledger, queue)
    if (sql.ALL_QUEUES,) in found:
        return [HOOKS_QUEUE] if queues is None or HOOKS_QUEUE in queues else []
    return queues


def _is_open(ledger: Ledger, queue: str) -> bool:
    """Tell whether a queue is open at our moment: it may be earlier than that of who opened it.

    The time is taken before the lock, and somebody who took it later can have had the lock before.
    """
    from queuectl_core.storage.sqlite import limits  # noqa: PLC0415 - few queues have any

    return limits.look_again(ledger, queue) == 0


def _note_start(ledger: Ledger, queue: str) -> None:
    from queuectl_core.storage.sqlite import limits  # noqa: PLC0415 - few queues have any

    limits.note_start(ledger, queue)


def claim_one(
    ledger: Ledger, worker: int, place: Place, *, starts_at_ms: int | None = None
) -> Claim | None:
    """Claim the job at a place for a worker, due or not; None when its state does not allow it.

    It starts now, or at the moment that its holder waits for.
    """
    values = {
        "worker": worker,
        "started_at_ms": ledger.now_ms if starts_at_ms is None else starts_at_ms,
    }
    if not ledger.move(Event.CLAIM, place, values):
        return None
    job = rows.job(ledger.row(sql.JOB_BY_NUMBER, {"number": place.number}))
    return Claim(job, job.token or 0)


def _suspect_runs(ledger: Ledger) -> bool:
    return bool(ledger.row(sql.SUSPECT_RUNS, {})[0])


def gives_back(result: Result) -> bool:
    """Tell whether the job of this result can be claimed again."""
    return TRANSITIONS[result.verdict.event][1] in CLAIMABLE


def concerns_others(result: Result) -> bool:
    """Tell whether others can go on by this: it is due again, or was a suspect in their way."""
    return result.verdict.event is Event.RELEASE or result.claim.job.suspect


def settle(ledger: Ledger, result: Result) -> bool:
    """Move a job out of `processing` as the verdict says, fenced by the claim's token.

    Write its attempt row, if it was started.
    """
    claim, outcome, verdict = result
    event = verdict.event
    if gives_back(result) and _cancel_wanted(ledger, claim):
        event = Event.STOP  # its worker had not heard of the wish when the run ended by itself
    place = Place(claim.job.number, State.PROCESSING, claim.job.queue, claim.job.mutex)
    values = _ending(ledger, result, event)
    if not ledger.move(event, place, values, Note(outcome.duration_ms, outcome.error)):
        return False
    if claim.job.schedule is not None and event is Event.COMPLETE:
        values = {"name": claim.job.schedule, "now_ms": ledger.now_ms}
        ledger.connection.execute(sql.SCHEDULE_SUCCESS, values)
    if not _unused(verdict):
        ledger.connection.execute(sql.INSERT_ATTEMPT, _attempt(ledger, claim.job, outcome))
    return True


def _cancel_wanted(ledger: Ledger, claim: Claim) -> bool:
    row = ledger.connection.execute(
        sql.CANCEL_WANTED, {"number": claim.job.number, "token": claim.token}
    ).fetchone()
    return row is not None


def _ending(ledger: Ledger, result: Result, event: Event) -> dict[str, apsw.SQLiteValue]:
    claim, outcome, verdict = result
    final = TRANSITIONS[event][1] not in CLAIMABLE
    unused = _unused(result.verdict)
    return {
        "token": claim.token,
        "reason": None if unused else getattr(verdict, "reason", outcome.ending),
        "run_at_ms": getattr(verdict, "run_at_ms", None),
        "uncounted": int(event is Event.RELEASE),
        "unused": int(unused),
        "crashed": getattr(verdict, "crashes", int(outcome.ending is Ending.INTERRUPTED)),
        "finished_at_ms": ledger.now_ms if final or event is Event.FAIL else None,
        "exit_code": outcome.exit_code,
        "signal": outcome.signal,
        "error": None if unused else outcome.error,
        "duration_ms": None if unused else outcome.duration_ms,
        "cpu_ms": outcome.cpu_ms,
        "max_rss_bytes": outcome.max_rss_bytes,
    }


def _unused(verdict: Verdict) -> bool:
    """Tell whether a claim is put back that was made ahead and never used."""
    return getattr(verdict, "unused", False)


def _attempt(ledger: Ledger, job: Job, outcome: Outcome) -> Row:
    return (
        job.number,
        job.starts,
        job.worker,
        job.started_at_ms,
        ledger.now_ms,
        outcome.ending,
        outcome.exit_code,
        outcome.signal,
        outcome.error,
        outcome.duration_ms,
        outcome.cpu_ms,
        outcome.max_rss_bytes,
        outcome.output_bytes,
    )


def cancel(ledger: Ledger, number: int) -> State | None:
    """Cancel a waiting job, ask for the end of a running one; return its state afterwards."""
    place = _place(ledger, number)
    if place is None:
        return None
    if place.state is State.PROCESSING:
        ledger.connection.execute(sql.REQUEST_CANCEL, {"number": number})
    elif place.state in CLAIMABLE:
        ledger.move(Event.CANCEL, place, {"reason": "cancelled", "now_ms": ledger.now_ms})
        return State.CANCELLED
    return place.state


def revive(ledger: Ledger, number: int, run_at_ms: int) -> State | None:
    """Make a job pending again where the table allows it; return its state before."""
    place = _place(ledger, number)
    if place is None:
        return None
    if place.state in TRANSITIONS[Event.REVIVE][0]:
        ledger.move(Event.REVIVE, place, {"run_at_ms": run_at_ms})
    return place.state


def _place(ledger: Ledger, number: int) -> Place | None:
    row = ledger.connection.execute(sql.JOB_STATE, {"number": number}).fetchone()
    return None if row is None else Place(number, rows.state(row[0]), *row[1:])


def interrupted(job: Job, now_ms: int) -> Outcome:
    """Return the outcome of a run that nobody saw end."""
    started_at_ms = now_ms if job.started_at_ms is None else job.started_at_ms
    return Outcome(
        Ending.INTERRUPTED, error="its worker died", duration_ms=max(0, now_ms - started_at_ms)
    )
