"""Makes the jobs of schedules when their times come, and notes which lack a success.

One worker of a queue does so, the holder of a lock that the kernel takes from it when it dies. That
spares work; that no time gets two jobs is the queue's own guard, whoever ticks.
"""

from __future__ import annotations

import fcntl
import logging
import os
import random

from queuectl_core import machine, schedule
from queuectl_core.errors import BadData
from queuectl_core.worker import worklog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from queuectl_core.clock import Clock
    from queuectl_core.schedule import Schedule, Tick
    from queuectl_core.storage.store import Store

LOCK = "ticker.lock"
SLICE_MS = 50
BATCH = 100
MEND_EVERY_MS = 10_000
"""How long a schedule that can't be read is passed over."""
log = logging.getLogger(__name__)


class Ticker:
    """For one thread; `look` whenever `next_look_ms` says, and when the queue's bell has rung."""

    def __init__(
        self,
        store: Store,
        logs_dir: str,
        clock: Clock,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._schedules = store.schedules()
        self._logs_dir = logs_dir
        self._clock = clock
        self._chance = chance
        self._host = machine.host()
        self._hold: int | None = None
        self._said = worklog.Said(clock)
        self._broken: set[str] = set()
        self._again_ms = 0

    def look(self, *, max_retries: int, pause_ms: int) -> int:
        """Do what is due, for about SLICE_MS; return the time until the next look, at most a pause.

        Nothing is done while another worker of this queue ticks.
        """
        if not self._holds():
            return pause_ms
        until_ms = self._clock.monotonic_ms() + SLICE_MS
        while (wait_ms := self._wait_ms(pause_ms)) <= 0:
            if not self._tick(max_retries):
                return pause_ms  # only what is broken is left
            if self._clock.monotonic_ms() >= until_ms:
                return 0
        return wait_ms

    def leave(self) -> None:
        """Let another worker tick."""
        if self._hold is not None:
            os.close(self._hold)
            self._hold = None

    def _holds(self) -> bool:
        """Tell whether it is ours to tick; take that on where nobody does."""
        if self._hold is not None:
            return True
        os.makedirs(self._logs_dir, mode=0o700, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        hold = os.open(os.path.join(self._logs_dir, LOCK), flags, 0o600)
        try:
            fcntl.flock(hold, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(hold)
            return False
        self._hold = hold
        return True

    def _wait_ms(self, pause_ms: int) -> int:
        """Return the time until a schedule wants something; 0: it does now."""
        next_ms = self._schedules.next_ms()
        return pause_ms if next_ms is None else min(next_ms - self._clock.now_ms(), pause_ms)

    def _tick(self, max_retries: int) -> bool:
        """Do a batch of what is due; tell whether there was anything that could be done."""
        now_ms = self._clock.now_ms()
        late = self._schedules.note_late(now_ms=now_ms)
        for name in late:
            log.warning("schedule %s: no success in time", name)
        planned = list(self._planned(now_ms))
        fired = self._schedules.fire(planned, max_retries=max_retries, now_ms=now_ms)
        for (due, _), jobs in zip(planned, fired, strict=True):
            for job in jobs or ():
                log.info("schedule %s: job %s", due.name, job.name)
        return bool(planned or late)

    def _planned(self, now_ms: int) -> Iterator[tuple[Schedule, Tick]]:
        """Yield schedules that are due, each with what to do; say of a broken one that it is."""
        if self._clock.monotonic_ms() >= self._again_ms:
            self._broken.clear()
            self._again_ms = self._clock.monotonic_ms() + MEND_EVERY_MS
        for due in self._schedules.due(now_ms=now_ms, limit=BATCH, but=sorted(self._broken)):
            try:
                tick = schedule.tick(due, now_ms=now_ms, host=self._host, chance=self._chance)
            except BadData as error:  # a zone that this machine does not have
                self._broken.add(due.name)
                self._said.warning("schedule %s makes no jobs: %s", due.name, error)
                continue
            yield due, tick
