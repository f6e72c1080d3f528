"""The halves of a worker's one verb, `finish_and_claim`, for tests that care about one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl_core.run import Claim
    from queuectl_core.storage.records import Result
    from queuectl_core.storage.store import Store


def claim(
    store: Store, *, worker: int, limit: int, now_ms: int, queues: Sequence[str] | None = None
) -> list[Claim]:
    """Take up to `limit` due jobs, and finish nothing."""
    _, taken = store.finish_and_claim([], worker=worker, limit=limit, now_ms=now_ms, queues=queues)
    return taken


def finish(store: Store, results: Sequence[Result], *, now_ms: int) -> list[bool]:
    """Record how runs ended, and take nothing; tell for each whether its claim held."""
    held, _ = store.finish_and_claim(results, worker=0, limit=0, now_ms=now_ms)
    return held
