"""What people do to jobs, one or a million: cancel, retry, edit, remove.

Jobs come named or selected, in chunks of a transaction each, so that workers claim in between. What
can't be done to a job is told of it, and the others go on.
"""

from __future__ import annotations

from itertools import islice

from queuectl_core import joblog
from queuectl_core.errors import NotFound, UsageError, WrongState
from queuectl_core.lifecycle import CLAIMABLE, FINAL, TRANSITIONS, Event, State, states_for
from queuectl_core.records import Record
from queuectl_core.retry import HELD
from queuectl_core.services import jobs as finding
from queuectl_core.services import listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from queuectl_core.errors import QueuectlError
    from queuectl_core.job import Job
    from queuectl_core.selection import Selection
    from queuectl_core.storage.store import Store


class Verb(Record):
    """A change. `usual` are the states that a selection without one means, `allowed` all it takes.

    `done` is what a job is afterwards, as people say it; `hint` what to do for one that is refused.
    """

    name: str
    done: str
    usual: Sequence[State]
    allowed: Sequence[State]
    hint: str
    destructive: bool = False


_REVIVABLE = TRANSITIONS[Event.REVIVE][0]
CANCEL = Verb(
    "cancel",
    "cancelled",
    (*CLAIMABLE, State.PROCESSING),
    (*CLAIMABLE, State.PROCESSING),
    "queuectl show {}",
    destructive=True,
)
RETRY = Verb(
    "retry",
    "retried",
    (State.FAILED, State.DEAD),
    _REVIVABLE,
    f"only jobs that are {states_for(Event.REVIVE)} can",
)
RETRY_DEAD = Verb("retry", "retried", (State.DEAD,), (State.DEAD,), "queuectl retry {}")
NOW = Verb("run now", "due now", CLAIMABLE, CLAIMABLE, "only jobs that wait can")
HOLD = Verb("hold", "held", CLAIMABLE, CLAIMABLE, "only jobs that wait can")
RELEASE = Verb("release", "released", CLAIMABLE, CLAIMABLE, "queuectl show {}")
EDIT = Verb("edit", "edited", CLAIMABLE, CLAIMABLE, "only jobs that wait can: enqueue it anew")
REMOVE = Verb(
    "remove", "removed", FINAL, FINAL, "cancel it first: queuectl cancel {}", destructive=True
)
PURGE = Verb("purge", "purged", (State.DEAD,), (State.DEAD,), "queuectl dlq list", destructive=True)


class Refusal(Record):
    """A job, as it was named, to which something could not be done, and why."""

    name: str
    error: QueuectlError


class Batch(Record):
    """What became of some jobs: `changed` ones as they are now (removed ones as they were)."""

    changed: Sequence[Job]
    refused: Sequence[Refusal] = ()


# --- which ---


def named(store: Store, words: Iterable[str], verb: Verb) -> tuple[list[Job], list[Refusal]]:
    """Return the jobs that words name, each once, and what is wrong with the others."""
    found: dict[int, Job] = {}
    refused = []
    for word in words:
        try:
            job = finding.find(store, word)
        except NotFound as error:
            refused.append(Refusal(word, error))
            continue
        if job.number in found:
            continue
        if job.state in verb.allowed:
            found[job.number] = job
        else:
            refused.append(_refusal(job, job.state, verb))
    return list(found.values()), refused


def narrowed(selection: Selection, verb: Verb) -> Selection:
    """Return the selection in the states that the verb means or, where it names some, takes.

    Raises UsageError for a state that the verb never takes.
    """
    if not selection.states:
        return selection._replace(states=tuple(verb.usual))
    for state in selection.states:
        if state not in verb.allowed:
            first = ": cancel them first" if verb is REMOVE else ""
            raise UsageError(
                f"{state} jobs can't be {verb.done}{first}",
                hint=f"{verb.name} takes jobs that are {', '.join(verb.allowed)}",
            )
    return selection


def oldest_first(store: Store, selection: Selection) -> Iterator[Sequence[Job]]:
    """Yield pages in the order in which jobs came: those that run again keep it."""
    return listing.sorted_pages(store, selection, order="number", descending=False)


def free_of(page: Sequence[Job], verb: Verb) -> Sequence[Job]:
    """Return the jobs that the verb takes unnamed: a retry leaves out what is held (on_crash)."""
    if verb.name != RETRY.name:
        return page
    return [job for job in page if job.reason != HELD or job.state is not State.DEAD]


# --- what ---


def cancel(store: Store, jobs: Sequence[Job], *, now_ms: int) -> Batch:
    """Cancel jobs that wait; those that run stay `processing`: their workers are told to stop them.

    One that has ended meanwhile is refused.
    """
    states = store.cancel([job.number for job in jobs], now_ms=now_ms)
    while store.settle_waiting(now_ms=now_ms):
        pass  # more jobs waited for these than one transaction tells
    return _sorted(jobs, states, CANCEL, wanted=(State.CANCELLED, State.PROCESSING))


def retry(
    store: Store, jobs: Sequence[Job], *, now_ms: int, moments_ms: Iterator[int] | None = None
) -> Batch:
    """Make jobs pending again, attempts from zero: due at once, or at the next of `moments_ms`."""
    due_ms = None if moments_ms is None else list(islice(moments_ms, len(jobs)))
    states = store.revive([job.number for job in jobs], now_ms=now_ms, due_ms=due_ms)
    batch = _sorted(jobs, states, RETRY, wanted=RETRY.allowed)
    return batch._replace(changed=[job._replace(state=State.PENDING) for job in batch.changed])


def edit(store: Store, jobs: Sequence[Job], fields: Mapping[str, object], *, now_ms: int) -> Batch:
    """Give jobs that wait new values; `fields` as services/editing.py makes them."""
    states = store.edit([job.number for job in jobs], fields, now_ms=now_ms)
    return _sorted(jobs, states, EDIT, wanted=EDIT.allowed)


def hold(store: Store, jobs: Sequence[Job], *, now_ms: int) -> Batch:
    """Hold back jobs that wait, until they are released."""
    states = store.hold([job.number for job in jobs], now_ms=now_ms)
    return _sorted(jobs, states, HOLD, wanted=HOLD.allowed)


def release(store: Store, jobs: Sequence[Job], *, now_ms: int) -> Batch:
    """Let held jobs go; those that are not held are refused."""
    let_go = store.unhold([job.number for job in jobs], now_ms=now_ms)
    pairs = list(zip(jobs, let_go, strict=True))
    refused = [
        Refusal(
            job.name, WrongState(f"job {job.name} is not held", hint=f"queuectl show {job.name}")
        )
        for job, went in pairs
        if not went
    ]
    return Batch([job for job, went in pairs if went], refused)


def remove(store: Store, jobs: Sequence[Job], *, logs_dir: str, now_ms: int) -> Batch:
    """Forget final jobs with their attempts, then remove their output.

    Output that can't be removed is left to the pruner of a worker.
    """
    removed = store.remove([job.number for job in jobs], now_ms=now_ms)
    states = [None if one is None else one.state for one in removed]
    for job, one in zip(jobs, removed, strict=True):
        if one is not None and one.state in FINAL:
            delete_output(logs_dir, job.number, one.starts)
    return _sorted(jobs, states, REMOVE, wanted=FINAL)


def delete_output(logs_dir: str, number: int, starts: int) -> None:
    """Remove what all starts of a job wrote, as far as it can be."""
    try:
        joblog.delete(logs_dir, number, range(1, starts + 1))
    except OSError:
        return


def _sorted(
    jobs: Sequence[Job], states: Sequence[State | None], verb: Verb, wanted: Sequence[State]
) -> Batch:
    """Tell jobs that were changed, by the states that the store told, from those that were not."""
    changed, refused = [], []
    for job, state in zip(jobs, states, strict=True):
        if state is not None and state in wanted:
            changed.append(job._replace(state=state))
        else:
            refused.append(_refusal(job, state, verb))
    return Batch(changed, refused)


def _refusal(job: Job, state: State | None, verb: Verb) -> Refusal:
    if state is None:
        return Refusal(job.name, NotFound(f'there is no job "{job.name}" any more'))
    return Refusal(
        job.name,
        WrongState(
            f"job {job.name} can't be {verb.done}: it is {state}", hint=verb.hint.format(job.name)
        ),
    )


def paced(now_ms: int, gap_ms: float) -> Iterator[int]:
    """Yield moments from now on, `gap_ms` apart."""
    place = 0
    while True:
        yield now_ms + int(place * gap_ms)
        place += 1
