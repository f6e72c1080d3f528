"""A change to all jobs that a search finds, a stretch at a time: each ends within a span of time.

What is done is done: a stretch that was cut off tells where the next one goes on.
"""

from __future__ import annotations

from queuectl_core.records import Record
from queuectl_core.services import changes, listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from queuectl_core.clock import Clock
    from queuectl_core.job import Job
    from queuectl_core.selection import Selection
    from queuectl_core.services.changes import Batch, Verb
    from queuectl_core.storage.store import Store

    Fits = Callable[[Job], bool]
    Act = Callable[[Sequence[Job]], Batch]

STRETCH_MS = 4_000
COUNT_MS = 2_000


class Sweep(Record):
    """Which jobs: those under a number that the selection finds and that fit."""

    selection: Selection
    fits: Fits
    below: int


class Found(Record):
    """Jobs of a look: `below` leads to those not looked at yet; None: all were."""

    jobs: Sequence[Job]
    below: int | None


class Swept(Record):
    """What a stretch did. `below` is where the next one goes on; None: all is done."""

    changed: int
    refused: int
    below: int | None


class Tally(Record):
    """How many jobs a sweep is about. `whole` is False where the count was cut off."""

    jobs: int
    whole: bool


def look(store: Store, sweep: Sweep, *, limit: int, clock: Clock, budget_ms: int = 150) -> Found:
    """Return up to `limit` jobs, the newest first, but look no longer than about `budget_ms`."""
    found: list[Job] = []
    end_ms = clock.monotonic_ms() + budget_ms
    below: int | None = sweep.below
    while below is not None and len(found) < limit:
        page = store.select(sweep.selection, below=below, limit=limit)
        below = page.below
        for job in page.jobs:
            if sweep.fits(job):
                found.append(job)
            if len(found) == limit:
                below = job.number
                break
        if clock.monotonic_ms() >= end_ms:
            break
    return Found(found, below)


def tally(store: Store, sweep: Sweep, verb: Verb, *, clock: Clock, tested: bool) -> Tally:
    """Count the jobs that the verb would change; by the index alone where nothing is tested."""
    if not tested:
        return Tally(store.count(sweep.selection), whole=True)
    jobs = 0
    end_ms = clock.monotonic_ms() + COUNT_MS
    for page in pages(store, sweep):
        jobs += len(changes.free_of(page.jobs, verb))
        if clock.monotonic_ms() >= end_ms:
            return Tally(jobs, whole=page.below is None)
    return Tally(jobs, whole=True)


def run(store: Store, sweep: Sweep, verb: Verb, act: Act, *, clock: Clock) -> Swept:
    """Change the jobs, a transaction for each page of 500, for about STRETCH_MS."""
    changed = refused = 0
    below: int | None = None
    end_ms = clock.monotonic_ms() + STRETCH_MS
    for page in pages(store, sweep):
        below = page.below
        jobs = changes.free_of(page.jobs, verb)
        batch = act(jobs) if jobs else changes.Batch(())
        changed += len(batch.changed)
        refused += len(batch.refused)
        if clock.monotonic_ms() >= end_ms:
            break
    return Swept(changed, refused, below)


def pages(store: Store, sweep: Sweep) -> Iterator[Found]:
    """Yield all jobs, the newest first; a page may be empty while the search goes on."""
    below: int | None = sweep.below
    while below is not None:
        page = store.select(sweep.selection, below=below, limit=listing.PAGE)
        below = page.below
        yield Found([job for job in page.jobs if sweep.fits(job)], below)
