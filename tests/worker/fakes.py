"""A crew whose executor returns outcomes, and stores that fail on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from queuectl_core import config
from queuectl_core.home import Home
from queuectl_core.storage import open_store
from queuectl_core.worker.crew import Crew
from queuectl_core.worker.executor import LINGER_MS
from queuectl_core.worker.plan import Plan
from queuectl_core.worker.reserve import Reserve, path_beside
from queuectl_core.worker.turnstile import Turnstile
from tests.builders import NOW_MS, new_worker, success

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from queuectl_core.run import Outcome
    from queuectl_core.storage.store import Store
    from queuectl_core.worker.executor import Command
    from tests.clocks import ManualClock

SETTINGS = config.resolve({}, {}, {})


class FakeExecutor:
    """Gives the outcomes in order, raises those that are errors; then tells the crew to stop.

    Lets its companion know of the start, and of a run that takes long by the outcome's duration.
    """

    def __init__(self, *outcomes: Outcome | Exception) -> None:
        self._outcomes = list(outcomes) or [success()]
        self.commands: list[Command] = []
        self.crew: Crew | None = None

    def __call__(self, command: Command, *rest: Any) -> Outcome:
        """Run nothing."""
        _, _, clock, companion = rest
        self.commands.append(command)
        outcome = self._outcomes.pop(0)
        companion.started()
        if not self._outcomes and self.crew is not None:
            self.crew.stopping.set()
        if isinstance(outcome, Exception):
            raise outcome
        for _ in range(outcome.duration_ms // LINGER_MS):
            clock.advance(LINGER_MS)
            companion.lingers()
        return outcome


class FaultyStore:
    """A store that raises these errors first, one a call of `finish_and_claim`; a spy of calls."""

    def __init__(self, store: Store, errors: Sequence[Exception] = ()) -> None:
        self._store = store
        self._errors = list(errors)
        self.batches: list[int] = []

    def __getattr__(self, name: str) -> Any:
        """Be the store in all else."""
        return getattr(self._store, name)

    def finish_and_claim(self, results: Sequence[Any], **rest: Any) -> Any:
        """Fail, or pass on."""
        self.batches.append(len(results))
        if self._errors:
            raise self._errors.pop(0)
        return self._store.finish_and_claim(results, **rest)


class Shop:
    """A queue with one registered worker, and a crew for its threads."""

    def __init__(self, path: Path, clock: ManualClock, execute: FakeExecutor) -> None:
        path.chmod(0o700)
        url = str(path / "queue.db")
        self.clock = clock
        self.store = open_store(url, now_ms=NOW_MS)
        self.worker = self.store.register(new_worker(), now_ms=NOW_MS)
        self.plan = plan = Plan(Home(str(path)), url, SETTINGS, 2, None, False, {"PATH": "/bin"})
        self.reserve = Reserve(path_beside(url))
        turnstile = Turnstile(worker=self.worker, queues=None, clock=clock, reserve=self.reserve)
        self.crew = Crew(plan, turnstile=turnstile, clock=clock, execute=execute)
        execute.crew = self.crew

    def open_stores_as(self, *errors: Exception) -> FaultyStore:
        """Let the crew's threads get a store that fails first; return it."""
        faulty = FaultyStore(self.crew.open_store(), errors)
        self.crew.open_store = lambda: faulty
        return faulty
