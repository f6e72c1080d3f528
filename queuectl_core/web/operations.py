"""Bulk operations: one verb for all selected jobs, in a thread of its own, some hundred at a time.

Known to this process only and gone with it: what was done is in the audit. The selection is taken
once, at the start; jobs that come later are none of its business.
"""

from __future__ import annotations

import os
from itertools import islice
from threading import Event, Lock, Thread

from queuectl_core.errors import BadData, NotFound, QueuectlError
from queuectl_core.records import Record
from queuectl_core.selection import Selection
from queuectl_core.services import changes
from queuectl_core.services.jobs import moment
from queuectl_core.web import actions
from queuectl_core.web.actions import Deed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from queuectl_core.clock import Clock
    from queuectl_core.services.changes import Verb
    from queuectl_core.storage.store import Store

CHUNK = 500
PAUSE_MS = 10
"""Between chunks, so that workers claim."""
MOST_KEPT = 100
MOST_RUNNING = 3
VERBS: Mapping[str, Verb] = {
    name: actions.VERBS[name] for name in ("retry", "cancel", "remove", "hold", "release")
}


class Wish(Record):
    """What is to be done: a verb, to which jobs, in whose name; `words` are the filter as given."""

    action: str
    selection: Selection
    words: Mapping[str, str]
    actor: str


class Progress(Record):
    """How far an operation is. `state` is running, done, cancelled or failed."""

    id: str
    wish: Wish
    state: str
    total: int
    done: int
    refused: int
    began_at_ms: int
    ended_at_ms: int | None = None
    error: str | None = None


def record(one: Progress) -> dict[str, object]:
    """Return what the world sees of an operation."""
    return {
        "id": one.id,
        "action": one.wish.action,
        "actor": one.wish.actor,
        "filter": dict(one.wish.words),
        "state": one.state,
        "total": one.total,
        "done": one.done,
        "refused": one.refused,
        "began_at": moment(one.began_at_ms),
        "ended_at": moment(one.ended_at_ms),
        "error": one.error,
    }


def wished(action: str, selection: Selection) -> Selection:
    """Return the selection in the states that the action means; BadData for no such action."""
    if action not in VERBS:
        raise BadData(f'there is no action "{action[:60]}"', hint="there are " + ", ".join(VERBS))
    return changes.narrowed(selection, VERBS[action])


class Place(Record):
    """Where operations are done. `changed` is called after each chunk."""

    clock: Clock
    logs_dir: str
    open_store: Callable[[], Store]
    changed: Callable[[], None]


class Operations:
    """The bulk operations of this process. Safe for threads."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._lock = Lock()
        self._known: dict[str, Progress] = {}
        self._stops: dict[str, Event] = {}
        self._threads: dict[str, Thread] = {}

    def all(self) -> Sequence[Progress]:
        """Return the operations, the newest first."""
        with self._lock:
            return list(reversed(self._known.values()))

    def find(self, operation_id: str) -> Progress:
        """Return an operation; NotFound for one of another process too."""
        with self._lock:
            found = self._known.get(operation_id)
        if found is None:
            raise NotFound("there is no such operation, or the dashboard was started again")
        return found

    def begin(self, wish: Wish, store: Store) -> Progress:
        """Take the numbers of all selected jobs and begin; BadData while others are under way."""
        numbers = store.ranking(
            wished(wish.action, wish.selection), order="number", descending=False
        )
        one = Progress(
            os.urandom(8).hex(), wish, "running", len(numbers), 0, 0, self._place.clock.now_ms()
        )
        with self._lock:
            if sum(other.state == "running" for other in self._known.values()) >= MOST_RUNNING:
                raise BadData(f"{MOST_RUNNING} operations are under way", hint="wait for one")
            self._known[one.id] = one
            self._stops[one.id] = Event()
            thread = Thread(target=self._run, args=(one, numbers), name="operation")
            self._threads[one.id] = thread
            self._forget_old()
        thread.start()
        return one

    def cancel(self, operation_id: str) -> Progress:
        """Let an operation end after the jobs that it is at; what is done stays done."""
        self.find(operation_id)
        with self._lock:
            self._stops[operation_id].set()
        return self.find(operation_id)

    def wait(self, operation_id: str) -> Progress:
        """Wait until an operation has ended."""
        self._threads[operation_id].join()
        return self.find(operation_id)

    def stop(self) -> None:
        """End all operations after the jobs that they are at, and wait for that."""
        with self._lock:
            threads = list(self._threads.values())
            for event in self._stops.values():
                event.set()
        for thread in threads:
            thread.join()

    def _forget_old(self) -> None:
        ended = [key for key, one in self._known.items() if one.state != "running"]
        for key in ended[: max(0, len(self._known) - MOST_KEPT)]:
            del self._known[key], self._stops[key], self._threads[key]

    def _note(self, operation_id: str, **fields: object) -> None:
        with self._lock:
            one = self._known[operation_id]
            self._known[operation_id] = one._replace(**fields)  # type: ignore[arg-type]

    def _run(self, one: Progress, numbers: Sequence[int]) -> None:
        """Do it, and tell how it ended: nobody else is there to hear of an error."""
        state, error = "done", None
        try:
            store = self._place.open_store()
            try:
                if not self._do(one, numbers, store):
                    state = "cancelled"
            finally:
                store.close()
        except QueuectlError as failure:
            state, error = "failed", str(failure)
        now_ms = self._place.clock.now_ms()
        self._note(one.id, state=state, error=error, ended_at_ms=now_ms)

    def _do(self, one: Progress, numbers: Sequence[int], store: Store) -> bool:
        """Do it chunk by chunk; tell whether it came to its end."""
        place, stop = self._place, self._stops[one.id]
        deed = Deed(one.wish.action)
        done = refused = 0
        rest = iter(numbers)
        while chunk := tuple(islice(rest, CHUNK)):
            if stop.is_set():
                break
            page = store.select(Selection(numbers=chunk), limit=CHUNK).jobs
            jobs = changes.free_of(page, VERBS[one.wish.action])
            now_ms = place.clock.now_ms()
            batch = actions.act(deed, store, jobs, now_ms=now_ms, logs_dir=place.logs_dir)
            done += len(batch.changed)
            refused += len(chunk) - len(batch.changed)
            self._note(one.id, done=done, refused=refused)
            place.changed()
            place.clock.wait(stop, PAUSE_MS)
        store.access().note(
            one.wish.actor, f"bulk {one.wish.action}", _said(one.wish.words),
            f"{done} of {one.total}", now_ms=place.clock.now_ms(),
        )  # fmt: skip
        return done + refused == one.total


def _said(words: Mapping[str, str]) -> str:
    return " ".join(f"{name}:{text}" for name, text in words.items())[:500] or "all"
