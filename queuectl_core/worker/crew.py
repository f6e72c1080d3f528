"""What the threads of one pool share: settings, clock, doors to storage, and the word to stop."""

from __future__ import annotations

import threading

from queuectl_core.storage import open_store
from queuectl_core.worker import executor, shortage, worklog
from queuectl_core.worker.alarm import Buzzer, IdleRoom

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from queuectl_core.clock import Clock
    from queuectl_core.errors import QueuectlError
    from queuectl_core.joblog import JobLogWriter
    from queuectl_core.run import Outcome
    from queuectl_core.storage.store import Store
    from queuectl_core.worker.plan import Plan
    from queuectl_core.worker.seams import Companion
    from queuectl_core.worker.turnstile import Turnstile

    Execute = Callable[
        [executor.Command, JobLogWriter, executor.Stopper, Clock, Companion], Outcome
    ]


class Crew:
    """Made by the pool, read by its workers.

    `settings` may be replaced as a whole while they run.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        turnstile: Turnstile,
        clock: Clock,
        execute: Execute | None = None,
    ) -> None:
        self.settings = plan.settings
        self.logs_dir = plan.logs_dir
        self.threads = plan.threads
        self.turnstile = turnstile
        self.shelf = turnstile.shelf
        self.reserve = turnstile.reserve
        self.shortage = turnstile.shortage
        self.clock = clock
        self.execute = execute or executor.Executor(plan.environ, self.shortage).run
        self.said = worklog.Said(clock)
        self.room = IdleRoom()
        self.buzzer = Buzzer()
        self.stopping = threading.Event()  # no new claims
        self.forced = threading.Event()  # and give back what runs
        self.failure: QueuectlError | None = None
        self._db_url = plan.db_path

    def open_store(self) -> Store:
        """Open the calling thread's own connection."""
        return open_store(self._db_url, now_ms=self.clock.now_ms())

    def put_off(self, error: Exception, pause_ms: int) -> None:
        """Pause over what may pass, and say it once a minute; raise a bug of ours."""
        self.said.warning("caretaker: %s", shortage.told(error))
        self.clock.pause(pause_ms)

    def fail(self, error: QueuectlError) -> None:
        """Report what no thread can mend; the pool ends over it."""
        self.failure = error
        self.buzzer.press()
