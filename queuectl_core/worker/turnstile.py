"""Group commit: threads that meet at the queue go through it in one transaction.

Each thread leaves its finished run and its wish for the next one; whoever holds the lock takes
everybody's along ("flat combining", Hendler et al., SPAA 2010). One sync for many jobs: at 8
threads 1.03 of `xargs -P8`, where a transaction per thread reached 0.81 (docs/benchmarks.md).
"""

from __future__ import annotations

import threading

from queuectl_core.errors import QueuectlError, StorageFull
from queuectl_core.worker.shelf import Shelf
from queuectl_core.worker.shortage import Shortage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl_core.clock import Clock
    from queuectl_core.run import Claim
    from queuectl_core.storage.records import Result
    from queuectl_core.storage.store import Store
    from queuectl_core.worker.reserve import Reserve


class Turn:
    """One thread's turn: what it brings, what it wants, what it gets.

    `ahead` is how many claims it wants laid on the shelf. Nobody waits for one that was `left`.
    """

    def __init__(
        self, results: Sequence[Result], *, wants: bool, ahead: int, left: bool = False
    ) -> None:
        self.results = results
        self.wants = wants
        self.ahead = ahead
        self.left = left
        self.done = False
        self.held: list[bool] = []
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
        self.shelf = Shelf()
        self.shortage = Shortage(clock)
        self._worker = worker
        self._queues = queues
        self._clock = clock
        self._guard = threading.Lock()
        self._serving = False
        self._waiting: list[Turn] = []

    @property
    def used_up(self) -> bool:
        """Tell whether no job may be taken any more."""
        return False

    def swap(
        self, store: Store, results: Sequence[Result], *, wants: bool, ahead: int = 0
    ) -> tuple[list[bool], Claim | None]:
        """Record `results` and claim the next job if one is wanted, on disk when it returns.

        Tells whether each result's claim still held, and gives the new claim, None when no job is
        due. Up to `ahead` more are claimed and laid on the shelf. Uses the caller's own store, or
        is served by a thread that was here first. Raises what the store raises; then nothing of
        ours was recorded or claimed.
        """
        turn = Turn(results, wants=wants, ahead=ahead)
        if not self._comes_first(turn):
            turn.wait()
        if not turn.done:
            self._serve(store, turn)
        if turn.error is not None:
            raise turn.error
        return turn.held, turn.claim

    def leave(self, store: Store, results: Sequence[Result], *, ahead: int) -> Turn:
        """Record `results` now if nobody else records any, else leave them to who does so next.

        Whether that was done, and how it went, is in the turn. It is done when a later `swap` of
        any thread returns. Raises nothing.
        """
        turn = Turn(results, wants=False, ahead=ahead, left=True)
        if self._comes_first(turn):
            self._serve(store, turn)
        return turn

    def _comes_first(self, turn: Turn) -> bool:
        """Queue up; tell whether nobody serves, so that it is ours to do."""
        with self._guard:
            self._waiting.append(turn)
            first = not self._serving
            self._serving = True
        return first

    def _serve(self, store: Store, own: Turn) -> None:
        """Serve all who wait, call the next one to serve, then wake those who were served.

        Turns that were left while we served wait for whoever comes: to serve them too would keep
        our own thread from its job (0.83 of `xargs -P4` instead of 0.88).
        """
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
            following = next((turn for turn in self._waiting if not turn.left), None)
            self._serving = following is not None
            if following is not None:
                following.call()
        for turn in turns:
            if turn is not own:
                turn.call()

    def _exchange_all(self, store: Store, turns: Sequence[Turn]) -> None:
        """Exchange for all at once; one by one if that fails, since one bad record may be why."""
        try:
            self._exchange(store, turns)
        except QueuectlError as error:
            if len(turns) == 1:
                turns[0].error = error
            else:
                for turn in turns:
                    self._exchange_alone(store, turn)

    def _exchange_alone(self, store: Store, turn: Turn) -> None:
        try:
            self._exchange(store, [turn])
        except QueuectlError as error:
            turn.error = error

    def _exchange(self, store: Store, turns: Sequence[Turn]) -> None:
        """Exchange in one transaction; on a full disk results only, and the reserve makes room."""
        claiming = [] if self.reserve.disk_is_full else turns
        wanting = [turn for turn in claiming if turn.wants][: self.shortage.admits]
        ahead = sum(turn.ahead for turn in claiming) if self.shortage.admits is None else 0
        try:
            self._commit(store, turns, wanting, ahead)
        except StorageFull:
            self.reserve.declare_full()
            # a claim needs room as well, and what it starts will want more
            if not wanting and not ahead and not self.reserve.spend():
                raise
            self._exchange(store, turns)

    def _commit(
        self, store: Store, turns: Sequence[Turn], wanting: Sequence[Turn], ahead: int
    ) -> None:
        held, claims = store.finish_and_claim(
            [result for turn in turns for result in turn.results],
            worker=self._worker,
            limit=len(wanting),
            ahead=ahead,
            now_ms=self._clock.now_ms(),
            queues=self._open_queues(turns),
        )
        for turn in turns:
            turn.held, held = held[: len(turn.results)], held[len(turn.results) :]
        for turn, claim in zip(wanting, claims, strict=False):  # fewer claims than wishes
            turn.claim = claim
        if ahead:
            self.shelf.lay_by(claims[len(wanting) :], self._clock.monotonic_ms())

    def _open_queues(self, _turns: Sequence[Turn]) -> Sequence[str] | None:
        """Return the queues to claim from now; None: all."""
        return self._queues
