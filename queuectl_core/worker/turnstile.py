"""Group commit: threads that meet at the queue go through it in one transaction.

Each thread leaves its finished run and its wish for the next one; whoever holds the lock takes
everybody's along ("flat combining", Hendler et al., SPAA 2010). One sync for many jobs: at 8
threads 1.03 of `xargs -P8`, where a transaction per thread reached 0.81 (docs/benchmarks.md).
"""

from __future__ import annotations

import threading

from queuectl_core.errors import QueuectlError, StorageFull

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl_core.clock import Clock
    from queuectl_core.run import Claim
    from queuectl_core.storage.records import Result
    from queuectl_core.storage.store import Store
    from queuectl_core.worker.reserve import Reserve


class _Pass:
    """One thread's turn: what it brings, what it wants, what it gets."""

    def __init__(self, result: Result | None, *, wants: bool) -> None:
        self.result = result
        self.wants = wants
        self.done = False
        self.held = True
        self.claim: Claim | None = None
        self.error: BaseException | None = None
        self._called = threading.Lock()
        self._called.acquire()

    def wait(self) -> None:
        """Wait until we were served, or are called to serve."""
        self._called.acquire()

    def call(self) -> None:
        """End the wait."""
        self._called.release()


class Turnstile:
    """Where the threads of one pool hand in results and take claims. Thread-safe.

    Each waiting thread has a lock of its own to sleep on. On a common one those who are served
    would have to pass through it one after another, and the next batch would wait for them.
    """

    def __init__(
        self, *, worker: int, queues: Sequence[str] | None, clock: Clock, reserve: Reserve
    ) -> None:
        self.reserve = reserve
        self._worker = worker
        self._queues = queues
        self._clock = clock
        self._guard = threading.Lock()
        self._serving = False
        self._waiting: list[_Pass] = []

    def swap(
        self, store: Store, result: Result | None, *, wants: bool
    ) -> tuple[bool, Claim | None]:
        """Record `result` and claim the next job if one is wanted, on disk when it returns.

        Tells whether the result's claim still held, and gives the new claim, None when no job is
        due. Uses the caller's own store, or is served by a thread that was here first. Raises what
        the store raises; then nothing of ours was recorded or claimed.
        """
        turn = _Pass(result, wants=wants)
        if not self._comes_first(turn):
            turn.wait()
        if not turn.done:
            self._serve(store, turn)
        if turn.error is not None:
            raise turn.error
        return turn.held, turn.claim

    def _comes_first(self, turn: _Pass) -> bool:
        """Queue up; tell whether nobody serves, so that it is ours to do."""
        with self._guard:
            self._waiting.append(turn)
            first = not self._serving
            self._serving = True
        return first

    def _serve(self, store: Store, own: _Pass) -> None:
        """Serve all who wait, call the next one to serve, then wake those who were served."""
        with self._guard:
            turns, self._waiting = self._waiting, []
        try:
            self._exchange_all(store, turns)
        except BaseException as error:  # noqa: BLE001 - raised in each of their threads
            for turn in turns:
                turn.error = error
        for turn in turns:
            turn.done = True
        with self._guard:
            self._serving = bool(self._waiting)
            if self._waiting:
                self._waiting[0].call()
        for turn in turns:
            if turn is not own:
                turn.call()

    def _exchange_all(self, store: Store, turns: Sequence[_Pass]) -> None:
        """Exchange for all at once; one by one if that fails, since one bad record may be why."""
        try:
            self._exchange(store, turns)
        except QueuectlError as error:
            if len(turns) == 1:
                turns[0].error = error
            else:
                for turn in turns:
                    self._exchange_alone(store, turn)

    def _exchange_alone(self, store: Store, turn: _Pass) -> None:
        try:
            self._exchange(store, [turn])
        except QueuectlError as error:
            turn.error = error

    def _exchange(self, store: Store, turns: Sequence[_Pass]) -> None:
        """Exchange in one transaction; on a full disk results only, and the reserve makes room."""
        wanting = [turn for turn in turns if turn.wants and not self.reserve.disk_is_full]
        try:
            self._commit(store, turns, wanting)
        except StorageFull:
            self.reserve.declare_full()
            # a claim needs room as well, and what it starts will want more
            if not wanting and not self.reserve.spend():
                raise
            self._exchange(store, turns)

    def _commit(self, store: Store, turns: Sequence[_Pass], wanting: Sequence[_Pass]) -> None:
        results = [turn.result for turn in turns if turn.result is not None]
        held, claims = store.finish_and_claim(
            results,
            worker=self._worker,
            limit=len(wanting),
            now_ms=self._clock.now_ms(),
            queues=self._queues,
        )
        verdicts = iter(held)
        for turn in turns:
            if turn.result is not None:
                turn.held = next(verdicts)
        for turn, claim in zip(wanting, claims, strict=False):  # fewer claims than wishes
            turn.claim = claim
