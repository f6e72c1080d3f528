"""All selected jobs, page by page, in bounded memory."""

from __future__ import annotations

from queuectl_core.selection import EVERY, Selection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from queuectl_core.job import Job
    from queuectl_core.storage.store import Store

PAGE = 500


def pages(
    store: Store, selection: Selection = EVERY, *, limit: int | None = None
) -> Iterator[Sequence[Job]]:
    """Yield pages of the selected jobs, the newest first, up to `limit`; None: all.

    Holds one page. A page may be empty while the search goes on: a chance to show progress.
    """
    left = limit
    below: int | None = None
    while left is None or left > 0:
        size = PAGE if left is None else min(PAGE, left)
        jobs, below = store.select(selection, below=below, limit=size)
        yield jobs
        if below is None:
            return
        left = None if left is None else left - len(jobs)


def sorted_pages(
    store: Store,
    selection: Selection,
    *,
    order: str,
    descending: bool = True,
    limit: int | None = None,
) -> Iterator[Sequence[Job]]:
    """Yield pages of the selected jobs in another order; 8 bytes are held for each job.

    A job that is forgotten in between is left out.
    """
    numbers = store.ranking(selection, order=order, descending=descending, limit=limit)
    for start in range(0, len(numbers), PAGE):
        page = numbers[start : start + PAGE]
        yield store.select(Selection(numbers=page), limit=PAGE).jobs
