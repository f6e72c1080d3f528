"""Takes back the jobs of workers that died, after ending what is left of them."""

from __future__ import annotations

import logging

from queuectl_core.worker import processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queuectl_core.clock import Clock
    from queuectl_core.storage.records import DeadWorker
    from queuectl_core.storage.store import Store
    from queuectl_core.worker.reserve import Reserve

log = logging.getLogger(__name__)


def rescue_all(store: Store, clock: Clock, reserve: Reserve) -> int:
    """Rescue every dead worker of this queue; return how many jobs came back or were buried.

    On a full disk the reserve makes room for what is recorded.
    """
    waiting = store.take_dead_workers()
    rescued = 0
    try:
        while waiting:
            rescued += _rescue(store, waiting.pop(), clock, reserve)
    finally:
        for dead in waiting:
            dead.release()
    return rescued


def _rescue(store: Store, dead: DeadWorker, clock: Clock, reserve: Reserve) -> int:
    """Kill first, then requeue: no job may start while its last attempt still runs."""
    rescued = False
    try:
        killed = processes.kill_tokens(claim.token for claim in dead.claims)
        results = reserve.through(lambda: store.rescue(dead, now_ms=clock.now_ms()))
        rescued = True
    finally:
        if not rescued:
            dead.release()
    if results:
        log.warning(
            "worker %d died: %d jobs back, %d processes killed", dead.id, len(results), killed
        )
    return len(results)
